#!/usr/bin/env python3
"""Writes the captures of samples/wireshark: each shows one thing that Wireshark computes another way.

    wireshark.py OUTDIR

The same bytes each time. docs/metrics.md explains them, tests/live/wireshark.rs holds both tools to what it says.
"""

import os
import struct
import sys

import synth
from synth import MEDIA, Rtp, steady

COUNT = 60
PCMU = {"media": "audio", "types": [0], "rtpmap": {}}
JPEG = {"media": "video", "types": [26], "rtpmap": {}}


def uneven(packets, by_us=4_000):
    """Every other packet comes late."""
    for packet in packets[1::2]:
        packet.at += by_us
    return packets


def dynamic_payload_type():
    """H.264 as payload type 96, every other packet 4 ms late."""
    return [synth.VIDEO], uneven(steady(COUNT, 1000, 0, 40_000, 3600))


def marker():
    """JPEG: three packets a picture, 1 ms apart, the marker on the last; a picture every 40 ms."""
    parts = [(picture, part) for picture in range(20) for part in range(3)]
    return [JPEG], [
        Rtp(MEDIA + 40_000 * picture + 1_000 * part, 1000 + 3 * picture + part, 3600 * picture, payload_type=26, marker=part == 2)
        for picture, part in parts
    ]


def shared_ssrc():
    """Two tracks of PCMU with one SSRC, each complete."""
    first = steady(COUNT, 1000, 0, 20_000, 160, payload_type=0)
    second = steady(COUNT, 40_000, 7777, 20_000, 160, start=MEDIA + 7_000, payload_type=0, track=1)
    return [PCMU, PCMU], first + second


def duplicates():
    """PCMU: four packets never came, four others came twice."""
    packets = steady(COUNT, 1000, 0, 20_000, 160, payload_type=0)
    copies = [packets[at].copy(packets[at].at + 5_000) for at in (5, 15, 25, 35)]
    return [PCMU], synth.without(packets, 10, 20, 30, 40) + copies


def clock_rate_11025():
    """DVI4 at 11,025 Hz (payload type 16), 441 ticks each 40 ms sharp."""
    track = {"media": "audio", "types": [16], "rtpmap": {}}
    return [track], steady(COUNT, 1000, 0, 40_000, 441, payload_type=16)


def many_frames_in_a_segment():
    """PCMU: eight frames in each TCP segment, as they are when a server writes faster than it is read."""
    return [PCMU], steady(64, 1000, 0, 20_000, 160, payload_type=0)


def joined(sent, count):
    """Puts `count` interleaved frames into each TCP segment; it is sent when the last of them was."""
    out, waiting = [], []
    for at, frame in sorted(sent, key=lambda one: one[0]):
        if frame[54:55] == b"$":
            waiting.append((at, frame))
            if len(waiting) == count:
                payload = b"".join(one[54:] for _, one in waiting)
                out.append((at, synth.datagram(("10.0.0.2", 554), ("10.0.0.1", 40000), 6, waiting[0][1][34:54] + payload)))
                waiting = []
        elif not waiting or struct.unpack_from(">H", frame, 34)[0] == 554:
            out.append((at, frame))
    return out


def main():
    outdir = sys.argv[1]
    os.makedirs(outdir, exist_ok=True)
    for scenario in (dynamic_payload_type, marker, shared_ssrc, duplicates, clock_rate_11025, many_frames_in_a_segment):
        tracks, media = scenario()
        sent = []
        synth.session(tracks, media, True, sent)
        if scenario is many_frames_in_a_segment:
            sent = joined(sent, 8)
        synth.write(os.path.join(outdir, f"{scenario.__name__}.pcap"), sent)


main()
