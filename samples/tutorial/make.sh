#!/usr/bin/env bash
# Makes the captures of docs/tutorial.md anew, in two minutes: records GStreamer's RTSP server with this tool, then replays that
# recording with one fault each and records the replay. Needs what tests/run installs, and a release build. The captures in
# git stay as they are unless somebody means to replace them: the golden tables in tests/samples/ then change too.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

tool=target/release/rtsp-rec
to=samples/tutorial
work=$(mktemp -d)
processes=()
trap 'kill "${processes[@]}" 2>/dev/null || true; rm -rf "$work"' EXIT

# media FILE SECONDS RATE BITRATE: pictures of 160x120 with a key frame every two seconds, and a soft tone.
media() {
    ffmpeg -nostdin -v error -f lavfi -i "testsrc2=size=160x120:rate=$3" -f lavfi -i sine=frequency=440:sample_rate=16000 \
        -t "$2" -c:v libx264 -preset medium -profile:v main -pix_fmt yuv420p -g $((2 * $3)) -bf 0 \
        -b:v "$4" -maxrate "$4" -bufsize "$4" -c:a aac -ac 1 -b:a 12k "$1"
}

# serve MEDIA [OPTION...]: GStreamer's server; its port is in $port.
serve() {
    mkfifo "$work/stdin$#"
    /usr/bin/python3 tests/peers/gst_server.py --media "$1" --short "$1" "${@:2}" <"$work/stdin$#" >"$work/ready$#" &
    processes+=($!)
    exec {held}>"$work/stdin$#"
    until grep -q '^port ' "$work/ready$#"; do sleep 0.1; done
    port=$(awk '$1 == "port" { print $2 }' "$work/ready$#")
}

# faulty CAPTURE OUTPUT TRANSPORT FAULT...: what a client records of the capture replayed with these faults.
faulty() {
    local options=() fault url pid
    for fault in "${@:4}"; do options+=(--fault "$fault"); done
    rm -f "$work/replay"
    "$tool" replay "$1" --listen 127.0.0.1:0 "${options[@]}" >"$work/replay" 2>&1 &
    pid=$!
    processes+=("$pid")
    until grep -qs '^Serving' "$work/replay"; do sleep 0.1; done
    url=$(grep -o 'rtsp://[^ ]*' "$work/replay" | head -n 1)
    RTSP_REC_PASSWORD=secret "$tool" record -q -f -t "$3" --user viewer -o "$2" "$url" || true
    kill "$pid"
}

media "$work/ten.mp4" 10 10 48k
serve "$work/ten.mp4"
"$tool" record -q -f -o "$to/clean.pcapng" "rtsp://127.0.0.1:$port/short"

faulty "$to/clean.pcapng" "$to/loss_over_udp.pcapng" udp drop=5%
faulty "$to/clean.pcapng" "$to/reordering.pcapng" udp reorder=3%/2
faulty "$to/clean.pcapng" "$to/late_network.pcapng" tcp stall=1500ms@4s
faulty "$to/clean.pcapng" "$to/freeze.pcapng" tcp video:stall=2s@4s
faulty "$to/clean.pcapng" "$to/garbage.pcapng" tcp garbage=2%
faulty "$to/clean.pcapng" "$to/login.pcapng" tcp digest=viewer:secret stale-nonce
faulty "$to/clean.pcapng" "$to/end_without_bye.pcapng" tcp cut@5s

media "$work/minute.mp4" 66 2 6k
serve "$work/minute.mp4" --duration 200
"$tool" record -q -f --media video -o "$work/minute.pcapng" "rtsp://127.0.0.1:$port/short"
faulty "$work/minute.pcapng" "$to/drift.pcapng" tcp drift=300ppm


ls -l "$to"
