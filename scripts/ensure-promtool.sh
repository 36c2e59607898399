#!/bin/sh
# Puts promtool on PATH, where that needs no question: out of the Debian package, as root.
# The package itself is not installed: it would start a Prometheus. Tests say loudly what
# they leave out without promtool.
set -eu

command -v promtool >/dev/null 2>&1 && exit 0

if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" -eq 0 ]; then
    echo "+ promtool from the package prometheus" >&2
    options="-q -o Acquire::Retries=0 -o Acquire::http::Timeout=20 -o DPkg::Lock::Timeout=120"
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    # shellcheck disable=SC2086  # words on purpose
    { cd "$folder" && chmod 755 "$folder" && apt-get update $options && apt-get download $options prometheus &&
        dpkg-deb -x prometheus_*.deb tree && install tree/usr/bin/promtool /usr/local/bin/promtool; } >&2 || true
fi

command -v promtool >/dev/null 2>&1 || echo "promtool is not installed: rules are not run" >&2
