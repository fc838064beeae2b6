#!/usr/bin/env bash
# Makes the secrets of an overlay, once: passwords, the addresses that carry them, the keys that sign tokens, and what
# the services prove themselves with.
#
#     new-secrets.sh OVERLAY [POSTGRES_HOST[:PORT][?OPTIONS]]
#
# They are written to OVERLAY/secrets, which git ignores: keep a copy where you keep secrets. What is there is kept.
# CHATROOM_USER is the program that makes the keys; chatroom-user, where it is unset.
set -euo pipefail
umask 077
overlay=${1:?the folder of an overlay}
server=${2:-postgres:5432}
[ -f "$overlay/kustomization.yaml" ] || { echo "no overlay: $overlay" >&2; exit 2; }
secrets=$overlay/secrets
mkdir -p "$secrets"

# A letter first: NATS takes a password of digits for a number.
password() {
    echo "p$(openssl rand -hex 16)"
}

database_url() {
    local options=${server#"${server%%\?*}"}
    echo "postgres://chatroom_$1:$2@${server%%\?*}/chatroom_$1$options"
}

# An address and the password it carries belong together: all of them are made, or none.
if [ ! -e "$secrets/user.env" ]; then
    user=$(password) merchant=$(password) group=$(password)
    nats_group=$(password) nats_gateway=$(password)
    cat > "$secrets/postgres.env" <<EOF
POSTGRES_PASSWORD=$(password)
USER_PASSWORD=$user
MERCHANT_PASSWORD=$merchant
GROUP_PASSWORD=$group
EOF
    cat > "$secrets/nats.env" <<EOF
NATS_GROUP_PASSWORD=$nats_group
NATS_GATEWAY_PASSWORD=$nats_gateway
EOF
    # As garage wants them; for another store, put its own key into file.env.
    cat > "$secrets/file.env" <<EOF
CHATROOM_S3_ACCESS_KEY=GK$(openssl rand -hex 12)
CHATROOM_S3_SECRET_KEY=$(openssl rand -hex 32)
EOF
    echo "GARAGE_RPC_SECRET=$(openssl rand -hex 32)" > "$secrets/s3.env"
    echo "CHATROOM_NATS_URL=nats://gateway:$nats_gateway@nats:4222" > "$secrets/gateway.env"
    cat > "$secrets/group.env" <<EOF
CHATROOM_DATABASE_URL=$(database_url group "$group")
CHATROOM_NATS_URL=nats://group:$nats_group@nats:4222
EOF
    echo "CHATROOM_DATABASE_URL=$(database_url merchant "$merchant")" > "$secrets/merchant.env"
    echo "CHATROOM_DATABASE_URL=$(database_url user "$user")" > "$secrets/user.env"
fi
for service in gateway merchant group file; do
    [ ! -e "$secrets/$service.secret" ] || continue
    # As `chatroom-user add-service` does it.
    openssl rand -hex 32 | tr -d '\n' > "$secrets/$service.secret"
    echo "$service $(sha256sum < "$secrets/$service.secret" | cut -d ' ' -f 1)" >> "$secrets/services"
done
[ -e "$secrets/signing-key.pem" ] || "${CHATROOM_USER:-chatroom-user}" keygen --out "$secrets"
echo "the secrets are in $secrets"
