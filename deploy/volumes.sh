#!/bin/sh
# Copies the volumes of a stack that stands still into a folder, or back: volumes.sh save|check|load (mounted: /stack,
# /backup). Run by backup.sh and restore.sh, in a container without a network.
set -eu
cd /backup
case $1 in
  save)
    rm -rf .part && mkdir .part
    for volume in /stack/*; do
      tar --create --gzip --numeric-owner --directory "$volume" --file ".part/$(basename "$volume").tar.gz" .
    done
    (cd .part && sha256sum -- *.tar.gz > SHA256SUMS)
    # Last, and at once: a backup that is there is whole.
    rm -rf volumes && mv .part volumes && sync
    chown -R "$(stat -c %u:%g .)" volumes
    ;;
  check)
    (cd volumes && sha256sum --check --quiet SHA256SUMS)
    for volume in /stack/*; do
      [ -f "volumes/$(basename "$volume").tar.gz" ] || { echo "the backup has no $(basename "$volume")" >&2; exit 1; }
    done
    ;;
  load)
    for volume in /stack/*; do
      find "$volume" -mindepth 1 -delete
      tar --extract --gzip --numeric-owner --same-permissions --directory "$volume" --file "volumes/$(basename "$volume").tar.gz"
    done
    sync
    ;;
  *) echo "volumes.sh save|check|load" >&2; exit 2 ;;
esac
