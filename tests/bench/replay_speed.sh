#!/usr/bin/env bash
# How fast is `replay --speed max` to a client that reads? Records a flood of 1,400-byte frames, then serves it again to
# a C reader, in turns with a C loop that writes as many bytes from memory to the same reader. Take the ratio.
#   tests/bench/replay_speed.sh [BYTES] [ROUNDS] [TOOL]     (500000000 5 target/release/rtsp-rec)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

bytes=${1:-500000000} rounds=${2:-5} tool=${3:-target/release/rtsp-rec}
[[ -x $tool ]] || cargo build --release
work=$(mktemp -d)
servers=()
trap '((${#servers[@]} == 0)) || kill "${servers[@]}" 2>/dev/null || true; rm -rf "$work"' EXIT

cc -O2 -o "$work/flood" tests/bench/flood.c
cc -O2 -Wall -Wextra -o "$work/speed" tests/bench/replay_speed.c
mkfifo "$work/stdin"
"$work/flood" --port 0 --frame-size 1400 --bytes "$bytes" <"$work/stdin" >"$work/ready" &
servers+=($!)
exec 3>"$work/stdin"
until grep -q '^port ' "$work/ready"; do sleep 0.1; done
"$tool" record -q -o "$work/c.pcapng" "rtsp://127.0.0.1:$(awk '{ print $2 }' "$work/ready")/x"

"$tool" replay "$work/c.pcapng" --listen 127.0.0.1:0 --speed max >"$work/serving" 2>/dev/null &
servers+=($!)
until grep -q '^Serving ' "$work/serving"; do sleep 0.1; done
url=$(awk '/^Serving / { print $2 }' "$work/serving")
port=${url#*127.0.0.1:} port=${port%%/*}
tracks=()
for control in $(strings "$work/c.pcapng" | sed -n 's/^a=control:\([^*].*\)/\1/p' | sort -u); do
    tracks+=("${url%/}/${control##*/}")
done

printf '%10s %12s %10s %8s\n' bytes 'C loop, s' 'replay, s' ratio
for ((round = 0; round < rounds; round++)); do
    read -r got seconds < <("$work/speed" fetch "$port" "$url" "${tracks[@]}")
    rm -f "$work/baseline"
    "$work/speed" serve "$got" >"$work/baseline" &
    until grep -qs '^port ' "$work/baseline"; do sleep 0.05; done
    read -r _ plain < <("$work/speed" fetch "$(awk '{ print $2 }' "$work/baseline")")
    printf '%10s %12s %10s %8s\n' "$got" "$plain" "$seconds" "$(awk "BEGIN { printf \"%.2f\", $plain / $seconds }")"
done
