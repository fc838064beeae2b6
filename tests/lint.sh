#!/usr/bin/env bash
# Style, lints, licences and contracts. Installs buf (npm) and cargo-deny (crates.io) under target/tools where they are
# missing.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=$PWD/target/tools
mkdir -p "$tools"

cargo fmt --all --check
cargo clippy --workspace --all-targets --all-features --locked -- -D warnings
# As in their images.
cargo clippy --no-default-features --package chatroom-user --package chatroom-merchant --package chatroom-group --locked \
    -- -D warnings

command -v npm >/dev/null || { apt-get update -qq && apt-get install -y -qq npm; }
[ -x "$tools/node_modules/.bin/buf" ] || npm install --silent --no-fund --no-audit --prefix "$tools" @bufbuild/buf@1.75.0
(cd proto && "$tools/node_modules/.bin/buf" lint)
if base=$(git rev-parse --verify --quiet main) && git cat-file -e "$base:proto/buf.yaml" 2>/dev/null; then
    "$tools/node_modules/.bin/buf" breaking proto --against ".git#branch=main,subdir=proto"
fi

command -v cargo-deny >/dev/null || PATH=$tools/bin:$PATH
# It runs for seconds: optimising it takes longer than that ever gives back.
command -v cargo-deny >/dev/null || cargo install --quiet --locked --debug --root "$tools" cargo-deny@0.20.2
cargo deny --all-features --log-level error check licenses bans sources
echo "lint: clean"
