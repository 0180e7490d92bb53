#!/usr/bin/env bash
# Makes the files that the peers serve, of ffmpeg's test sources. Files that are there already stay.
#   make_media.sh OUTDIR
set -euo pipefail

out=${1:?usage: make_media.sh OUTDIR}
mkdir -p "$out"

# make NAME SECONDS: H.264 at about 1 Mbit/s and AAC. Written beside and renamed, so that a file is whole or absent.
make() {
    local name=$1 seconds=$2
    [[ -s $out/$name ]] && return
    echo "making $out/$name"
    ffmpeg -nostdin -v error -y \
        -f lavfi -i "testsrc2=size=640x360:rate=25:duration=$seconds" \
        -f lavfi -i "sine=frequency=440:sample_rate=48000:duration=$seconds" \
        -c:v libx264 -preset veryfast -pix_fmt yuv420p -g 25 -bf 0 -b:v 1M -maxrate 1M -bufsize 1M \
        -c:a aac -ac 2 -b:a 96k -movflags +faststart -f mp4 "$out/$name.part"
    mv "$out/$name.part" "$out/$name"
}

make h264_aac.mp4 60
make short.mp4 4
