#!/bin/sh
# Backs up a compose stack: deploy/backup.sh FOLDER, or `make backup TO=FOLDER`
#
# Everything stands still from the first copy to the last, so that broker, database, objects and credentials are of one
# moment: services finish or release what they have in flight, then the stores stop. Producers are refused meanwhile. What
# ran before runs afterwards, in as many replicas, also where the copying fails.
set -eu
[ $# -eq 1 ] && [ "$1" != --help ] || { echo "usage: deploy/backup.sh FOLDER    (example: deploy/backup.sh /backups/monday)" >&2; exit 2; }
mkdir -p "$1"
BACKUP_FOLDER=$(cd "$1" && pwd)
export BACKUP_FOLDER
compose() { docker compose "$@"; }
running=$(compose ps --services --status running)
[ -n "$running" ] || echo "the stack does not run: its volumes are copied as they are"
trap '[ -z "$running" ] || compose start $running' EXIT
compose stop
compose run --rm -T --no-deps backup save
echo "backed up into $BACKUP_FOLDER/volumes: $(du -sh "$BACKUP_FOLDER/volumes" | cut -f1)"
