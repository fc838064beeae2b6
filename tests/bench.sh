#!/usr/bin/env bash
# Measures the release binaries, on a PostgreSQL server of its own unless CHATROOM_TEST_POSTGRES_URL names one. The
# server keeps its promises (fsync is on): one that does not would be measured as faster than it is.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release --workspace --bins --locked

. tests/nats.sh
install_nats

. tests/postgres.sh
start_postgres

target/release/chatroom-bench "$@"
