#!/usr/bin/env bash
# Makes the pictures of docs/wireshark.md: Wireshark on a screen that nobody sees.
#   docs/wireshark/screenshots.sh [RTSP-REC]
# Needs the Debian packages wireshark, xvfb, xdotool, imagemagick.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$here/../..
rtsp_rec=${1:-$root/target/debug/rtsp-rec}
sample=$root/samples/gstreamer_h264_aac.pcapng
work=$(mktemp -d)
children=()

finish() {
    local child
    for child in "${children[@]}"; do
        kill "$child" 2>/dev/null || true
        wait "$child" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap finish EXIT

# A configuration of its own: no questions, and the columns that every Wireshark has.
export XDG_CONFIG_HOME=$work/config QT_QPA_PLATFORM=xcb LC_ALL=C.UTF-8
mkdir -p "$XDG_CONFIG_HOME/wireshark"
cat >"$XDG_CONFIG_HOME/wireshark/recent_common" <<END
privs.warn_if_elevated: FALSE
END
cat >"$XDG_CONFIG_HOME/wireshark/preferences" <<END
gui.update.enabled: FALSE
# The bytes need no room.
gui.layout_content_3: NONE
END

# The screen takes the first free number and tells it.
Xvfb -displayfd 3 -screen 0 1500x620x24 3>"$work/display" 2>/dev/null &
children+=($!)
until [[ -s $work/display ]]; do sleep 0.1; done
DISPLAY=:$(<"$work/display")
export DISPLAY

# window NAME: the window whose title has this, once it is there.
window() {
    timeout 60 xdotool search --sync --onlyvisible --name "$1" | tail -n 1
}

# fit WINDOW X Y WIDTH HEIGHT: there is no window manager to do it.
fit() {
    xdotool windowmove "$1" "$2" "$3" windowsize "$1" "$4" "$5" windowfocus --sync "$1"
    sleep 2
}

# shot NAME FILE DIALOG KEYS...: opens FILE, types KEYS (or clicks), and keeps what the screen shows; with a DIALOG that opens, if any.
shot() {
    local name=$1 file=$2 dialog=$3 main wireshark key
    shift 3
    wireshark -r "$file" "${options[@]}" 2>/dev/null &
    wireshark=$!
    children+=($wireshark)
    main=$(window "$(basename "$file")")
    fit "$main" 0 0 1500 620
    for key in "$@"; do
        # Two numbers with a comma are a place to click.
        if [[ $key == *,* ]]; then
            xdotool mousemove "${key%,*}" "${key#*,}" click 1
        else
            xdotool key "$key"
        fi
        sleep 0.5
    done
    if [[ -n $dialog ]]; then
        fit "$(window "$dialog")" 10 90 1480 240
        # Jitter stands in the last columns.
        xdotool key Down key --repeat 40 Right
    fi
    sleep 1
    import -window root "$work/shot.png"
    convert "$work/shot.png" -colors 64 -define png:compression-level=9 -strip "PNG8:$here/$name.png"
    kill "$wireshark"
    wait "$wireshark" 2>/dev/null || true
}

cp "$sample" "$work/cam.pcapng"
"$rtsp_rec" export "$sample" --view udp -q -o "$work/cam-udp.pcapng"

options=(-Y 'rtsp && !rtp && !rtcp')
shot recording "$work/cam.pcapng" ''
options=()
shot streams "$work/cam-udp.pcapng" 'RTP Streams' alt+y r Return
options=(-Y 'h264.slice_type' -g 23)
shot h264 "$work/cam-udp.pcapng" '' ctrl+Right 800,560 End
ls -l "$here"/*.png
