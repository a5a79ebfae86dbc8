#!/bin/sh
# Pins the images of a compose stack: deploy/digests.sh [--check]
#
# A tag can be moved, a digest cannot. This writes docker-compose.digests.yml, with the digest of each image beside its tag: of
# what this machine has pulled, and tried. Named last in COMPOSE_FILE, nobody gets anything else, whoever moves the tag. With
# --check it only compares, and the exit code is 1 where the file is not what would be written. It asks no registry.
set -eu
usage="usage: deploy/digests.sh [--check]    (example: docker compose pull --ignore-buildable && deploy/digests.sh)"
case "${1:-}" in
  '' | --check) ;;
  --help) echo "$usage"; exit 0 ;;
  *) echo "$usage" >&2; exit 2 ;;
esac
cd "$(dirname "$0")/.."
file=docker-compose.digests.yml

digests() { docker image inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "$1" 2>/dev/null; }

# SERVICE IMAGE, of the profiles that are in use.
pins=$(docker compose config | awk '/^  [^ ]+:$/ { service = $1 } /^    image:/ { print service, $2 }' | while read -r service image; do
  tagged=${image%@*}
  case "${tagged##*/}" in *:*) repository=${tagged%:*} ;; *) repository=$tagged ;; esac
  repository=${repository#docker.io/}
  # What was pulled by its digest has no tag here.
  found=$({ digests "$tagged" || digests "$image"; } | sed -n "s#^${repository#library/}@##p" | head -n 1)
  if [ -n "$found" ]; then
    printf '  %s\n    image: %s@%s\n' "$service" "$tagged" "$found"
  else
    echo "$service $tagged is not pinned: it was built here, or is not pulled" >&2
  fi
done)
[ -n "$pins" ] || { echo "nothing to pin: docker compose pull --ignore-buildable first" >&2; exit 1; }
text="# Made by deploy/digests.sh: what these tags were on the machine that ran it.
services:
$pins"
if [ "${1:-}" != --check ]; then
  echo "$text" >"$file"
  echo "$file is written: name it last in COMPOSE_FILE"
elif [ "$(cat "$file" 2>/dev/null)" != "$text" ]; then
  echo "$file is not what this machine has pulled:" >&2
  echo "$text" | diff "$file" - >&2 || true
  echo "run deploy/digests.sh once that has been tried" >&2
  exit 1
fi
