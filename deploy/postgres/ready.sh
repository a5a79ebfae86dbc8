#!/bin/sh
# Tells whether the database can be used, and brings one of an earlier release to what `provision` needs: a role that
# may create the services' roles. While the cluster is being created it listens on its socket only.
set -eu
pg_isready -q -h 127.0.0.1
psql --username postgres --dbname nightshift --no-psqlrc --quiet --set ON_ERROR_STOP=1 <<'SQL'
DO $$ BEGIN
    IF NOT (SELECT rolcreaterole FROM pg_roles WHERE rolname = 'nightshift') THEN
        ALTER ROLE nightshift CREATEROLE;
    END IF;
END $$;
SQL
