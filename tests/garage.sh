#!/usr/bin/env bash
# Plays the scenarios, and the file service's own tests, on garage, an S3 server that knows nothing of the one that
# everything else is tested on. Needs what tests/run.sh has built and installed. The first run builds garage into
# target/tools/garage, which takes four minutes or more; CI leaves it out.
#
#     tests/garage.sh [PART OF A SCENARIO'S NAME]…       without any: all scenarios, and the file service's tests
set -euo pipefail
cd "$(dirname "$0")/.."

version=2.5.0 tool=target/tools/garage
if [[ "$("$tool/bin/garage" --version 2>/dev/null)" != "garage "*"$version"* ]]; then
    # Neither its metrics nor its other protocols are needed; and what is used once need not be optimised.
    cargo install "garage@$version" --locked --debug --root "$tool" --target-dir "$tool/build" \
        --no-default-features --features bundled-libs,sqlite
    rm -rf "$tool/build"
fi

. tests/nats.sh
install_nats
. tests/aws.sh
install_aws
. tests/postgres.sh
start_postgres fsync=off full_page_writes=off synchronous_commit=off

port=$(free_port)
place=$(mktemp -d)
clean_up() {
    if [ -n "${garage:-}" ]; then
        kill "$garage" 2>/dev/null || true
        # It writes until it has ended.
        wait "$garage" || true
    fi
    [ -z "${postgres_place:-}" ] || stop_postgres
    rm -rf "$place"
}
# In place of start_postgres's own.
trap clean_up EXIT
cat >"$place/garage.toml" <<EOF
metadata_dir = "$place/meta"
data_dir = "$place/data"
db_engine = "sqlite"
replication_factor = 1
rpc_bind_addr = "127.0.0.1:$(free_port)"
rpc_secret = "$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n')"
[s3_api]
s3_region = "us-east-1"
api_bind_addr = "127.0.0.1:$port"
EOF
export CHATROOM_TEST_S3_ENDPOINT=http://127.0.0.1:$port CHATROOM_TEST_S3_BUCKET=chatroom
CHATROOM_TEST_S3_ACCESS_KEY=GK$(head -c 12 /dev/urandom | od -An -tx1 | tr -d ' \n')
CHATROOM_TEST_S3_SECRET_KEY=$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n')
export CHATROOM_TEST_S3_ACCESS_KEY CHATROOM_TEST_S3_SECRET_KEY
GARAGE_DEFAULT_ACCESS_KEY=$CHATROOM_TEST_S3_ACCESS_KEY GARAGE_DEFAULT_SECRET_KEY=$CHATROOM_TEST_S3_SECRET_KEY \
    RUST_LOG=warn "$tool/bin/garage" --config "$place/garage.toml" server --single-node --default-access-key \
    >"$place/log" 2>&1 &
garage=$!
late=$((SECONDS + 30))
until curl --silent --max-time 5 --output /dev/null "$CHATROOM_TEST_S3_ENDPOINT"; do
    if ! kill -0 "$garage" 2>/dev/null || [ "$SECONDS" -ge "$late" ]; then
        echo "garage does not answer" >&2
        cat "$place/log" >&2
        exit 1
    fi
    sleep 0.1
done

if [ $# -eq 0 ]; then
    cargo test --workspace --locked --no-fail-fast --test it --test file
else
    for filter in "$@"; do cargo test --workspace --locked --test it -- "$filter"; done
fi
