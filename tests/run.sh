#!/usr/bin/env bash
# Runs every test, on both shapes and both databases, on Debian or Ubuntu with a Rust toolchain. Installs what is missing
# by apt-get, and a NATS server and Amazon's command line into target/tools; starts a PostgreSQL server of its own unless
# CHATROOM_TEST_POSTGRES_URL names one. Ubuntu has Chromium as a snap only: unless CHATROOM_TEST_CHROMIUM names
# one there, what needs a browser is left out, and named at the end.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
command -v cc >/dev/null || missing+=(build-essential)
command -v curl >/dev/null || missing+=(curl)
python3 -m ensurepip --version >/dev/null 2>&1 || missing+=(python3 python3-venv)
command -v sqlite3 >/dev/null || missing+=(sqlite3)
command -v pg_dump >/dev/null || missing+=(postgresql-client)
[ -n "${CHATROOM_TEST_CHROMIUM:-}" ] || command -v chromium >/dev/null || missing+=(chromium)
[ -n "${CHATROOM_TEST_POSTGRES_URL:-}" ] || ls -d /usr/lib/postgresql/*/bin >/dev/null 2>&1 || missing+=(postgresql)
if [ "${#missing[@]}" -gt 0 ]; then
    as_root=(); [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    "${as_root[@]}" apt-get update -qq
    if [[ " ${missing[*]} " == *" chromium "* ]] && ! apt-cache show chromium >/dev/null 2>&1; then
        export CHATROOM_TEST_CHROMIUM=none
        for package in "${!missing[@]}"; do [ "${missing[package]}" != chromium ] || unset 'missing[package]'; done
    fi
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
fi

. tests/nats.sh
install_nats
. tests/aws.sh
install_aws

. tests/postgres.sh
# The server is thrown away: what it would lose in a power cut does not matter.
# Nor do its statistics: the suites leave hundreds of databases, each of which would be visited again and again.
start_postgres fsync=off full_page_writes=off synchronous_commit=off autovacuum=off

# Everything at once but the benchmarks, so that the scenarios find the binaries and nothing is compiled twice.
cargo build --workspace --locked --bins --tests

log=$(mktemp)
failed=()
cargo test --workspace --locked --no-fail-fast 2>&1 | tee "$log" || failed+=("cargo test")
tests/schemathesis.sh || failed+=(tests/schemathesis.sh)
tests/faults.sh --short || failed+=("tests/faults.sh --short")

echo
for shape in standalone distributed; do
    grep -E "^[1-9][0-9]* scenarios kept on the $shape" "$log" || failed+=("no scenario was played on the $shape shape")
done
grep -qE ' [1-9][0-9]* ignored' "$log" && failed+=("tests were ignored")
if [ "${#failed[@]}" -gt 0 ]; then
    printf 'failed: %s\n' "${failed[@]}" >&2
    exit 1
fi
if [ "${CHATROOM_TEST_CHROMIUM:-}" = none ]; then
    echo "left out: security::browser, for want of Chromium; name one in CHATROOM_TEST_CHROMIUM. All other tests passed"
else
    echo "all tests passed"
fi
