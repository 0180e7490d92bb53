#!/usr/bin/env bash
# What does recording cost? CPU time (user + system, of the client process alone) per GB received over
# loopback at full speed, next to a C loop of `read` 64 KiB and `write` (copy.c) that gets the same bytes
# from the same server (flood.c), and next to ffmpeg, GStreamer and tcpdump where they are installed.
#
# The programs take turns, round after round, `record` right after `copy`. The table shows medians; a ratio
# is the median of the ratios to the `copy` of the same round. Take the ratios, not the absolutes.
# Exit status: 0 the bounds hold, 1 one does not (or a program failed), 2 wrong usage.
set -euo pipefail

usage() {
    cat <<'END'
usage: tests/bench/cost.sh [options] [FRAME_SIZE...]     (RTP packet sizes; default: 1400 280)
  --total BYTES        bytes each run of copy and record receives (2000000000)
  --peer-total BYTES   the same for the slower ffmpeg and GStreamer (500000000)
  --rounds N           interleaved rounds (3)
  --dir DIR            where the output files go: its file system is part of the result (target/bench)
  --tool PATH          measure this rtsp-rec instead of building one; `none` leaves it out
  --no-peers           only copy and record
  --tcpdump            also `tcpdump -i lo -w` beside a reader (needs the right to capture)
  --rate MBIT          let the server send at this rate instead of full speed
END
}

total=2000000000 peer_total=500000000 rounds=3 dir='' tool='' peers=1 tcpdump=0 rate=0
sizes=()
while [ $# -gt 0 ]; do
    case $1 in
        --total) total=${2:?} && shift ;;
        --peer-total) peer_total=${2:?} && shift ;;
        --rounds) rounds=${2:?} && shift ;;
        --dir) dir=$(realpath -m "${2:?}") && shift ;;
        --tool) [ "${2:?}" = none ] && tool=none || tool=$(realpath "$2") && shift ;;
        --rate) rate=${2:?} && shift ;;
        --no-peers) peers=0 ;;
        --tcpdump) tcpdump=1 ;;
        -h | --help) usage && exit 0 ;;
        -* | *[!0-9]*) usage >&2 && exit 2 ;;
        *) sizes+=("$1") ;;
    esac
    shift
done
[ ${#sizes[@]} -gt 0 ] || sizes=(1400 280)

cd "$(dirname "$0")/../.."
target=${CARGO_TARGET_DIR:-target}
dir=${dir:-$target/bench}
mkdir -p "$dir"
work=$(mktemp -d "$dir/cost.XXXXXX")
ballast=$(mktemp -p /dev/shm cost.XXXXXX 2>/dev/null || mktemp -p "$dir" cost.XXXXXX)
servers=() # file descriptors: closing one ends its server
clean_up() {
    for fd in "${servers[@]}"; do exec {fd}>&-; done
    rm -rf "$work" "$ballast"
}
trap clean_up EXIT
trap 'exit 1' INT TERM

cc -O2 -pthread tests/bench/flood.c -o "$work/flood"
cc -O2 tests/bench/copy.c -o "$work/copy"
cc -O2 tests/bench/measure.c -o "$work/measure"
if [ -z "$tool" ]; then
    cargo build --release --quiet
    tool=$target/release/rtsp-rec
fi

on_server=() on_client=()
if [ "$(nproc)" -ge 2 ] && command -v taskset >/dev/null; then
    on_server=(taskset -c 0) on_client=(taskset -c 1)
fi

# start_server NAME FRAME_SIZE BYTES: sets port_NAME; its output is $work/NAME.log
start_server() {
    local fd log=$work/$1.log port=''
    : >"$log"
    exec {fd}> >(exec "${on_server[@]}" "$work/flood" --frame-size "$2" --bytes "$3" --rate "$rate" >"$log")
    servers+=("$fd")
    for _ in $(seq 100); do
        port=$(sed -n 's/^port //p' "$log")
        [ -z "$port" ] || break
        sleep 0.05
    done
    printf -v "port_$1" %s "${port:?the server does not start}"
}

# The first touch of a page is several times dearer where the machine is a virtual one that gives free
# memory back to its host. Every program that writes starts with as much memory touched, just before.
warm_memory() {
    rm -f "$work/out"
    head -c "$((total / 2 * 3))" /dev/zero >"$ballast" 2>/dev/null || true
    : >"$ballast"
}

failed=0
# run NAME SERVER COMMAND...: one measured run. Appends to $work/results:
# frame size, name, user, system, wall, RSS, bytes that the server sent
run() {
    local name=$1 server=$2 line sessions
    shift 2
    rm -f "$work/line"
    sessions=$(grep -c ^session "$work/$server.log" || true)
    if ! "$work/measure" 300 "$work/line" "${on_client[@]}" "$@" >"$work/said" 2>&1 </dev/null; then
        echo "$name failed: $(tail -n 3 "$work/said")" >&2
        failed=1
    fi
    for _ in $(seq 240); do # the server knows whether all was taken
        [ "$(grep -c ^session "$work/$server.log" || true)" -eq "$sessions" ] || break
        sleep 0.05
    done
    line=$(tail -n 1 "$work/$server.log")
    case $line in
        *'end: TEARDOWN') ;;
        *) echo "$name did not finish its session: $line" >&2 && failed=1 ;;
    esac
    echo "$size $name $(cut -d' ' -f1-4 "$work/line") $(sed 's/.* frames, \([0-9]*\) bytes.*/\1/' <<<"$line")" >>"$work/results"
}

# A recording must hold every frame that the server sent.
check_recording() {
    local sent held
    sent=$(tail -n 1 "$work/whole.log" | sed 's/.*: \([0-9]*\) frames.*/\1/')
    held=$("$tool" analyze "$work/out" --table streams 2>"$work/said" |
        awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "packets") c = i } NR > 1 { n += $c } END { print n + 0 }' || true)
    if [ "$held" -ne "$sent" ]; then
        echo "the recording holds $held of $sent frames by its own analyze $(head -n 1 "$work/said")" >&2
        failed=1
    fi
}

measure_tcpdump() {
    local pid
    rm -f "$work/line"
    "$work/measure" 300 "$work/line" tcpdump -i lo -B 65536 -w "$work/out" tcp port "$port_whole" 2>"$work/said" &
    pid=$!
    for _ in $(seq 100); do
        grep -q listening "$work/said" && break
        sleep 0.05
    done
    "${on_client[@]}" "$work/copy" "rtsp://127.0.0.1:$port_whole/x" /dev/null >/dev/null
    sleep 1
    kill -INT "$pid"
    wait "$pid" || true
    echo "tcpdump at $size: $(grep -o '[0-9]* packets dropped by kernel' "$work/said" || tail -n 1 "$work/said")" >&2
    echo "$size tcpdump $(cut -d' ' -f1-4 "$work/line") $(tail -n 1 "$work/whole.log" | sed 's/.* frames, \([0-9]*\) bytes.*/\1/')" >>"$work/results"
}

have() { [ "$peers" = 1 ] && command -v "$1" >/dev/null; }
! have gst-inspect-1.0 || gst-inspect-1.0 rtspsrc >/dev/null 2>&1 || true # its plugin registry is built once

for size in "${sizes[@]}"; do
    start_server whole "$size" "$total"
    start_server part "$size" "$peer_total"
    whole=rtsp://127.0.0.1:$port_whole/x part=rtsp://127.0.0.1:$port_part/x
    "${on_client[@]}" "$work/copy" "$whole" "$work/out" >/dev/null
    for round in $(seq "$rounds"); do
        warm_memory
        run copy whole "$work/copy" "$whole" "$work/out"
        if [ "$tool" != none ]; then
            warm_memory
            run record whole "$tool" record "$whole" -q -o "$work/out" -f
            [ "$round" != "$rounds" ] || check_recording
        fi
        if have ffmpeg; then
            run ffmpeg-null part ffmpeg -nostdin -v error -rtsp_transport tcp -i "$part" -c copy -f null -
            warm_memory
            run ffmpeg-mkv part ffmpeg -nostdin -v error -rtsp_transport tcp -i "$part" -c copy -f matroska -y "$work/out"
        fi
        ! have gst-launch-1.0 || run gstreamer part gst-launch-1.0 -q rtspsrc protocols=tcp "location=$part" ! fakesink
        if [ "$tcpdump" = 1 ]; then
            warm_memory
            measure_tcpdump
        fi
    done
    rm -f "$work/out"
done

# Bounds: CPU time per byte against copy, and memory.
awk -v failed="$failed" '
    function median(list, n,    i, j, t) {
        for (i = 2; i <= n; i++) for (j = i; j > 1 && list[j] < list[j - 1]; j--) { t = list[j]; list[j] = list[j - 1]; list[j - 1] = t }
        return n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
    }
    $7 > 0 {
        key = $1 " " $2
        if (!(key in runs)) order[++keys] = key
        n = ++runs[key]
        gb = $7 / 1e9
        cpu[key, n] = ($3 + $4) / gb
        relative[key, n] = cpu[key, n] / cpu[$1 " copy", n]
        user[key, n] = $3 / gb
        if ($5 > 0) speed[key, n] = $7 / 1e6 / $5
        if ($6 > rss[key]) rss[key] = $6
    }
    END {
        printf "%6s  %-12s %9s %15s %8s %7s %13s %7s %7s\n", "frame", "program", "CPU s/GB", "(min-max)", "user", "ratio", "(min-max)", "MB/s", "RSS MB"
        for (k = 1; k <= keys; k++) {
            key = order[k]; split(key, part, " "); n = runs[key]
            for (i = 1; i <= n; i++) { a[i] = cpu[key, i]; b[i] = speed[key, i]; c[i] = user[key, i]; d[i] = relative[key, i] }
            m = median(a, n)
            ratio = median(d, n)
            printf "%6d  %-12s %9.3f %15s %8.3f %7.2f %13s %7.0f %7.1f\n", part[1], part[2], m, sprintf("(%.3f-%.3f)", a[1], a[n]), median(c, n), ratio, sprintf("(%.2f-%.2f)", d[1], d[n]), median(b, n), rss[key] / 1024
            if (part[2] == "record") {
                limit = part[1] >= 1400 ? 1.4 : part[1] == 280 ? 3 : 0
                if (limit) {
                    verdict = verdict sprintf("record at %d-byte frames: %.2f x copy, at most %.1f: %s\n", part[1], ratio, limit, ratio <= limit ? "holds" : "DOES NOT HOLD")
                    if (ratio > limit) failed = 1
                }
                # Of which up to 64 MiB wait for a disk that does not keep up.
                mb = rss[key] * 1024 / 1e6
                verdict = verdict sprintf("record at %d-byte frames: peak memory %.1f MB, under 90: %s\n", part[1], mb, mb < 90 ? "holds" : "DOES NOT HOLD")
                if (mb >= 90) failed = 1
            }
        }
        printf "\n%s", verdict
        exit failed
    }' "$work/results"
