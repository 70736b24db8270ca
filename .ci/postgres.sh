#!/usr/bin/env bash
# A throw-away Postgres on a unix socket, for tests.
#   .ci/postgres.sh start FOLDER    make and start one; prints its address
#   .ci/postgres.sh stop FOLDER     stop it and remove the folder
#   .ci/postgres.sh install         apt-get install postgresql where no server is found; fails quietly without a network
set -euo pipefail
verb=${1:?start, stop or install} folder=${2:-}
bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1 || true)
[ -n "$bin" ] || bin=$(dirname "$(command -v initdb 2>/dev/null || echo /nowhere/initdb)")

as_owner() { # the server refuses to run as root
  if [ "$(id -u)" = 0 ]; then setpriv --reuid=postgres --regid=postgres --init-groups "$@"; else "$@"; fi
}

case $verb in
  install)
    [ -x "$bin/initdb" ] && exit 0
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || exit 1
    export DEBIAN_FRONTEND=noninteractive
    (timeout 120 apt-get -qq update && timeout 300 apt-get -qq install -y --no-install-recommends postgresql) >/dev/null 2>&1
    ;;
  start)
    [ -x "$bin/initdb" ] || { echo "no Postgres server is installed" >&2; exit 1; }
    mkdir -p "$folder"
    folder=$(cd "$folder" && pwd)
    if [ "$(id -u)" = 0 ]; then chown postgres "$folder"; chmod 711 "$folder"; fi
    cd "$folder"
    as_owner "$bin/initdb" -D "$folder/data" -U assay --auth=trust --no-sync --no-locale -E UTF8 >"$folder.log" 2>&1 ||
      { cat "$folder.log" >&2; exit 1; }
    as_owner "$bin/pg_ctl" -D "$folder/data" -s -w -l "$folder/data/log" \
      -o "-k '$folder' -c listen_addresses='' -c shared_buffers=16MB -c max_connections=40" start >/dev/null 2>&1
    echo "postgresql://assay@/postgres?host=$folder"
    ;;
  stop)
    as_owner "$bin/pg_ctl" -D "$folder/data" -s -m immediate stop >/dev/null 2>&1 || true
    rm -rf "$folder" "$folder.log"
    ;;
esac
