#!/bin/sh
# Fetches what the browser test needs and is missing, where that needs no question: a Chromium
# with apt-get, as root; the rules of axe-core with npm, into target/. The test says what it
# did not find.
set -eu
cd "$(dirname "$0")/.."

have() { command -v "$1" >/dev/null 2>&1; }

have chromium || have google-chrome || {
    if have apt-get && [ "$(id -u)" -eq 0 ]; then
        options="-q -o Acquire::Retries=0 -o Acquire::http::Timeout=20 -o DPkg::Lock::Timeout=120"
        # shellcheck disable=SC2086  # words on purpose
        { env DEBIAN_FRONTEND=noninteractive apt-get update $options &&
            env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $options chromium fonts-dejavu-core; } >&2 || true
    fi
}
have chromium || have google-chrome || echo "chromium is not installed: the console is not looked at" >&2

axe=target/axe-core/package/axe.min.js
if [ ! -f "$axe" ] && have npm; then
    mkdir -p target/axe-core
    (cd target/axe-core && npm pack --silent axe-core@4.11.4 >/dev/null && tar xzf axe-core-*.tgz) >&2 || true
fi
[ -f "$axe" ] || echo "axe-core is not there: the console is not checked for accessibility" >&2
