#!/usr/bin/env bash
# Many sessions in one process, each into a file of its own: is every frame that the servers sent in the files, and
# what do the sessions cost? Prints the recorder's CPU time and its memory over time.
# Exit status: 0 nothing is missing, 1 something is (or a program failed), 2 wrong usage.
set -euo pipefail

usage() {
    cat <<'END'
usage: tests/bench/sessions.sh [options] [-- OPTION OF record...]
  --sessions N   how many (1000)
  --rate MBIT    of each (1)
  --seconds N    how long (60)
  --dir DIR      where the files go (target/bench)
  --tool PATH    measure this rtsp-rec instead of building one
  --suffix TEXT  what the files' names end with (.pcapng)
END
}

sessions=1000 rate=1 seconds=60 dir='' tool='' suffix=.pcapng options=()
while [ $# -gt 0 ]; do
    case $1 in
        --sessions) sessions=${2:?} && shift ;;
        --rate) rate=${2:?} && shift ;;
        --seconds) seconds=${2:?} && shift ;;
        --dir) dir=$(realpath -m "${2:?}") && shift ;;
        --tool) tool=$(realpath "${2:?}") && shift ;;
        --suffix) suffix=${2:?} && shift ;;
        --) shift && options=("$@") && break ;;
        -h | --help) usage && exit 0 ;;
        *) usage >&2 && exit 2 ;;
    esac
    shift
done

cd "$(dirname "$0")/../.."
target=${CARGO_TARGET_DIR:-target}
dir=${dir:-$target/bench}
mkdir -p "$dir"
work=$(mktemp -d "$dir/sessions.XXXXXX")
server=''
clean_up() {
    [ -z "$server" ] || exec {server}>&-
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 1' INT TERM

cc -O2 -pthread tests/bench/flood.c -o "$work/flood"
cc -O2 tests/bench/measure.c -o "$work/measure"
if [ -z "$tool" ]; then
    cargo build --release --quiet
    tool=$(realpath "$target/release/rtsp-rec")
fi
ulimit -n "$(ulimit -Hn)"

bytes=$(awk -v mbit="$rate" -v s="$seconds" 'BEGIN { printf "%.0f", mbit * s * 125000 }')
# Ten writes a second, of frames of 1,000 bytes.
burst=$(awk -v mbit="$rate" 'BEGIN { printf "%.0f", mbit * 12500 }')
exec {server}> >(exec "$work/flood" --at-once 1 --frame-size 996 --bytes "$bytes" --burst "$burst" --rate "$rate" >"$work/log")
for _ in $(seq 100); do
    port=$(sed -n 's/^port //p' "$work/log" 2>/dev/null || true)
    [ -z "$port" ] || break
    sleep 0.05
done
for n in $(seq "$sessions"); do
    echo "rtsp://127.0.0.1:${port:?the server does not start}/$n"
done >"$work/targets"

"$work/measure" $((seconds * 3 + 60)) "$work/cost" "$tool" record --targets "$work/targets" -q \
    -o "$work/{number}$suffix" "${options[@]}" &
measured=$!
echo "seconds  memory MB  files open  threads"
for second in $(seq 2 8 "$seconds"); do
    [ "$second" = 2 ] && sleep 2 || sleep 8
    pid=$(pgrep -P "$measured" | head -n 1 || true)
    [ -n "$pid" ] && [ -r "/proc/$pid/status" ] || break
    awk -v s="$second" -v files="$(find "/proc/$pid/fd" 2>/dev/null | wc -l)" '
        /^VmRSS/ { kb = $2 } /^Threads/ { threads = $2 }
        END { printf "%7d  %9.1f  %10d  %7d\n", s, kb / 1024, files - 1, threads }' "/proc/$pid/status"
done
failed=0
wait "$measured" || failed=1

read -r user system wall rss <"$work/cost"
awk -v u="$user" -v s="$system" -v w="$wall" -v r="$rss" 'BEGIN {
    printf "CPU %.1f s (user %.1f, system %.1f) in %.1f s: %.0f %% of a core; peak memory %.1f MB\n", u + s, u, s, w, 100 * (u + s) / w, r / 1024 }'
for _ in $(seq 100); do
    [ "$(grep -c ^session "$work/log")" -lt "$sessions" ] || break
    sleep 0.1
done
sent=$(sed -n 's/^session.*: \([0-9]*\) frames.*end: TEARDOWN$/\1/p' "$work/log" | awk '{ n += $1 } END { print n + 0 }')
ended=$(grep -c 'end: TEARDOWN$' "$work/log" || true)
held=$(cd "$work" && seq "$sessions" | sed "s/\$/$suffix/" | xargs "$tool" analyze --table streams 2>/dev/null |
    awk -F, '/^capture,/ { for (i = 1; i <= NF; i++) c[$i] = i; next } { n += $c["packets"]; m += $c["missing"] } END { print n + 0, m + 0 }' || true)
echo "$ended of $sessions sessions to their end; $sent frames sent; in the files, and missing: $held; $(du -sm "$work" | cut -f1) MB of files"
[ "$held" = "$sent 0" ] && [ "$ended" = "$sessions" ] || failed=1
exit "$failed"
