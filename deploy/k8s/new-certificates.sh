#!/usr/bin/env bash
# Makes the certificates by which services prove themselves to each other, in place of those that are there.
#
#     new-certificates.sh OVERLAY
#
# They are written to OVERLAY/secrets, which git ignores, and last for a year; the authority that signs them, whose key
# nobody but this script needs, is made the first time and lasts for ten.
set -euo pipefail
umask 077
overlay=${1:?the folder of an overlay}
[ -f "$overlay/kustomization.yaml" ] || { echo "no overlay: $overlay" >&2; exit 2; }
secrets=$overlay/secrets
mkdir -p "$secrets/authority"
authority=$secrets/authority/ca

key() {
    openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"
}

if [ ! -e "$authority.key" ]; then
    key "$authority.key"
    openssl req -x509 -new -key "$authority.key" -days 3650 -subj "/CN=chatroom services" -out "$authority.crt" \
        -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign"
fi
for service in user merchant group file gateway; do
    folder=$secrets/$service
    mkdir -p "$folder"
    key "$folder/tls.key"
    openssl req -new -key "$folder/tls.key" -subj "/CN=$service" -addext "subjectAltName=DNS:$service" \
        | openssl x509 -req -CA "$authority.crt" -CAkey "$authority.key" -days 365 -copy_extensions copy \
            -out "$folder/tls.crt" 2>/dev/null
    cp "$authority.crt" "$folder/ca.crt"
done
echo "the certificates are in $secrets"
