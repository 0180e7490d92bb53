#!/usr/bin/env bash
# What `redact` of a capture costs, and `compare` of it with itself, next to `cat` of the same file in turns: CPU seconds
# (user + system) and wall seconds, medians of all rounds, and memory. Take the ratios, not the absolutes.
#   tests/bench/copies.sh [BYTES] [ROUNDS] [TOOL]     (300000000 7 target/release/rtsp-rec)
# Both use several threads, so the wall ratio depends on the cores that are idle. `redact` waits for the disk at its end:
# with a folder in memory as TMPDIR it does not.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

bytes=${1:-300000000} rounds=${2:-7} tool=${3:-target/release/rtsp-rec}
[[ -x $tool ]] || cargo build --release
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cc -O2 -o "$work/measure" tests/bench/measure.c

# cost NAME COMMAND...: notes CPU seconds, wall seconds and KiB under NAME.
cost() {
    local name=$1
    shift
    "$work/measure" 3600 "$work/line" "$@" >/dev/null 2>&1
    awk '{ print $1 + $2, $3, $4 }' "$work/line" >>"$work/$name"
    rm "$work/line"
}

# median NAME COLUMN
median() { sort -g -k "$2,$2" "$work/$1" | awk -v c="$2" '{ v[NR] = $c } END { print v[int((NR + 1) / 2)] }'; }

printf '%-8s %-8s %8s %8s %8s %8s %8s\n' capture command CPU ratio wall ratio MiB
for capture in plain cut; do
    arguments=()
    [[ $capture == plain ]] || arguments=(--segment 1448 --ack-every 2)
    tests/bench/capture.py "$work/in.pcap" "$bytes" "${arguments[@]}"
    cat "$work/in.pcap" >/dev/null
    rm -f "$work"/{cat,redact,compare}
    for ((round = 0; round < rounds; round++)); do
        cost cat cat "$work/in.pcap"
        cost redact "$tool" redact -q -o "$work/out.pcap" "$work/in.pcap"
        rm "$work/out.pcap"
        cost compare "$tool" compare "$work/in.pcap" "$work/in.pcap"
    done
    for command in cat redact compare; do
        awk -v name="$capture" -v command="$command" -v cpu="$(median $command 1)" -v wall="$(median $command 2)" \
            -v kib="$(median $command 3)" -v cat_cpu="$(median cat 1)" -v cat_wall="$(median cat 2)" 'BEGIN {
                printf "%-8s %-8s %8.3f %8.2f %8.3f %8.2f %8.1f\n", name, command, cpu, cpu / cat_cpu, wall, wall / cat_wall,
                    kib / 1024 }'
    done
done
