#!/bin/sh
# Installs the languages of examples/ that are missing, where that needs no
# question: with apt-get, as root. Tests skip an example whose language is not
# there, so what cannot be installed is named and is no error.
set -eu

have() { command -v "$1" >/dev/null 2>&1; }

missing=
have python3 || missing="$missing python3"
have node || missing="$missing nodejs"
have go || missing="$missing golang-go"
[ -n "$missing" ] || exit 0

if have apt-get && [ "$(id -u)" -eq 0 ]; then
    echo "+ apt-get install$missing" >&2
    options="-q -o Acquire::Retries=0 -o Acquire::http::Timeout=20 -o DPkg::Lock::Timeout=120"
    # shellcheck disable=SC2086  # words on purpose
    { env DEBIAN_FRONTEND=noninteractive apt-get update $options &&
        env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $options $missing; } >&2 || true
fi

for program in python3 node go; do
    have "$program" || echo "$program is not installed: its example is not run" >&2
done
