#!/usr/bin/env python3
"""Holds `rtsp-rec analyze` against tshark on the same RTP.

    parity.py CAPTURE... [--tool PATH] [--tshark PATH]

tshark has no clock rate for interleaved frames of dynamic payload types and leaves packets with the marker out of its
distances. So the RTP of a capture is written anew: over UDP, with RTSP in front that sets it up, without markers, and
with a static payload type of the same clock rate. Where there is none, timestamps are told in 90 kHz. Then packets,
lost, maximum distance and maximum jitter must agree, to the digits that tshark prints; media whose clock rate nobody
knows is held to all but the jitter. The reference is held to the same.
tshark goes other ways at restarts, strays, packets that are late at a wrap, and timestamps that jump.
Prints each difference; ends with 1 if there is any.
"""

import argparse
import os
import re
import struct
import subprocess
import sys
import tempfile
from fractions import Fraction

import compare
import reference
import synth

# Static payload types (RFC 3551) by clock rate.
STATIC_TYPES = {8_000: 0, 11_025: 16, 16_000: 6, 22_050: 17, 44_100: 10, 90_000: 33}
# More tracks than that would still be set up when the media begins.
AT_ONCE = 4


class Sent:
    """RTP of one stream, for synth to send."""

    def __init__(self, at, track, data):
        self.at, self.track, self.data = at, track, data
        self.from_client = False

    def bytes(self, _noise):
        return self.data


class Gather(reference.Reference):
    """Keeps the RTP packets of each stream."""

    def __init__(self, path):
        self.rtp = {}
        super().__init__(path)

    def take(self, session, connection, track, channel, transport, direction, arrival, data):
        super().take(session, connection, track, channel, transport, direction, arrival, data)
        rtp = None if reference.is_rtcp(data) else reference.Rtp.parse(data)
        if rtp:
            self.rtp.setdefault((session, track, direction, rtp.ssrc), []).append((arrival, data))

    def gathered(self):
        """Clock rate and packets of each stream."""
        return [(self.streams[key].rate, packets) for key, packets in self.rtp.items()]


def rewritten(rate, packets):
    """A payload type, and the packets with it; the marker goes with the old payload type."""
    scale, payload_type = 1, STATIC_TYPES.get(rate or 8_000)
    if payload_type is None:
        scale, payload_type = Fraction(90_000, rate), STATIC_TYPES[90_000]
    last, ticks, made = None, 0, []
    for arrival, data in packets:
        (timestamp,) = struct.unpack_from(">I", data, 4)
        ticks += timestamp if last is None else reference.signed32(timestamp - last)
        last = timestamp
        scaled = struct.pack(">I", int(ticks * scale) % (1 << 32))
        made.append((arrival, data[:1] + bytes([payload_type]) + data[2:4] + scaled + data[8:]))
    return payload_type, made


def write(streams, path):
    """Writes the streams of (clock rate, packets) as UDP, each as a track of its own."""
    begin = min(packets[0][0] for _, packets in streams)
    media, tracks, sent = [], [], []
    for track, (rate, packets) in enumerate(streams):
        payload_type, packets = rewritten(rate, packets)
        kind = "video" if payload_type == STATIC_TYPES[90_000] else "audio"
        tracks.append({"media": kind, "types": [payload_type], "rtpmap": {}})
        media += [Sent(synth.MEDIA + (arrival - begin) / 1000, track, data) for arrival, data in packets]
    synth.session(tracks, media, False, sent)
    synth.write(path, sent)


STREAM = re.compile(
    r"(?P<port>\d+)\s+0x(?P<ssrc>[0-9A-Fa-f]{8})\s+.+?\s+(?P<packets>\d+)\s+(?P<lost>-?\d+) \(-?[\d.]+%\)"
    r"\s+\S+\s+\S+\s+(?P<delta_max_ms>[\d.]+)\s+\S+\s+\S+\s+(?P<jitter_max_ms>[\d.]+)"
)


def ask_tshark(tshark, path, tracks):
    """What tshark says of each track."""
    # Nobody looks into the payload: it isn't what the payload type says.
    command = [tshark, "-r", path, "-q", "-z", "rtp,streams", "--disable-protocol", "mp2t"]
    for track in range(tracks):
        command += ["-d", f"udp.port=={synth.ports(track)[0]},rtp"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    said = {}
    for line in done.stdout.splitlines():
        found = STREAM.search(line)
        if found:
            said[(int(found["port"]) - synth.ports(0)[0]) // 2] = found.groupdict()
    return said


def hold(row, said, whose, rate):
    """Notes where a row differs from what tshark printed."""
    where = f"{compare.name(tuple(compare.text(row[column]) for column in compare.KEY))}: "
    columns = ["packets", "delta_max_ms"]
    if int(row["restarts"]) == 0:
        columns.append("lost")  # tshark knows no restarts
    if int(row["packets"]) > 1 and int(row["duplicates"]) == 0 and rate:
        columns.append("jitter_max_ms")  # tshark has duplicates in it
    for column in columns:
        ours, theirs = compare.text(row[column]), said[column]
        decimals = len(theirs.partition(".")[2])
        # Half of the last printed digit, and what it takes for .5 to be rounded either way.
        if abs(float(ours or 0) - float(theirs)) > 0.5 * 10**-decimals * (decimals > 0) + 1e-6:
            compare.differ_by(f"{where}{column}: {whose} {ours}, tshark {theirs}")


def check(capture, tool, tshark, folder):
    """Compares all streams of a capture, a few at a time; returns how many."""
    gathered = Gather(capture).gathered()
    path = os.path.join(folder, "parity.pcap")
    for begin in range(0, len(gathered), AT_ONCE):
        streams = gathered[begin : begin + AT_ONCE]
        write(streams, path)
        said = ask_tshark(tshark, path, len(streams))
        judged = [("the reference", reference.rows(path))]
        if tool:
            judged.append(("the tool", compare.tool_rows(tool, path) or []))
        for whose, rows in judged:
            by_track = {int(row["track"]): row for row in rows if compare.text(row["track"])}
            if not by_track.keys() == said.keys() == set(range(len(streams))):
                compare.differ_by(
                    f"tracks {sorted(by_track)} in {whose}, {sorted(said)} in tshark, {len(streams)} sent"
                )
            for track in by_track.keys() & said.keys():
                hold(by_track[track], said[track], whose, streams[track][0])
    return len(gathered)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("captures", nargs="+", metavar="CAPTURE")
    parser.add_argument("--tool", help="the rtsp-rec to judge")
    parser.add_argument("--tshark", default="tshark")
    args = parser.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for capture in args.captures:
            compare.differences.clear()
            streams = check(capture, args.tool, args.tshark, folder)
            if not streams:
                compare.differ_by("no stream: nothing was compared")
            for difference in compare.differences:
                print(f"{capture}: {difference}")
            if not compare.differences:
                print(f"{capture}: {streams} streams agree with tshark")
            failed += bool(compare.differences)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
