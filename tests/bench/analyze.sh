#!/usr/bin/env bash
# How fast is analysis, and how much memory does it take? On captures of 1,400-byte frames, warm, on one core, next to `cat`
# of the same file in turns; CPU seconds (user + system), medians of all rounds. Take the ratios, not the absolutes.
#   tests/bench/analyze.sh [BYTES] [ROUNDS] [TOOL]     (1000000000 7 target/release/rtsp-rec)
# The captures: our own recording of a server at full speed (flood.c); what tcpdump would write of frames that each have
# a segment, without acknowledgements, and of segments of 1,448 bytes that cut frames anywhere, each second one
# acknowledged (capture.py). With BIG=1 also one of four times BYTES, for its memory. With TSHARK=0 without tshark.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

bytes=${1:-1000000000} rounds=${2:-7} tool=${3:-target/release/rtsp-rec}
[[ -x $tool ]] || cargo build --release
work=$(mktemp -d)
server=
trap '[[ -z $server ]] || kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
cc -O2 -o "$work/flood" tests/bench/flood.c
cc -O2 -o "$work/measure" tests/bench/measure.c

record() {
    mkfifo "$work/stdin"
    "$work/flood" --port 0 --frame-size 1400 --bytes "$bytes" <"$work/stdin" >"$work/ready" &
    server=$!
    exec 3>"$work/stdin"
    until grep -q '^port ' "$work/ready"; do sleep 0.1; done
    "$tool" record -q -o "$1" "rtsp://127.0.0.1:$(awk '{ print $2 }' "$work/ready")/x"
}

# cost NAME COMMAND...: runs the command on one core and notes CPU seconds, wall seconds and KiB under NAME.
cost() {
    local name=$1
    shift
    "$work/measure" 3600 "$work/line" taskset -c 0 "$@" >/dev/null 2>&1
    awk '{ print $1 + $2, $3, $4 }' "$work/line" >>"$work/$name"
    rm "$work/line"
}

# median NAME COLUMN
median() { sort -g -k "$2,$2" "$work/$1" | awk -v c="$2" '{ v[NR] = $c } END { print v[int((NR + 1) / 2)] }'; }

# speed NAME FILE
speed() {
    local packets tshark=- round
    rm -f "$work"/{cat,streams,packets,tshark}
    cat "$2" >/dev/null
    for ((round = 0; round < rounds; round++)); do
        cost cat cat "$2"
        cost streams "$tool" analyze "$2"
        cost packets "$tool" analyze --table packets "$2"
    done
    packets=$("$tool" analyze "$2" --format json | grep -o '"packets":[0-9]*' | cut -d: -f2)
    if [[ ${TSHARK:-1} != 0 ]] && command -v tshark >/dev/null; then
        cost tshark tshark -q -z rtp,streams -r "$2"
        tshark=$(median tshark 1)
    fi
    awk -v name="$1" -v c="$(median cat 1)" -v s="$(median streams 1)" -v p="$(median packets 1)" -v n="$packets" \
        -v t="$tshark" -v m="$(median streams 3)" -v spread="$(sort -g "$work/cat" | awk '{ v[NR] = $1 } END { print v[1] "-" v[NR] }')" '
        BEGIN { printf "%-10s %7.3f %13s %8.3f %6.2f %9.2f %8s %7s %8.1f\n", name, c, spread, s, s / c, n / p / 1e6, t,
                t == "-" ? "-" : sprintf("%.0f", t / s), m / 1024 }'
}

# memory NAME FILE: MiB of `streams`
memory() {
    rm -f "$work/memory"
    cost memory "$tool" analyze "$2"
    awk -v name="$1" '{ printf "%-10s %6.1f MiB\n", name, $3 / 1024 }' "$work/memory"
}

printf '%-10s %7s %13s %8s %6s %9s %8s %7s %8s\n' capture cat 'its spread' streams ratio Mrows/s tshark ratio MiB
record "$work/own.pcapng"
speed own "$work/own.pcapng"
rm "$work/own.pcapng"
tests/bench/capture.py "$work/cut.pcap" "$bytes" --segment 1448 --ack-every 2
speed cut "$work/cut.pcap"
rm "$work/cut.pcap"
tests/bench/capture.py "$work/plain.pcap" "$bytes"
speed plain "$work/plain.pcap"

# Two files at a time take as long as one.
cp "$work/plain.pcap" "$work/other.pcap"
cat "$work"/{plain,other}.pcap >/dev/null
rm -f "$work"/{one,two}
for ((round = 0; round < rounds; round++)); do
    "$work/measure" 3600 "$work/one" "$tool" analyze "$work/plain.pcap" >/dev/null
    "$work/measure" 3600 "$work/two" "$tool" analyze "$work"/{plain,other}.pcap >/dev/null
done
printf 'one file %s s, two files on %s cores %s s of wall time\n' "$(median one 3)" "$(nproc)" "$(median two 3)"
rm "$work/other.pcap"

tests/bench/capture.py "$work/tenth.pcap" $((bytes / 10))
memory "$((bytes / 10000000)) MB" "$work/tenth.pcap"
memory "$((bytes / 1000000)) MB" "$work/plain.pcap"
rm "$work/plain.pcap"
if [[ ${BIG:-0} == 1 ]]; then
    tests/bench/capture.py "$work/big.pcap" $((bytes * 4))
    memory "$((bytes / 250000)) MB" "$work/big.pcap"
fi
