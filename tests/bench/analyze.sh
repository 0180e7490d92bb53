#!/usr/bin/env bash
# How fast is analysis? Records a capture of 1,400-byte frames at full speed (flood.c), then times `analyze` on one core
# next to `cat` of the same file, warm, in turns. Take the ratios, not the absolutes.
#   tests/bench/analyze.sh [BYTES] [ROUNDS] [TOOL]     (1000000000 5 target/release/rtsp-rec)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

bytes=${1:-1000000000} rounds=${2:-5} tool=${3:-target/release/rtsp-rec}
[[ -x $tool ]] || cargo build --release
work=$(mktemp -d)
server=
trap '[[ -z $server ]] || kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT

cc -O2 -o "$work/flood" tests/bench/flood.c
mkfifo "$work/stdin"
"$work/flood" --port 0 --frame-size 1400 --bytes "$bytes" <"$work/stdin" >"$work/ready" &
server=$!
exec 3>"$work/stdin"
until grep -q '^port ' "$work/ready"; do sleep 0.1; done
"$tool" record -q -o "$work/c.pcapng" "rtsp://127.0.0.1:$(awk '{ print $2 }' "$work/ready")/x"

TIMEFORMAT=%R
timed() { { time taskset -c 0 "$@" >/dev/null; } 2>&1; }
cat "$work/c.pcapng" >/dev/null
printf '%s bytes; seconds of each round\n%8s %8s %8s\n' "$(stat -c %s "$work/c.pcapng")" cat streams packets
for ((round = 0; round < rounds; round++)); do
    printf '%8s %8s %8s\n' "$(timed cat "$work/c.pcapng")" "$(timed "$tool" analyze "$work/c.pcapng")" \
        "$(timed "$tool" analyze --table packets "$work/c.pcapng")"
done
