#!/bin/sh
# Tells whether the database can be used, and brings one of an earlier release to what `provision` needs: a role that
# may create the services' roles. While the cluster is being created it listens on its socket only.
#
# It also gives superuser and owner the passwords of their files, once after each start and whenever a file is new.
set -eu
pg_isready -q -h 127.0.0.1
run() { psql --username postgres --dbname nightshift --no-psqlrc --quiet --set ON_ERROR_STOP=1 "$@"; }
run <<'SQL'
DO $$ BEGIN
    IF NOT (SELECT rolcreaterole FROM pg_roles WHERE rolname = 'nightshift') THEN
        ALTER ROLE nightshift CREATEROLE;
    END IF;
END $$;
SQL
umask 077
for pair in postgres:superuser nightshift:nightshift; do
  file=/run/credentials/${pair#*:}-password
  seen=/tmp/${pair#*:}-password
  if ! cmp -s "$file" "$seen"; then
    # Not in the server's log, also where it logs statements or this one fails.
    run --set role="${pair%:*}" --set password="$(cat "$file")" <<'SQL'
SET log_statement = 'none';
SET log_min_error_statement = 'panic';
SET log_min_duration_statement = -1;
ALTER ROLE :"role" PASSWORD :'password';
SQL
    cp -f "$file" "$seen"
  fi
done
