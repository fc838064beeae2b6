#!/usr/bin/env bash
# Asks a standalone process everything that its published description (/openapi.json) allows and much that it does not:
# no answer may be a fault of the server, and none may be one that the description does not have. Needs
# target/debug/chatroom. Installs schemathesis (PyPI) under target/tools where it is missing.
set -euo pipefail
cd "$(dirname "$0")/.."
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
tools=$target/tools/schemathesis
version=4.32.5
[ "$("$tools/bin/schemathesis" --version 2>/dev/null)" = "schemathesis, version $version" ] || {
    python3 -m venv "$tools"
    "$tools/bin/pip" install --quiet --disable-pip-version-check "schemathesis==$version"
}

place=$(mktemp -d)
# The standing limits are not what is looked at here.
CHATROOM_DATA_DIR=$place/data CHATROOM_LISTEN=127.0.0.1:0 CHATROOM_LOG_FORMAT=json \
    CHATROOM_WRITES_PER_SECOND=100000 CHATROOM_WRITES_BURST=100000 CHATROOM_UPLOADS_PER_MINUTE=100000 \
    CHATROOM_REGISTRATIONS_PER_MINUTE=100000 CHATROOM_REGISTRATIONS_BURST=100000 \
    CHATROOM_LOGIN_FAILURES_PER_ADDRESS=10000 \
    "$target/debug/chatroom" >/dev/null 2>"$place/log" &
server=$!
trap 'kill $server 2>/dev/null; wait $server 2>/dev/null; rm -rf "$place"' EXIT
address=
for _ in $(seq 300); do
    address=$(sed -n 's/.*"message":"listening".*"address":"\([^"]*\)".*/\1/p' "$place/log")
    [ -z "$address" ] || break
    kill -0 $server || { cat "$place/log" >&2; exit 1; }
    sleep 0.1
done
[ -n "$address" ] || { echo "the server never listened" >&2; exit 1; }

# Somebody with a page, a group, something said in it, and a file, so that not everything asked for is missing.
token=
post() { curl -sS --fail-with-body "http://$address$1" -H "token: $token" -H 'content-type: application/json' -d "$2"; }
field() { sed "s/.*\"$1\":\"\([^\"]*\)\".*/\1/"; }
# Its password is no example of the description's: given as the old one it would end the session.
user='{"username":"schemathesis","password":"not an example"}'
id=$(post /h5/user/reg "$user" | field _id)
CHATROOM_DATA_DIR=$place/data "$target/debug/chatroom" grant-admin schemathesis
token=$(post /h5/user/login "$user" | field token)
page=$(post /h5/merchant/createMerchant \
    "{\"activationCode\":\"a\",\"name\":\"a\",\"icon\":\"https://a.example/a.png\",\"customer\":\"$id\"}" | field _id)
group=$(post /h5/group "{\"merchant\":\"$page\",\"name\":\"a\",\"icon\":\"https://a.example/a.png\"}" | field _id)
say="{\"group\":\"$group\",\"clientId\":\"a\",\"kind\":\"text\",\"content\":{\"text\":\"a\"}}"
message=$(post /h5/message "$say" | sed 's/.*"data":{"_id":"\([^"]*\)".*/\1/')
printf '%%PDF-1.7\n' >"$place/a.pdf"
file=$(curl -sS --fail-with-body "http://$address/upload" -H "token: $token" -F "file=@$place/a.pdf" | field data)
cat >"$place/schemathesis.toml" <<END
[dictionaries]
users.values = ["$id"]
pages.values = ["$page"]
groups.values = ["$group"]
messages.values = ["$message"]
dates.values = ["$(basename "$(dirname "$file")")"]
names.values = ["$(basename "$file")"]
[parameters]
"body.customer" = { dictionary = "users", probability = 0.8 }
"body.merchant" = { dictionary = "pages", probability = 0.8 }
"body.group" = { dictionary = "groups", probability = 0.8 }
"body.message" = { dictionary = "messages", probability = 0.8 }
"body.user" = { dictionary = "users", probability = 0.8 }
"query.group" = { dictionary = "groups", probability = 0.8 }
"path.date" = { dictionary = "dates", probability = 0.8 }
"path.name" = { dictionary = "names", probability = 0.8 }
END

cd "$place"
checks=not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance
# What would end the session that everything else is asked with is left to the scenarios (tests/it/account).
ends=(--exclude-operation-id logout --exclude-operation-id logoutAll --exclude-operation-id endSessions)
# One worker: two make Python before 3.11.8, and so Debian 12's, fail now and then (python/cpython#106905).
"$tools/bin/schemathesis" --config-file schemathesis.toml run "http://$address/openapi.json" --header "token: $token" \
    --checks "$checks,response_schema_conformance" --phases examples,coverage,fuzzing --max-examples 150 --seed 20230821 \
    --workers 1 --no-color --suppress-health-check all --continue-on-failure --generation-database none "${ends[@]}"
if grep -E '"level":"ERROR"|panicked' "$place/log"; then
    echo "the server logged a fault" >&2
    exit 1
fi
