#!/usr/bin/env bash
# Breaks what the product stands on, piece by piece, and says which promises it keeps: on the release binaries in about
# nine minutes; with --short on the debug ones, which tests/run.sh has built, in about three. Builds them unless
# CHATROOM_TEST_FAULTS names the run's, with the others beside it. PostgreSQL, which must be installed, is started by the
# run itself.
set -euo pipefail
cd "$(dirname "$0")/.."

. tests/nats.sh
install_nats

faults=${CHATROOM_TEST_FAULTS:-}
if [ -z "$faults" ]; then
    build=(--release --bins) profile=release
    # What tests/run.sh builds, word for word: binaries alone would be compiled with other features of what they need.
    for argument in "$@"; do [ "$argument" != --short ] || build=(--bins --tests) profile=debug; done
    cargo build --workspace --locked "${build[@]}"
    faults=target/$profile/chatroom-faults
fi
# Told to stop, it ends what it has started.
timeout --kill-after=60 1500 "$faults" "$@"
