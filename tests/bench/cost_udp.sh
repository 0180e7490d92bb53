#!/usr/bin/env bash
# What does recording over UDP cost? CPU time (user + system, of the client process alone) for each million datagrams
# over loopback, next to a C loop of `recvmmsg` and a `write` of each datagram (copy_udp.c) that gets the same from the
# same server (flood.c); and next to the same loop with one `writev` for all that `recvmmsg` brought (`together`). The
# programs take turns; the table shows medians, and the median of the ratios to the first of each round.
#   tests/bench/cost_udp.sh [RATE] [SECONDS] [ROUNDS] [TOOL]     (60000 10 5 target/release/rtsp-rec)
# BURST is how many bytes the server sends at once (65536). The files go to $TMPDIR and are removed.
# Exit status: 0 nothing was lost, 1 something was (or a program failed).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

rate=${1:-60000} seconds=${2:-10} rounds=${3:-5} tool=${4:-target/release/rtsp-rec}
[[ -x $tool ]] || cargo build --release
work=$(mktemp -d)
server=
trap '[[ -z $server ]] || exec {server}>&-; rm -rf "$work"' EXIT
cc -O2 -pthread -o "$work/flood" tests/bench/flood.c
cc -O2 -o "$work/copy_udp" tests/bench/copy_udp.c
cc -O2 -o "$work/measure" tests/bench/measure.c
on_server=() on_client=()
if (($(nproc) >= 2)) && command -v taskset >/dev/null; then
    on_server=(taskset -c 0) on_client=(taskset -c 1)
fi

# run SIZE NAME COMMAND...: notes size, name, user, system, KiB and how many datagrams were sent.
run() {
    local size=$1 name=$2 line sessions
    shift 2
    sessions=$(grep -c ^session "$work/log" || true)
    rm -f "$work/line"
    "$work/measure" $((seconds * 3 + 30)) "$work/line" "${on_client[@]}" "$@" >"$work/said" 2>&1 </dev/null || {
        echo "$name: $(tail -n 1 "$work/said")" >&2
        failed=1
    }
    until (($(grep -c ^session "$work/log" || true) > sessions)); do sleep 0.05; done
    line=$(tail -n 1 "$work/log")
    sent=$(sed 's/.*: \([0-9]*\) frames.*/\1/' <<<"$line")
    awk -v size="$size" -v name="$name" -v sent="$sent" '{ print size, name, $1, $2, $4, sent }' "$work/line" >>"$work/results"
}

failed=0
for size in 1400 280; do
    : >"$work/log"
    exec {server}> >(exec "${on_server[@]}" "$work/flood" --frame-size "$size" --burst "${BURST:-65536}" --datagrams "$rate" \
        --bytes $((rate * seconds * (size + 4))) >"$work/log")
    until grep -q '^port ' "$work/log"; do sleep 0.05; done
    url=rtsp://127.0.0.1:$(sed -n 's/^port //p' "$work/log")/x
    for ((round = 0; round < rounds; round++)); do
        run "$size" copy "$work/copy_udp" "$url" "$work/out"
        run "$size" together "$work/copy_udp" "$url" "$work/out" together
        run "$size" record "$tool" record -t udp "$url" -q -f -o "$work/out.pcapng"
        held=$("$tool" analyze "$work/out.pcapng" --format json 2>/dev/null | grep -o '"packets":[0-9]*' | cut -d: -f2 || true)
        ((held == sent)) || { echo "record holds $held of $sent datagrams of $size bytes" >&2 && failed=1; }
        rm -f "$work"/out*
    done
    exec {server}>&-
    server=
done
awk -v failed="$failed" '
    function median(list, n,    i, j, t) {
        for (i = 2; i <= n; i++) for (j = i; j > 1 && list[j] < list[j - 1]; j--) { t = list[j]; list[j] = list[j - 1]; list[j - 1] = t }
        return n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
    }
    $6 > 0 {
        key = $1 " " $2
        if (!(key in runs)) order[++keys] = key
        n = ++runs[key]
        cpu[key, n] = ($3 + $4) / $6 * 1e6
        user[key, n] = $3 / $6 * 1e6
        relative[key, n] = cpu[key, n] / cpu[$1 " copy", n]
        if ($5 > rss[key]) rss[key] = $5
    }
    END {
        printf "%5s  %-8s %12s %8s %7s %13s %7s\n", "bytes", "program", "s/million", "user", "ratio", "(min-max)", "RSS MB"
        for (k = 1; k <= keys; k++) {
            key = order[k]; n = runs[key]; split(key, part, " ")
            for (i = 1; i <= n; i++) { a[i] = cpu[key, i]; b[i] = user[key, i]; c[i] = relative[key, i] }
            ratio = median(c, n)
            printf "%5d  %-8s %12.3f %8.3f %7.2f %13s %7.1f\n", part[1], part[2], median(a, n), median(b, n), ratio, sprintf("(%.2f-%.2f)", c[1], c[n]), rss[key] / 1024
        }
        exit failed
    }' "$work/results"
