#!/bin/sh
# Tells which ports of a compose stack somebody else has, before anything is started: deploy/ports.sh [SERVICE …]
#
#   deploy/ports.sh && docker compose up --build --wait
#
# `docker compose up` alone stops at the first of them, with half of the stack running. Here Docker itself tries each port
# of the stack (of these services only) that no container of theirs has. Nothing is left of that.
set -eu
usage="usage: deploy/ports.sh [SERVICE …]    (example: deploy/ports.sh && docker compose up --build --wait)"
case "${1:-}" in
  --help) echo "$usage"; exit 0 ;;
  -*) echo "$usage" >&2; exit 2 ;;
esac
cd "$(dirname "$0")/.."
config=$(docker compose config)
project=$(echo "$config" | sed -n 's/^name: //p')
# SERVICE ADDRESS PORT, a line for each that is published.
published=$(echo "$config" | awk '
  /^  [^ ]+:$/ { service = $1; sub(/:$/, "", service) }
  /^      - mode:/ { address = "0.0.0.0" }
  /^        host_ip:/ { address = $2 }
  /^        published:/ { gsub(/"/, "", $2); print service, address, $2 }')
# The broker's: small, and of every stack.
image=$(echo "$config" | awk '/^  [^ ]+:$/ { here = $1 == "nats:" } here && /^    image:/ { print $2; exit }')
docker image inspect "$image" >/dev/null 2>&1 || docker pull --quiet "$image" >/dev/null

own() { docker ps --quiet --filter "label=com.docker.compose.project=$project" --filter "label=com.docker.compose.service=$1" --filter "publish=$2"; }
# The setting in the file's own line, `ports: ["127.0.0.1:${GATEWAY_PORT:-8000}:8000"]`.
setting() { awk -v service="$1:" '/^  [^ ]+:$/ { here = $1 == service } here && /^    ports:/ && match($0, /\$\{[A-Z0-9_]+/) { print substr($0, RSTART + 2, RLENGTH - 2); exit }' docker-compose*.yml; }

taken=0
while read -r service address port; do
  [ -n "$port" ] || continue
  [ $# -eq 0 ] || echo " $* " | grep -q " $service " || continue
  [ -z "$(own "$service" "$port")" ] || continue
  case "$address" in *:*) address="[$address]" ;; esac
  said=$(docker run --rm --network bridge --publish "$address:$port:9" --entrypoint true "$image" 2>&1 </dev/null) && continue
  taken=1
  case "$said" in
    *"already allocated"* | *"already in use"*)
      holder=$(docker ps --filter "publish=$port" --format 'the container {{.Names}}' | head -n 1)
      name=$(setting "$service")
      echo "port $port of $service is in use by ${holder:-another program}: stop that, or give $service another one${name:+ ($name=… in .env)}" >&2 ;;
    *) echo "port $port of $service cannot be used: $(echo "$said" | tail -n 1)" >&2 ;;
  esac
done <<END_OF_PORTS
$published
END_OF_PORTS
exit $taken
