#!/usr/bin/env bash
# Breaks what the product stands on, piece by piece, and says which promises it keeps (--short: about three minutes).
# Builds the binaries unless CHATROOM_TEST_FAULTS names the run's, with the others beside it. PostgreSQL, which must be
# installed, is started by the run itself.
set -euo pipefail
cd "$(dirname "$0")/.."

. tests/nats.sh
install_nats

faults=${CHATROOM_TEST_FAULTS:-target/debug/chatroom-faults}
[ -n "${CHATROOM_TEST_FAULTS:-}" ] || cargo build --workspace --bins --locked
# Told to stop, it ends what it has started; a release build takes nine minutes.
timeout --kill-after=60 1500 "$faults" "$@"
