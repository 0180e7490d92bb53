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

# coded NAME OPTIONS...: two seconds of other codings, for exports to be compared with.
coded() {
    local name=$1
    shift
    [[ -s $out/$name ]] && return
    echo "making $out/$name"
    ffmpeg -nostdin -v error -y \
        -f lavfi -i "testsrc2=size=320x240:rate=25:duration=2" \
        -f lavfi -i "sine=frequency=440:sample_rate=8000:duration=2" \
        "$@" -f mov "$out/$name.part"
    mv "$out/$name.part" "$out/$name"
}

make h264_aac.mp4 60
make short.mp4 4
coded bframes.mov -c:v libx264 -preset veryfast -pix_fmt yuv420p -g 25 -bf 3 -c:a pcm_mulaw
coded h265.mov -c:v libx265 -preset ultrafast -pix_fmt yuv420p -x265-params log-level=none -tag:v hvc1 -an
# The payload format leaves the Huffman tables to the receiver, who knows those of the standard only.
coded mjpeg.mov -c:v mjpeg -huffman default -q:v 3 -pix_fmt yuvj420p -c:a pcm_s16be
