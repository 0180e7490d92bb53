#!/usr/bin/env bash
# VLC as an RTSP server on loopback: it answers SETUP for TCP with 461.
#   vlc_server.sh FILE PORT      serves rtsp://127.0.0.1:PORT/x
# VLC refuses to run as root, so it becomes nobody, who may not be allowed to open FILE: it inherits it as standard
# input. It ends with the process that started it.
set -euo pipefail

file=${1:?usage: vlc_server.sh FILE PORT}
port=${2:?usage: vlc_server.sh FILE PORT}
exec <"$file"
cd /

nobody=()
if ((EUID == 0)); then
    nobody=(--reuid=nobody --regid=nogroup --clear-groups)
fi
exec setpriv "${nobody[@]}" --pdeathsig KILL \
    cvlc --quiet --no-interact --loop fd://0 --sout "#rtp{sdp=rtsp://127.0.0.1:$port/x}" --sout-keep
