#!/usr/bin/env bash
# Validates everything in deploy/ without a cluster: schemas, policies, what must hold between objects, alerts; and then
# that a mistake planted in each kind of object is caught. Installs its tools under target/deploy-check, and promtool
# (Debian's prometheus) where it is missing. Needs kubectl or kustomize.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$PWD/target/deploy-check
kubernetes=1.34

if ! diff -q deploy/check/requirements.txt "$work/requirements.txt" >/dev/null 2>&1; then
    mkdir -p "$work"
    python3 -m venv "$work/venv"
    "$work/venv/bin/pip" install --quiet --disable-pip-version-check --requirement deploy/check/requirements.txt
    cp deploy/check/requirements.txt "$work/"
fi
PATH=$work/venv/bin:$PATH
command -v promtool >/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends prometheus; }
if command -v kubectl >/dev/null; then render=(kubectl kustomize); else render=(kustomize build); fi
command -v "${render[0]}" >/dev/null || { echo "kubectl or kustomize is missing" >&2; exit 1; }

step() {
    printf '== %s\n' "$1"
}

step "render (${render[*]})"
rm -rf "$work/k8s"
cp -r deploy/k8s "$work/k8s"
overlays=()
for overlay in "$work"/k8s/overlays/*/; do
    name=$(basename "$overlay")
    rm -rf "$overlay/secrets"
    mkdir "$overlay/secrets"
    # In place of chatroom-user keygen, so that nothing has to be compiled.
    openssl genpkey -quiet -algorithm ed25519 -out "$overlay/secrets/signing-key.pem"
    echo '{"keys":[]}' > "$overlay/secrets/jwks.json"
    server=postgres:5432
    [ "$name" != production ] || server='db.example.com:5432?sslmode=require'
    "$work/k8s/new-secrets.sh" "$overlay" "$server" >/dev/null
    "$work/k8s/new-certificates.sh" "$overlay" >/dev/null
    openssl verify -CAfile "$overlay/secrets/authority/ca.crt" "$overlay"/secrets/*/tls.crt >/dev/null
done
for overlay in "$work"/k8s/overlays/*/; do
    name=$(basename "$overlay")
    "${render[@]}" "$overlay" > "$work/$name.yaml"
    overlays+=("$work/$name.yaml")
done

step "kubernetes-validate --strict against $kubernetes"
validated=$(kubernetes-validate -k "$kubernetes" --strict "${overlays[@]}" 2>&1) || { echo "$validated" >&2; exit 1; }
if grep -v '^INFO' <<< "$validated"; then exit 1; fi
echo "$(wc -l <<< "$validated") objects passed"

step "checkov"
for overlay in "${overlays[@]}"; do
    checkov --config-file deploy/check/checkov.yaml --framework kubernetes --file "$overlay"
done
checkov --config-file deploy/check/checkov.yaml --framework dockerfile --file deploy/Dockerfile

step "hadolint, shellcheck"
hadolint deploy/Dockerfile
shellcheck deploy/*.sh deploy/k8s/*.sh deploy/k8s/components/*/*.sh

step "compose schema"
check-jsonschema --builtin-schema vendor.compose-spec deploy/compose.yaml

step "nats-server -t"
NATS_GROUP_PASSWORD=group NATS_GATEWAY_PASSWORD=gateway \
    nats-server -t --config deploy/k8s/components/nats/nats.conf 2>&1 | tail -n 1

step "promtool"
promtool check rules deploy/observability/alerts.yaml
promtool test rules deploy/observability/alerts.test.yaml

step "between objects, and planted mistakes"
python -B deploy/check "${overlays[@]}"
echo "deploy-check: clean"
