#!/bin/sh
# Tells whether the broker is healthy: health.sh DATA_FOLDER [MONITORING_ADDRESS [PROCESS]]
#
# It is not while JetStream says so of itself, of a stream or of a consumer; what it says is told.
#
# It also has the broker read its users, and its certificate, again when they have changed, which keeps its connections. And it ends a broker
# that keeps refusing a stream because its disk was full once, though there is room again: it is started anew, and takes
# everything. What it has said that it stored is on the disk.
set -eu
data=$1
address=${2:-http://127.0.0.1:8222}
broker=${3:-1}
for file in users.conf routes.conf server.pem; do
  new=/etc/nats/credentials/$file
  if [ -f "$new" ] && ! cmp -s "$new" "/tmp/$file"; then
    cp -f "$new" "/tmp/$file" && kill -HUP "$broker"
  fi
done
if wget -q -O - "$address/healthz" 2>&1 | grep -q '"ok"'; then exit 0; fi
said=$(printf 'GET /healthz HTTP/1.0\r\n\r\n' | nc -w 3 "$(echo "$address" | sed 's#http://##; s#:.*##')" "${address##*:}")
if echo "$said" | grep -q 'no space left on device'; then
  free=$(df -Pk "$data" | awk 'NR == 2 { print $4 }')
  if [ "$free" -gt 8192 ]; then
    echo "the disk was full and has room again: the broker is ended, to be started anew" >&2
    kill -TERM "$broker"
  fi
fi
echo "$said" | tail -n 1 >&2
exit 1
