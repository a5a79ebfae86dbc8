#!/bin/sh
# Starts the broker: start.sh DATA_FOLDER PROGRAM [ARGUMENT …]
#
# Streams belong to an account. Up to 0.1 they were in the global one ($G); now they are in NIGHTSHIFT, apart from the
# producers. The broker keeps each account in a folder, which can be renamed while no broker runs in it.
#
# MAX_FILE_STORE, the broker's own limit, is nine tenths of what its streams use and what is free on their disk, and 20 GB
# at most; unless it is set.
set -eu
store=$1
accounts=$1/jetstream
shift
before=$accounts/\$G
now=$accounts/NIGHTSHIFT
if [ -d "$before" ] && rmdir "$before" "$before/streams" 2>/dev/null; then :; fi
if [ -d "$before" ]; then
  if [ -e "$now" ]; then
    echo "start.sh: $before and $now both hold streams. Nothing was changed: move one of them away, and start again." >&2
    exit 1
  fi
  mv "$before" "$now"
  echo "start.sh: moved the streams of the global account to the account NIGHTSHIFT"
fi
if [ -z "${MAX_FILE_STORE:-}" ]; then
  free=$(df -Pk "$store" | awk 'NR == 2 { print $4 }')
  used=$(du -sk "$store" 2>/dev/null | awk '{ print $1 }')
  room=$(((free + used) / 10 * 9))
  most=$((20 * 1024 * 1024))
  if [ "$room" -gt "$most" ]; then room=$most; fi
  export MAX_FILE_STORE="${room}K"
fi
exec "$@"
