#!/bin/sh
# Runs once, when the cluster is created: creates the services' database and the role that owns it, who is not a
# superuser. `provision` creates the services' own roles with it.
set -eu
psql --set ON_ERROR_STOP=1 --no-psqlrc --username "$POSTGRES_USER" --dbname postgres \
    --set password="$(cat /run/credentials/nightshift-password)" <<'SQL'
CREATE ROLE nightshift LOGIN CREATEROLE PASSWORD :'password';
CREATE DATABASE nightshift OWNER nightshift;
-- The library's schema has the role's name, where "$user" in the default path would put the application's tables.
ALTER ROLE nightshift SET search_path = public;
REVOKE CONNECT ON DATABASE postgres, nightshift FROM PUBLIC;
SQL
