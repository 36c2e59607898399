#!/bin/sh
# Enqueues one job and waits for its outcome: enqueue.sh ACCOUNT
set -eu
account=${1:?usage: enqueue.sh ACCOUNT}
ns=${ZOOMD_NAMESPACE:-zoomd}
redis() { redis-cli -u "${REDIS_URL:-redis://127.0.0.1:6379}" --raw "$@"; }

id=shell-$$-$(date +%s)
job='{"id":"'$id'","account":"'$account'","reply":true,
      "meeting":{"topic":"Hello from a shell","type":3}}'

redis XADD "$ns:jobs" '*' job "$job" >/dev/null
outcome=$(redis BLMOVE "$ns:reply:$id" "$ns:reply:$id" LEFT LEFT 30)

case $outcome in
*'"status":"succeeded"'*) printf '%s\n' "$outcome" | sed 's/.*"join_url":"\([^"]*\)".*/\1/' ;;
*) printf '%s\n' "${outcome:-no outcome yet}" >&2; exit 1 ;;
esac
