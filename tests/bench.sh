#!/usr/bin/env bash
# Measures the release binaries, on a PostgreSQL server of its own unless CHATROOM_TEST_POSTGRES_URL names one. The
# server keeps its promises (fsync is on): one that does not would be measured as faster than it is.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release --workspace --bins

if [ -z "${CHATROOM_TEST_POSTGRES_URL:-}" ]; then
    postgres=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
    [ -n "$postgres" ] || { echo "there is no PostgreSQL: install it, or set CHATROOM_TEST_POSTGRES_URL" >&2; exit 1; }
    # PostgreSQL refuses to run as root.
    as=(); [ "$(id -u)" -ne 0 ] || as=(runuser -u postgres --)
    place=$(mktemp -d)
    [ "${#as[@]}" -eq 0 ] || chown postgres "$place"
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    trap '"${as[@]}" "$postgres/pg_ctl" stop -s -m immediate -D "$place/data"; rm -rf "$place"' EXIT
    "${as[@]}" "$postgres/initdb" -A trust -U postgres -D "$place/data" >/dev/null
    # Two times three pools of 16 connections are open at once.
    "${as[@]}" "$postgres/pg_ctl" start -s -w -D "$place/data" -l "$place/log" \
        -o "-c listen_addresses=127.0.0.1 -c port=$port -c unix_socket_directories= -c max_connections=200"
    export CHATROOM_TEST_POSTGRES_URL=postgres://postgres@127.0.0.1:$port/postgres
fi

target/release/chatroom-bench "$@"
