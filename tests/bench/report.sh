#!/usr/bin/env bash
# How long `report` takes next to `analyze`, on a capture of 1 GB, in turns; and how large the page is.
#
#     tests/bench/report.sh [BYTES] [ROUNDS] [FRAME]
#
# Needs a release build and Python. The capture goes to $TMPDIR and is removed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

bytes=${1:-1000000000} rounds=${2:-7} frame=${3:-1400} tool=target/release/rtsp-rec
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tests/bench/capture.py "$work/capture.pcap" "$bytes" --frame "$frame"

# timed NAME COMMAND...: seconds of wall clock and of CPU.
timed() {
    local name=$1
    shift
    TIMEFORMAT='%R %U %S'
    { time "$@" >/dev/null; } 2>&1 | awk -v name="$name" '{ print name, $1, $2 + $3 }' >>"$work/times"
}
"$tool" analyze "$work/capture.pcap" >/dev/null
for ((round = 0; round < rounds; round++)); do
    timed analyze "$tool" analyze "$work/capture.pcap"
    timed report "$tool" report "$work/capture.pcap" -f -o "$work/report.html"
done
for name in analyze report; do
    wall=$(awk -v name=$name '$1 == name { print $2 }' "$work/times" | sort -n | sed -n "$((rounds / 2 + 1))p")
    cpu=$(awk -v name=$name '$1 == name { print $3 }' "$work/times" | sort -n | sed -n "$((rounds / 2 + 1))p")
    echo "$name: $wall s, CPU $cpu s (medians of $rounds)"
done
echo "page: $(stat -c %s "$work/report.html") bytes"
