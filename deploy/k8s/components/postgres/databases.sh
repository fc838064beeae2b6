#!/bin/bash
# Makes a database and a login for each service; no login reaches another's database. The postgres image runs this once,
# on an empty volume; for any other server: PGHOST=… PGUSER=… PGPASSWORD=… USER_PASSWORD=… … bash databases.sh
set -eo pipefail

for service in user merchant group; do
    password=${service^^}_PASSWORD
    psql --no-psqlrc --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-${PGUSER:-postgres}}" --dbname postgres \
        --set name="chatroom_$service" --set password="${!password:?}" <<'SQL'
create role :"name" login password :'password';
grant :"name" to current_user;
create database :"name" owner :"name";
revoke all on database :"name" from public;
SQL
done
