#!/bin/sh
# Brings a compose stack to the release of this checkout, one replica after another: deploy/update.sh, or `make update`
#
# What is wrong is told before anything is stopped: ports in use, settings of each service (`--check`), tables, streams and
# what waits there (`nightshift upgrade --check`). Then `provision`, then the services, each in as many replicas as it had: a new
# replica is healthy before an old one is told to stop, which finishes or releases what it has in flight. The gateway, whose
# port one container holds, is away for a moment. A new release that does not become healthy ends the update, and the old
# replicas that are left go on.
#
# --back, in the checkout of the release before, brings the services back to it. Tables and streams stay those of the newer
# release, which it can work with: a release only adds to them, and removes what the one before it does not use.
set -eu
back=
if [ "${1:-}" = --back ]; then back=yes; shift; fi
case "${1:-}" in
  -*) echo "usage: deploy/update.sh [--back] [SERVICE …]    (example: git pull && deploy/update.sh)" >&2; exit 2 ;;
esac
compose() { docker compose "$@"; }
cd "$(dirname "$0")/.."
services=$(for name in $(compose config --services); do [ ! -f "services/$name/__main__.py" ] || echo "$name"; done)
for service in "$@"; do
  echo "$services" | grep -qx -- "$service" || { echo "there is no service $service; there are: "$services >&2; exit 2; }
done
[ $# -eq 0 ] || services=$*
# Those that this stack has: several brokers, or a database and an object store of one's own.
infrastructure=$(compose config --services | grep -E '^(nats(-[0-9]+)?|postgres|seaweedfs)$' | sort)
# What `--version` and the image's label say; unknown where this is no checkout.
REVISION=${REVISION:-$(git describe --always --dirty --abbrev=12 '--exclude=*' 2>/dev/null || true)}
export REVISION
compose build --quiet
# A release's image, where the file names one.
compose pull --quiet --ignore-buildable credentials
sh deploy/ports.sh $infrastructure $(compose ps --services) || { echo "nothing was changed: see above" >&2; exit 1; }
for service in $services; do
  compose run --rm -T --no-deps "$service" "services.$service" --check ||
    { echo "nothing was changed: mend the settings of $service first" >&2; exit 1; }
done
if [ -z "$back" ]; then
  compose run --rm -T --no-deps operator upgrade --check ||
    { echo "nothing was changed: see above" >&2; exit 1; }
  # Passwords and rights of the release; servers are made anew only where their part of the file has changed.
  compose run --rm -T --no-deps credentials
  for server in $infrastructure; do compose up -d --no-deps --wait "$server"; done
  compose run --rm -T --no-deps provision
fi

roll() {
  old=$(compose ps --quiet "$1")
  [ -n "$old" ] || return 0
  count=$(echo "$old" | wc -l)
  for container in $old; do
    compose up -d --no-deps --no-recreate --wait --scale "$1=$((count + 1))" "$1"
    docker stop --time 40 "$container" >/dev/null
    docker rm "$container" >/dev/null
  done
}

for service in $services; do
  echo "updating $service"
  if docker port "$(compose ps --quiet "$service" | head -n 1)" 2>/dev/null | grep -q .; then
    compose up -d --no-deps --wait "$service"
  else
    roll "$service"
  fi
done
echo "updated"
