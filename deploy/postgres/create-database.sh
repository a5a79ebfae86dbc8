#!/bin/sh
# Run once, when the cluster is made: a database of its own for the services, whose user is no superuser.
set -eu
psql --set ON_ERROR_STOP=1 --no-psqlrc --username "$POSTGRES_USER" --dbname postgres \
    --set password="$(cat /run/credentials/nightshift-password)" <<'SQL'
CREATE ROLE nightshift LOGIN PASSWORD :'password';
CREATE DATABASE nightshift OWNER nightshift;
REVOKE CONNECT ON DATABASE postgres, nightshift FROM PUBLIC;
SQL
