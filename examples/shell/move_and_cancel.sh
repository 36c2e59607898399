#!/bin/sh
# Makes a meeting, changes it and cancels it: move_and_cancel.sh ACCOUNT
set -eu
account=${1:?usage: move_and_cancel.sh ACCOUNT}
ns=${ZOOMD_NAMESPACE:-zoomd}
redis() { redis-cli -u "${REDIS_URL:-redis://127.0.0.1:6379}" --raw "$@"; }

# Enqueues a job of this id and these fields, and prints its outcome.
run() {
  redis XADD "$ns:jobs" '*' job '{"id":"'"$1"'","account":"'"$account"'","reply":true,'"$2"'}' >/dev/null
  outcome=$(redis BLMOVE "$ns:reply:$1" "$ns:reply:$1" LEFT LEFT 30)
  case $outcome in
  *'"status":"succeeded"'*) ;;
  *) printf '%s\n' "${outcome:-no outcome yet}" >&2; exit 1 ;;
  esac
}

id=shell-$$-$(date +%s)
run "$id" '"meeting":{"topic":"Hello from a shell","type":3}'
meeting=$(printf '%s\n' "$outcome" | sed 's/.*"meeting":{.*"id":\([0-9]*\).*/\1/')
run "$id-move" '"kind":"update_meeting","meeting_id":'"$meeting"',"scope":"series","meeting":{"topic":"Moved"}'
printf '%s\n' "$outcome" | sed 's/.*"effect":"\([^"]*\)".*/\1/'
run "$id-cancel" '"kind":"delete_meeting","meeting_id":'"$meeting"',"scope":"series"'
printf '%s\n' "$outcome" | sed 's/.*"effect":"\([^"]*\)".*/\1/'
