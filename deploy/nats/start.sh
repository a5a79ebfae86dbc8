#!/bin/sh
# Starts the broker: start.sh DATA_FOLDER PROGRAM [ARGUMENT …]
#
# Streams belong to an account. Up to 0.1 they were in the global one ($G); now they are in NIGHTSHIFT, apart from the
# producers. The broker keeps each account in a folder, which can be renamed while no broker runs in it.
set -eu
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
exec "$@"
