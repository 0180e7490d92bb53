#!/usr/bin/env bash
# Makes the pictures of docs/report.md: the sample, served with faults, recorded, reported and looked at.
# Needs a release build and chromium; takes half a minute.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

tool=$PWD/${1:-target/release/rtsp-rec}
work=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$work"' EXIT

: >"$work/server.log"
"$tool" replay samples/gstreamer_h264_aac.pcapng --listen 127.0.0.1:0 --loop --seed 7 \
    --fault drop=1% --fault video:stall=1.5s@4s >"$work/server.log" 2>&1 &
server=$!
until grep -q '^Serving' "$work/server.log"; do kill -0 "$server"; sleep 0.1; done
url=$(grep -o 'rtsp://[^ ]*' "$work/server.log" | head -n 1)
"$tool" record "$url" -d 20s -q -o "$work/camera.pcapng"
(cd "$work" && "$tool" report camera.pcapng -o report.html)

# The charts alone, and the dialogue alone: a picture begins at the top of its page.
perl -0pe 's/<p class="span">.*?(?=<div class="detail">)//s' "$work/report.html" >"$work/charts.html"
perl -0pe 's/<main>.*?(<section aria-labelledby="s0-dialogue">)/<main>$1/s' "$work/report.html" >"$work/dialogue.html"

# picture NAME PAGE WIDTH,HEIGHT SCHEME: SCHEME is 0 for dark, 1 for light.
picture() {
    chromium --headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --hide-scrollbars \
        --user-data-dir="$work/profile" --blink-settings=preferredColorScheme="$4" --window-size="$3" \
        --run-all-compositor-stages-before-draw --virtual-time-budget=9000 --screenshot="$work/$1.png" "file://$work/$2.html" 2>/dev/null
    mv "$work/$1.png" "docs/images/$1.png"
}
picture report report 1100,920 1
picture report-charts charts 1100,1000 1
picture report-dialogue dialogue 760,700 0
ls -l docs/images/*.png
