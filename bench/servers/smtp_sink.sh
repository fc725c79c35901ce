#!/bin/sh
# smtp-sink of Postfix: `smtp_sink.sh PORT`. It reads content and forgets it; it never has a whole message in memory.
PATH="$PATH:/usr/sbin"
# As root it insists on becoming somebody else.
[ "$(id -u)" -ne 0 ] || set -- "$1" -u nobody
port=$1
shift
exec smtp-sink "$@" -h mx.test -m 10000 "127.0.0.1:$port" 4096
