#!/bin/sh
# Brings a compose stack back to a backup: deploy/restore.sh FOLDER [--yes], or `make restore FROM=FOLDER [YES=1]`
#
# The backup is checked before anything is stopped. What the stack holds now is replaced, passwords included.
set -eu
[ $# -ge 1 ] && [ "$1" != --help ] || { echo "usage: deploy/restore.sh FOLDER [--yes]    (example: deploy/restore.sh /backups/monday)" >&2; exit 2; }
[ -f "$1/volumes/SHA256SUMS" ] || { echo "$1 holds no backup: make one with deploy/backup.sh" >&2; exit 2; }
BACKUP_FOLDER=$(cd "$1" && pwd)
export BACKUP_FOLDER
compose() { docker compose "$@"; }
if [ "${2:-}" != --yes ]; then
  printf 'This replaces everything that the stack holds now by the backup in %s. Go on? [y/N] ' "$BACKUP_FOLDER"
  read -r answer && [ "$answer" = y ] || { echo "nothing was changed"; exit 1; }
fi
sh "$(dirname "$0")/ports.sh" || { echo "nothing was changed: see above" >&2; exit 1; }
compose build --quiet
compose run --rm -T --no-deps backup check
compose down
compose run --rm -T --no-deps backup load
compose up -d --build --wait
