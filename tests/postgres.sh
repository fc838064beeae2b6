# Sourced: start_postgres starts a throw-away PostgreSQL server on a free port of loopback, names it in
# CHATROOM_TEST_POSTGRES_URL, and ends it with the shell. Its arguments are further settings, such as fsync=off. Where
# the variable names a server already, that one is taken.

start_postgres() {
    [ -z "${CHATROOM_TEST_POSTGRES_URL:-}" ] || return 0
    postgres=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
    [ -n "$postgres" ] || { echo "there is no PostgreSQL: install it, or set CHATROOM_TEST_POSTGRES_URL" >&2; return 1; }
    # PostgreSQL refuses to run as root.
    postgres_as=(); [ "$(id -u)" -ne 0 ] || postgres_as=(runuser -u postgres --)
    postgres_place=$(mktemp -d)
    [ "${#postgres_as[@]}" -eq 0 ] || chown postgres "$postgres_place"
    local port setting options="-c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=500"
    port=$(free_port)
    for setting in "port=$port" "$@"; do options+=" -c $setting"; done
    trap stop_postgres EXIT
    "${postgres_as[@]}" "$postgres/initdb" -A trust -U postgres -D "$postgres_place/data" >/dev/null
    "${postgres_as[@]}" "$postgres/pg_ctl" start -s -w -D "$postgres_place/data" -l "$postgres_place/log" -o "$options"
    export CHATROOM_TEST_POSTGRES_URL=postgres://postgres@127.0.0.1:$port/postgres
}

# A port of loopback below those that connections are given: it is still free when the server is there.
free_port() {
    python3 - <<'END'
import random, socket

for port in random.sample(range(10000, 32000), 100):
    with socket.socket() as tried:
        try:
            tried.bind(("127.0.0.1", port))
        except OSError:
            continue
    print(port)
    break
else:
    raise SystemExit("no port is free")
END
}

stop_postgres() {
    "${postgres_as[@]}" "$postgres/pg_ctl" stop -s -m immediate -D "$postgres_place/data" || true
    rm -rf "$postgres_place"
}
