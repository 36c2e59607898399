#!/bin/sh
# Makes sure that a redis-server (or valkey-server) is on PATH. Prints every
# command before it runs it, and uses sudo only where the user is not root.
set -eu

have() { command -v "$1" >/dev/null 2>&1; }

if have redis-server || have valkey-server; then
    exit 0
fi

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        echo "+ $*" >&2
        "$@"
    elif have sudo; then
        echo "+ sudo $*" >&2
        sudo "$@"
    else
        echo "error: installing redis-server needs root, and there is no sudo" >&2
        echo "hint: as root, run: $*" >&2
        exit 1
    fi
}

echo "redis-server is not installed; installing it" >&2
if have apt-get; then
    # The package would start a server of its own on port 6379; zoomd's demo and
    # tests start private ones and want none of it.
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q
    as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
        apt-get install -y -q --no-install-recommends redis-server
elif have dnf; then
    as_root dnf install -y redis || as_root dnf install -y valkey
elif have brew; then
    echo "+ brew install redis" >&2
    brew install redis
else
    echo "error: no apt-get, dnf or brew found" >&2
    echo "hint: install redis-server 6.2 or newer (or valkey-server) and run this again" >&2
    exit 1
fi

have redis-server || have valkey-server || {
    echo "error: redis-server was installed but is not on PATH" >&2
    exit 1
}
