#!/usr/bin/env bash
# Plays scenarios on the images that deploy/image.sh has made, run as a cluster would: as user 65532, on a root that
# cannot be written to. Needs root, buildah, and what tests/run.sh has built and installed.
#
#     tests/images.sh [PART OF A SCENARIO'S NAME]…       without any: all scenarios
set -euo pipefail
cd "$(dirname "$0")/.."
# The images are mounted where nobody else sees it, and go with the last process.
[ "${1:-}" = --mounted ] || exec unshare --mount "$0" --mounted "$@"
shift

version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
# The newest of that name that plays scenarios: the gateway's own suite has it, too.
suite=
for built in $(find target/debug/deps -name 'it-*' -executable -printf '%T@ %p\n' | sort -n | cut -d ' ' -f 2); do
    grep -q '^distributed::' <<< "$("$built" --list)" && suite=$built
done
[ -n "$suite" ] || { echo "the scenarios are not built: run tests/run.sh" >&2; exit 1; }
. tests/postgres.sh
start_postgres fsync=off full_page_writes=off synchronous_commit=off

place=$(mktemp -d)
chmod 755 "$place"
mkdir "$place/bin" "$place/tmp"
chown 65532:65532 "$place/tmp"
images() { buildah --storage-driver "${STORAGE_DRIVER:-vfs}" "$@"; }
containers=()
clean_up() {
    for root in "$place"/*.root; do umount --recursive --lazy "$root" || true; done
    for container in "${containers[@]}"; do images rm "$container" >/dev/null || true; done
    rm -rf "$place"
    [ -z "${postgres_place:-}" ] || stop_postgres
}
trap clean_up EXIT

for binary in chatroom chatroom-{user,merchant,group,file,gateway}; do
    container=$(images from "localhost/$binary:$version")
    containers+=("$container")
    image=$(images mount "$container")
    # What every runtime shows them, and the one folder that they share with the scenarios, which tell them where keys and
    # data are.
    mkdir -p "$image/dev" "$image/proc" "$image$place/tmp" "$place/$binary.root"
    touch "$image/etc/hosts" "$image/etc/resolv.conf"
    mount --bind "$image" "$place/$binary.root"
    mount -o remount,bind,ro "$place/$binary.root"
    for shown in /dev /proc /etc/hosts /etc/resolv.conf "$place/tmp"; do
        mount --rbind "$shown" "$place/$binary.root$shown"
    done
    printf '#!/bin/sh\nexec unshare --user --map-current-user --root=%s --wd=/ /chatroom "$@"\n' "$place/$binary.root" \
        >"$place/bin/$binary"
    chmod 755 "$place/bin/$binary"
done
nobody=(setpriv --reuid 65532 --regid 65532 --clear-groups)
if "${nobody[@]}" touch "$place/chatroom.root/data/written" 2>/dev/null; then
    echo "the root can be written to" >&2
    exit 1
fi

[ $# -gt 0 ] || set -- ""
failed=0
for filter in "$@"; do
    "${nobody[@]}" env HOME="$place/tmp" TMPDIR="$place/tmp" \
        CHATROOM_TEST_BINARIES="$place/bin" CHATROOM_TEST_NATS_SERVER="$PWD/target/tools/nats/bin/nats-server" \
        "$suite" "$filter" || failed=1
done
exit "$failed"
