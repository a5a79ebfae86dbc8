#!/bin/sh
# Moves the streams of a compose stack from one broker to three, or back: deploy/move.sh FROM TO, each a COMPOSE_FILE
#
#   deploy/move.sh docker-compose.yml docker-compose.yml:docker-compose.cluster.yml
#
# Services stop, the streams are copied (jobs, delayed jobs, dead letters, schedules), the brokers of FROM stop, those of TO
# start and get them, `provision` runs, everything starts. Producers are refused meanwhile and try again. Where it fails,
# FROM runs again as it was. What the brokers of FROM hold stays in their volumes; those of TO have to be empty.
set -eu
[ $# -eq 2 ] || { echo "usage: deploy/move.sh FROM TO    (example: deploy/move.sh docker-compose.yml docker-compose.yml:docker-compose.cluster.yml)" >&2; exit 2; }
cd "$(dirname "$0")/.."
before=$1
after=$2
from() { COMPOSE_FILE=$before docker compose "$@"; }
to() { COMPOSE_FILE=$after docker compose "$@"; }
brokers() { "$1" config --services | grep -E '^nats(-[0-9]+)?$' | sort; }
here=$(brokers from)
there=$(brokers to)
project=$(to config | sed -n 's/^name: //p')
workers=$(for name in $(from config --services); do [ ! -f "services/$name/__main__.py" ] || echo "$name"; done)
workers=$(from ps --services --status running | grep -xF "$workers" || true)
streams() { side=$1; shift; "$side" run --rm -T --no-deps --volume "${project}_moving:/scratch" --entrypoint python operator -m deploy.streams "$@"; }

COMPOSE_FILE=$after sh deploy/ports.sh $there || { echo "nothing was changed: see above" >&2; exit 1; }
to build --quiet
to run --rm -T --no-deps credentials
forget() { docker volume rm --force "${project}_moving" >/dev/null; }
back() {
  echo "it failed: the stack goes on as it was" >&2
  to rm --stop --force $there
  from up -d --no-deps --wait $here
  [ -z "$workers" ] || from up -d --no-deps --no-recreate $workers
  forget
}
trap back EXIT
[ -z "$workers" ] || from stop $workers
streams from save /scratch/streams
from rm --stop --force $here
to up -d --no-deps --wait $there
streams to load /scratch/streams --replicas "$(echo "$there" | wc -l)" || {
  echo "brokers that hold streams of an earlier move are emptied by: docker volume rm" \
    $(if [ "$there" = nats ]; then echo "${project}_nats"; else for n in 1 2 3; do echo "${project}_nats-$n"; done; fi) >&2
  exit 1
}
to run --rm -T --no-deps provision
trap - EXIT
forget
[ -z "$workers" ] || to up -d --wait $workers
echo "moved: put COMPOSE_FILE=$after into .env"
