#!/usr/bin/env bash
# Builds images from binaries that are compiled on this machine, with buildah: no daemon, no base image, no registry.
# They are the ones that the Dockerfile makes, whose last stages this uses.
#
#     deploy/image.sh SERVICE…       user, merchant, group, file, gateway, standalone
#
# Needs buildah, and glibc 2.36 or newer with its static libraries (Debian 12: libc6-dev).
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || { sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 2; }

target=$(uname -m)-unknown-linux-gnu
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
# In place of the Dockerfile's stage of this name.
binaries=target/images
mkdir -p "$binaries/image/bin" "$binaries/image/data"
cp /etc/ssl/certs/ca-certificates.crt "$binaries/image/"

for service in "$@"; do
    binary=chatroom-$service stage=service
    [ "$service" != standalone ] || binary=chatroom stage=standalone
    # One at a time: built together, each would carry the features that another asks of a shared crate. Without its own
    # default features a service goes without SQLite.
    RUSTFLAGS="-C target-feature=+crt-static -C link-arg=-Wl,-z,pack-relative-relocs" \
        cargo build --quiet --locked --profile dist --target "$target" --no-default-features \
            --package "chatroom-$service" --bin "$binary"
    cp "target/$target/dist/$binary" "$binaries/image/bin/$service"
    buildah --storage-driver "${STORAGE_DRIVER:-vfs}" bud --quiet --isolation chroot --file deploy/Dockerfile \
        --build-context "binaries=$binaries" --target "$stage" --build-arg "SERVICE=$service" \
        --build-arg "VERSION=$version" --build-arg "REVISION=$revision" --tag "$binary:$version" . >/dev/null
    echo "$binary:$version, binary $(du --apparent-size --block-size=1K "$binaries/image/bin/$service" | cut -f1) KiB"
done
