#!/usr/bin/env bash
# Makes the samples anew: records GStreamer's RTSP server with this tool. Needs what tests/run installs, and a release
# build. The samples in git stay as they are unless somebody means to replace them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

work=$(mktemp -d)
server=
trap '[[ -z $server ]] || kill "$server"; rm -rf "$work"' EXIT

ffmpeg -nostdin -v error -f lavfi -i testsrc2=size=320x240:rate=15 -f lavfi -i sine=frequency=440:sample_rate=48000 \
    -t 10 -c:v libx264 -preset medium -profile:v main -pix_fmt yuv420p -g 30 -bf 0 \
    -b:v 280k -maxrate 320k -bufsize 280k -c:a aac -ac 1 -b:a 48k "$work/test.mp4"

mkfifo "$work/stdin"
/usr/bin/python3 tests/peers/gst_server.py --media "$work/test.mp4" --short "$work/test.mp4" \
    <"$work/stdin" >"$work/ready" &
server=$!
exec 3>"$work/stdin"
until grep -q '^port ' "$work/ready"; do sleep 0.1; done
port=$(awk '$1 == "port" { print $2 }' "$work/ready")

target/release/rtsp-rec record "rtsp://127.0.0.1:$port/short" -o samples/gstreamer_h264_aac.pcapng -f
