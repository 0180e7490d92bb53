#!/usr/bin/env python3
"""Writes synthetic captures of RTSP sessions, each with its truth beside.

    synth.py OUTDIR

OUTDIR/NAME_tcp.pcap carries the RTP interleaved, each frame in a segment of its own; OUTDIR/NAME_udp.pcap carries the
same over UDP, OUTDIR/NAME_STYLE_http.pcap through an HTTP tunnel. The truth, NAME_tcp.truth.json, is known from how a capture was made and not computed from its packets: a
stream of 500 numbers of which seven were left out lacks seven.
"""

import argparse
import base64
import json
import os
import random
import struct

import captures

CLIENT, SERVER = ("10.0.0.1", 40000), ("10.0.0.2", 554)
START_NS = 1_767_225_600 * captures.NS
# Times below are microseconds since the start. The dialogue is over at MEDIA.
MEDIA = 100_000
# The byte streams wrap soon.
CLIENT_ISN, SERVER_ISN = 0xFFFF_FF00, 0xFFFF_F000

VIDEO = {"media": "video", "types": [96], "rtpmap": {96: "H264/90000"}}
AUDIO = {"media": "audio", "types": [97], "rtpmap": {97: "MPEG4-GENERIC/48000/2"}}
SSRC = 0x1111_1111


class Rtp:
    """An RTP packet to be sent at `at`."""

    def __init__(self, at, seq, timestamp, **more):
        self.at, self.seq, self.timestamp = at, seq, timestamp
        self.track, self.ssrc, self.payload_type, self.marker, self.size = 0, SSRC, 96, False, 100
        self.csrcs, self.extension, self.padding, self.from_client = 0, None, 0, False
        self.__dict__.update(more)

    def copy(self, at):
        return Rtp(**{**self.__dict__, "at": at})

    def bytes(self, noise):
        flags = 0x80 | self.csrcs | (0x10 if self.extension is not None else 0) | (0x20 if self.padding else 0)
        head = struct.pack(
            ">BBHII",
            flags,
            self.marker << 7 | self.payload_type,
            self.seq % (1 << 16),
            self.timestamp % (1 << 32),
            self.ssrc,
        )
        head += struct.pack(">I", 7) * self.csrcs
        if self.extension is not None:
            head += struct.pack(">HH", 0xBEDE, self.extension) + bytes(4 * self.extension)
        padding = bytes(self.padding - 1) + bytes([self.padding]) if self.padding else b""
        return head + noise.randbytes(self.size) + padding


class Report:
    """An SR, alone or with what else belongs into a compound packet."""

    def __init__(self, at, ntp, timestamp, packets, octets, **more):
        self.at, self.ntp, self.timestamp, self.packets, self.octets = at, ntp, timestamp, packets, octets
        self.track, self.ssrc, self.cname, self.on_rtp, self.from_client = 0, SSRC, True, False, False
        self.__dict__.update(more)

    def bytes(self, _noise):
        made = struct.pack(">BBHIQIII", 0x80, 200, 6, self.ssrc, self.ntp, self.timestamp, self.packets, self.octets)
        if self.cname:
            made += struct.pack(">BBHIBB", 0x81, 202, 3, self.ssrc, 1, 4) + b"test" + b"\0\0"
        return made


class Stray:
    """RTP on a channel that no SETUP named."""

    def __init__(self, rtp, channel):
        self.rtp, self.at, self.channel, self.from_client = rtp, rtp.at, channel, False

    def bytes(self, noise):
        return self.rtp.bytes(noise)


def steady(count, seq, timestamp, step_us, ticks, start=MEDIA, **more):
    """`count` packets at even distances."""
    return [Rtp(start + index * step_us, seq + index, timestamp + index * ticks, **more) for index in range(count)]


def without(packets, *indexes):
    return [packet for index, packet in enumerate(packets) if index not in indexes]


def delayed(packets, index, after):
    """Moves a packet right behind the one at index `after`."""
    packets[index].at = packets[after].at + 10
    return packets


def truth(
    packets, first, last, lost=0, missing=0, *, track=0, ssrc=SSRC, session=1, direction="s2c", near=None, **more
):
    """What a row must say. What is not named is 0; `expected` follows from `lost`."""
    equal = {
        "packets": packets, "first_seq": first, "last_ext_seq": last, "expected": packets + lost, "lost": lost,
        "missing": missing, "duplicates": 0, "reordered": 0, "restarts": 0, "marker_packets": 0, "sr_count": 0, **more,
    }  # fmt: skip
    key = {"session": session, "track": track, "direction": direction, "ssrc": f"0x{ssrc:08x}"}
    return {**key, "equal": equal, "near": near or {}}


# --------------------------------------------------------------------------------------------------------------------
# Scenarios: each returns the tracks, what is sent, and the truth
# --------------------------------------------------------------------------------------------------------------------

NO_JITTER = {
    "jitter_max_ms": [0, 1e-6],
    "jitter_mean_ms": [0, 1e-6],
    "skew_min_ms": [0, 1e-6],
    "skew_max_ms": [0, 1e-6],
}


def clean():
    """Video with three packets a picture, a marker on the last; audio with a packet every 20 ms."""
    video = [
        Rtp(
            MEDIA + 40_000 * picture + 1_000 * part,
            5000 + 3 * picture + part,
            90_000 + 3600 * picture,
            marker=part == 2,
        )
        for picture in range(100)
        for part in range(3)
    ]
    audio = steady(200, 300, 0, 20_000, 960, track=1, ssrc=2, payload_type=97, size=40)
    even = {"frame_jitter_max_ms": [0, 1e-6], "delta_min_ms": [1, 1e-6], "delta_max_ms": [38, 1e-6]}
    rows = [
        truth(300, 5000, 5299, marker_packets=100, payload_bytes=30_000, clock_rate_hz=90_000, near=even),
        truth(200, 300, 499, track=1, ssrc=2, payload_bytes=8_000, clock_rate_hz=48_000, near=NO_JITTER),
    ]
    return [VIDEO, AUDIO], video + audio, rows


def loss():
    """Single numbers, a row of numbers, and every tenth."""
    first = without(steady(500, 1000, 0, 10_000, 900), 10, *range(20, 25), 497)
    second = [p for p in steady(500, 7, 0, 10_000, 480, track=1, ssrc=2, payload_type=97) if p.seq % 10 or p.seq > 400]
    rows = [
        truth(493, 1000, 1499, 7, 7, longest_gap=5),
        truth(460, 7, 506, 40, 40, track=1, ssrc=2, longest_gap=1),
    ]
    return [VIDEO, AUDIO], first + second, rows


def reorder():
    """A swap, a packet five late, one 99 late: the most that A.1 takes for late."""
    packets = steady(500, 1000, 0, 10_000, 900)
    delayed(packets, 10, 11)
    delayed(packets, 50, 55)
    delayed(packets, 100, 199)
    return [VIDEO], packets, [truth(500, 1000, 1499, reordered=3)]


def late_by_100():
    """A packet whose number is 100 below the highest: `udelta <= RTP_SEQ_MOD - MAX_MISORDER` calls that a jump."""
    packets = delayed(steady(500, 1000, 0, 10_000, 900), 100, 200)
    return [VIDEO], packets, [truth(500, 1000, 1499, 0, 1)]


def duplicates():
    """Copies at once and late; and as many copies as losses, so that `lost` sees neither."""
    first = steady(300, 1000, 0, 10_000, 900)
    first += [first[at].copy(first[at].at + 100) for at in (10, 11, 12)]
    first += [first[100].copy(first[150].at + 100), first[100].copy(first[151].at + 100)]
    second = steady(300, 1000, 0, 10_000, 480, track=1, ssrc=2, payload_type=97)
    copies = [second[at].copy(second[at].at + 50) for at in (40, 80, 120, 160)]
    second = without(second, 30, 31, 60, 90) + copies
    rows = [
        truth(305, 1000, 1299, -5, duplicates=5),
        truth(300, 1000, 1299, 0, 4, track=1, ssrc=2, duplicates=4),
    ]
    return [VIDEO, AUDIO], first + second, rows


def wrap():
    """Sequence numbers and timestamps wrap; on the second track with losses right there."""
    first = steady(200, 65_500, (1 << 32) - 50_000, 10_000, 900)
    second = steady(200, 65_500, (1 << 32) - 10_000, 10_000, 480, track=1, ssrc=2, payload_type=97)
    second = without(second, 35, 36)  # 65535 and 0
    rows = [
        truth(200, 65_500, 65_699, near=NO_JITTER),
        truth(198, 65_500, 65_699, 2, 2, track=1, ssrc=2, longest_gap=2, near=NO_JITTER),
    ]
    return [VIDEO, AUDIO], first + second, rows


def late_at_wrap():
    """65534 comes behind 3, and 2 comes behind 8, with a copy of 65533."""
    packets = steady(200, 65_500, 0, 10_000, 900)
    delayed(packets, 34, 39)
    delayed(packets, 38, 44)
    packets.append(packets[33].copy(packets[50].at + 50))
    return [VIDEO], packets, [truth(201, 65_500, 65_699, -1, reordered=2, duplicates=1)]


def cycles():
    """Steps of 2999, the longest that A.1 takes for loss, three times around."""
    packets = steady(67, 100, 0, 10_000, 900)
    for index, packet in enumerate(packets):
        packet.seq = 100 + 2999 * index
    return [VIDEO], packets, [truth(67, 100, 100 + 2999 * 66, 66 * 2998, 66 * 2998, longest_gap=2998)]


def restart():
    """Three runs of numbers on one track: far ahead, back. On the other a run that wraps after the restart."""
    first = steady(300, 1000, 0, 10_000, 900)
    for packet in first[100:200]:
        packet.seq += 39_000
    for packet in first[200:]:
        packet.seq -= 700
    first = without(first, 50, 150, 250)
    second = steady(200, 10, 0, 10_000, 480, track=1, ssrc=2, payload_type=97)
    for packet in second[100:]:
        packet.seq += 65_500 - 110
    rows = [
        truth(297, 1000, 599, 3, 3, restarts=2),
        truth(200, 10, 65_599, track=1, ssrc=2, restarts=1),
    ]
    return [VIDEO, AUDIO], first + second, rows


def restart_by_3000():
    """A step of exactly MAX_DROPOUT is a jump; so is one of 32768, half way round."""
    packets = steady(300, 1000, 0, 10_000, 900)
    for packet in packets[100:]:
        packet.seq += 2999
    for packet in packets[200:]:
        packet.seq += 32_767
    return [VIDEO], packets, [truth(300, 1000, 1000 + 299 + 2999 + 32_767, restarts=2)]


def stray():
    """Single packets from elsewhere: alone, two that don't follow each other, one at the end."""
    packets = steady(300, 1000, 0, 10_000, 900)
    packets += [Rtp(packets[at].at + 100, seq, 900 * at) for at, seq in ((50, 30_000), (100, 20_000), (150, 200))]
    packets += [Rtp(packets[200].at + 100, 40_000, 0), Rtp(packets[200].at + 200, 50_000, 0)]
    packets += [Rtp(packets[299].at + 100, 60_000, 0)]
    return [VIDEO], packets, [truth(306, 1000, 1299, -6)]


def old_after_restart():
    """After a restart a packet of the old run comes late: a stray. A copy of the new run's first is a duplicate."""
    packets = steady(300, 1000, 0, 10_000, 900)
    for packet in packets[100:]:
        packet.seq += 30_000
    copies = [packets[99].copy(packets[130].at + 100), packets[100].copy(packets[140].at + 100)]
    return [VIDEO], packets + copies, [truth(302, 1000, 31_299, -2, duplicates=1, restarts=1)]


def before_first():
    """Two packets from before the first come late, the second of them twice: `expected` still begins at the first."""
    packets = steady(200, 500, 90_000, 10_000, 900)
    packets += [Rtp(packets[3].at + 100, 498, 88_200), Rtp(packets[4].at + 100, 499, 89_100)]
    packets += [Rtp(packets[6].at + 100, 499, 89_100)]
    return [VIDEO], packets, [truth(203, 500, 699, -3, reordered=2, duplicates=1)]


def ssrc_change():
    """The sender starts over with another SSRC."""
    first = steady(100, 1000, 0, 10_000, 900)
    second = steady(100, 40_000, 5_000_000, 10_000, 900, start=MEDIA + 1_000_000, ssrc=9)
    return [VIDEO], first + second, [truth(100, 1000, 1099), truth(100, 40_000, 40_099, ssrc=9)]


def shared_ssrc():
    """Both tracks carry the same SSRC, the second with a loss."""
    first = steady(200, 1000, 0, 10_000, 900)
    second = without(steady(200, 30_000, 0, 10_000, 480, track=1, payload_type=97), 100)
    return [VIDEO, AUDIO], first + second, [truth(200, 1000, 1199), truth(199, 30_000, 30_199, 1, 1, track=1)]


def static_types():
    """Payload types 26 and 0 without rtpmap: 90 kHz and 8 kHz."""
    tracks = [{"media": "video", "types": [26], "rtpmap": {}}, {"media": "audio", "types": [0], "rtpmap": {}}]
    first = steady(100, 1000, 0, 40_000, 3600, payload_type=26)
    second = steady(200, 1000, 0, 20_000, 160, track=1, ssrc=2, payload_type=0)
    rows = [
        truth(100, 1000, 1099, clock_rate_hz=90_000, near=NO_JITTER),
        truth(200, 1000, 1199, track=1, ssrc=2, clock_rate_hz=8_000, near=NO_JITTER),
    ]
    return tracks, first + second, rows


def g722():
    """Payload type 9 samples at 16 kHz, its RTP clock is 8 kHz."""
    packets = steady(200, 1000, 0, 20_000, 160, payload_type=9)
    rows = [truth(200, 1000, 1199, clock_rate_hz=8_000, near=NO_JITTER)]
    return [{"media": "audio", "types": [9], "rtpmap": {}}], packets, rows


def unknown_clock():
    """A dynamic type without rtpmap: timestamps that run at 16 kHz tell, and those of less than a second don't."""
    undescribed = {"media": "application", "types": [101], "rtpmap": {}}
    first = steady(200, 1000, 0, 20_000, 320, payload_type=101)
    second = steady(45, 2000, 0, 20_000, 320, payload_type=101, track=1, ssrc=2)
    unknown = dict.fromkeys(
        ("clock_rate_hz", "jitter_max_ms", "jitter_mean_ms", "jitter_last_ms", "frame_jitter_max_ms", "skew_min_ms")
    )
    near = {"delta_mean_ms": [20, 1e-6]}
    rows = [
        truth(200, 1000, 1199, clock_rate_hz=16_000, inferred="clock_rate_hz", near={**near, **NO_JITTER}),
        truth(45, 2000, 2044, track=1, ssrc=2, inferred="", near=near, **unknown),
    ]
    return [undescribed, undescribed], first + second, rows


def unknown_clock_unsteady():
    """Timestamps run at 90 kHz, and arrivals are up to 9 ms late in turns: |D| is 9 ms each time."""
    packets = steady(100, 1000, 0, 40_000, 3600, payload_type=101)
    for index, packet in enumerate(packets):
        packet.at += 9_000 * (index % 2)
    highest = 9 * (1 - (15 / 16) ** 99)
    near = {column: [highest, 1e-5] for column in ("jitter_max_ms", "jitter_last_ms")}
    near |= {"skew_min_ms": [0, 1e-5], "skew_max_ms": [9, 1e-5]}
    tracks = [{"media": "application", "types": [101], "rtpmap": {}}]
    return tracks, packets, [truth(100, 1000, 1099, clock_rate_hz=90_000, inferred="clock_rate_hz", near=near)]


def b_frames():
    """Timestamps go forth by 120 ms and back by 40 ms, every 40 ms. |D| is 80 ms each time: J is 80 (1 - (15/16)^n)."""
    packets = steady(200, 1000, 900_000, 40_000, 0)
    timestamp = 900_000
    for index, packet in enumerate(packets):
        packet.timestamp = timestamp
        timestamp += 10_800 if index % 2 == 0 else -3_600
    highest = 80 * (1 - (15 / 16) ** 199)
    near = {column: [highest, 1e-5] for column in ("jitter_max_ms", "jitter_last_ms", "frame_jitter_max_ms")}
    near |= {"skew_min_ms": [-80, 1e-5], "skew_max_ms": [0, 1e-5]}
    return [VIDEO], packets, [truth(200, 1000, 1199, near=near)]


def reports():
    """SRs with NTP time 0, in a compound and alone, on the RTP channel, and of an SSRC without any RTP."""
    packets = steady(500, 1000, 0, 10_000, 900)
    ntp = 0xEE00_0000 << 32
    sent = [
        Report(MEDIA + 1_000_500, 0, 90_000, 101, 10_100),
        Report(MEDIA + 2_000_500, ntp, 180_000, 201, 20_100, cname=False),
        Report(MEDIA + 3_000_500, ntp + (1 << 32), 270_090, 301, 30_100, on_rtp=True),
        Report(MEDIA + 4_000_500, 0, 360_000, 401, 40_100),
        Report(MEDIA + 4_500_500, ntp, 5, 1, 2, ssrc=0xABCD),
    ]
    near = {**NO_JITTER, "sr_offset_spread_ms": [1, 1e-6], "sr_interval_mean_s": [1, 1e-9]}
    last = {"sr_last_rtp_timestamp": 360_000, "sr_last_packets": 401, "sr_last_octets": 40_100}
    alone = {"first_seq": None, "last_ext_seq": None, "expected": 0, "lost": 0}
    rows = [truth(500, 1000, 1499, sr_count=4, near=near, **last)]
    rows += [truth(0, 0, 0, ssrc=0xABCD, sr_count=1) | {"equal": {"packets": 0, "sr_count": 1, **alone}}]
    return [VIDEO], packets + sent, rows


def drift():
    """90 s of a sender whose clock is 200 ppm slow, with each packet up to 5 ms late and one in ten at once.

    The last window of 2 s is nearly full: a single late packet in one would tilt the line by several ppm.
    """
    chance = random.Random(7)
    packets = steady(4491, 1000, 0, 20_000, 1800, size=20)
    for index, packet in enumerate(packets):
        packet.at = MEDIA + index * 20_004 + (0 if index % 10 == 0 else chance.randrange(5_000))
    near = {"drift_ppm": [200, 1], "skew_min_ms": [0, 1e-6]}
    return [VIDEO], packets, [truth(4491, 1000, 5490, near=near)]


def payloads():
    """CSRCs, extensions, padding, empty payloads: what counts is what is left."""
    packets = steady(100, 1000, 0, 10_000, 900)
    for index, packet in enumerate(packets):
        packet.csrcs, packet.extension = index % 3, (None, 0, 2)[index % 3]
        packet.padding = (0, 4)[index % 2]
        packet.size = 0 if index % 5 == 0 else 100
    return [VIDEO], packets, [truth(100, 1000, 1099, payload_bytes=8_000, near=NO_JITTER)]


def timestamp_reset():
    """The timestamp jumps back by a random amount, the numbers go on: J takes one large step and decays."""
    packets = steady(200, 1000, 3_000_000_000, 10_000, 900)
    for packet in packets[100:]:
        packet.timestamp -= 2_000_000_000
    peak = 2_000_000_000 / 90 / 16
    near = {"jitter_max_ms": [peak, peak * 1e-6], "jitter_last_ms": [peak * (15 / 16) ** 99, peak * 1e-6]}
    return [VIDEO], packets, [truth(200, 1000, 1199, near=near)]


def early():
    """Media that comes before the reply to SETUP belongs to its track all the same."""
    first = steady(200, 1000, 0, 1_000, 90, start=25_000)
    second = steady(200, 1000, 0, 1_000, 48, start=25_500, track=1, ssrc=2, payload_type=97)
    rows = [truth(200, 1000, 1199, near=NO_JITTER), truth(200, 1000, 1199, track=1, ssrc=2, near=NO_JITTER)]
    return [VIDEO, AUDIO], first + second, rows


def before_play():
    """Media that comes before the reply to PLAY."""
    packets = steady(200, 1000, 0, 1_000, 90, start=45_000)
    return [VIDEO], packets, [truth(200, 1000, 1199, near=NO_JITTER)]


def single():
    """One packet: no distance, no jitter. Two: one distance, J for the first time."""
    first = steady(1, 1000, 0, 10_000, 900)
    second = steady(2, 1000, 0, 16_000, 0, track=1, ssrc=2, payload_type=97)
    none = dict.fromkeys(
        ("duration_s", "delta_min_ms", "delta_p50_ms", "jitter_max_ms", "jitter_mean_ms", "jitter_last_ms")
    )
    near = {column: [1, 1e-6] for column in ("jitter_max_ms", "jitter_mean_ms", "jitter_last_ms")}
    near |= {"delta_p50_ms": [16, 1e-6], "skew_max_ms": [16, 1e-6]}
    rows = [truth(1, 1000, 1000, **none), truth(2, 1000, 1001, track=1, ssrc=2, near=near)]
    return [VIDEO, AUDIO], first + second, rows


def percentiles():
    """100 distances of 1 to 100 ms in no order: the nearest ranks are 50 and 99."""
    at, packets = MEDIA, [Rtp(MEDIA, 1000, 0)]
    for index in range(100):
        at += 1_000 * (index * 37 % 100 + 1)
        packets.append(Rtp(at, 1001 + index, 90 * (at - MEDIA) // 1000))
    near = {
        "delta_p50_ms": [50, 1e-6],
        "delta_p99_ms": [99, 1e-6],
        "delta_max_ms": [100, 1e-6],
        "delta_min_ms": [1, 1e-6],
    }
    return [VIDEO], packets, [truth(101, 1000, 1100, near={**near, **NO_JITTER})]


def published():
    """A client that announces and records: the media go the other way."""
    packets = [*steady(200, 1000, 0, 10_000, 900, from_client=True)]
    packets += [Report(MEDIA + 500_500, 1 << 62, 45_000, 51, 5_100, from_client=True)]
    return [VIDEO], packets, [truth(200, 1000, 1199, direction="c2s", sr_count=1, near=NO_JITTER)]


def unnamed_channel():
    """RTP on a channel that no SETUP named."""
    first = steady(100, 1000, 0, 10_000, 900)
    lost = [Stray(rtp, 6) for rtp in steady(50, 1000, 0, 10_000, 900, ssrc=5)]
    return [VIDEO], first + lost, [truth(100, 1000, 1099), truth(50, 1000, 1049, track=None, ssrc=5)]


BOTH = (
    clean, loss, reorder, late_by_100, duplicates, wrap, late_at_wrap, cycles, restart, restart_by_3000, stray,
    old_after_restart, before_first, ssrc_change, shared_ssrc, static_types, g722, unknown_clock,
    unknown_clock_unsteady, b_frames, reports, drift, payloads, timestamp_reset, before_play, single, percentiles, published,
)  # fmt: skip
TCP_ONLY = (unnamed_channel, early)
# Through HTTP, in each style of `Tunnel`.
TUNNELLED = (clean, loss, reports, published)


# --------------------------------------------------------------------------------------------------------------------
# The wire
# --------------------------------------------------------------------------------------------------------------------


def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def datagram(source, target, protocol, transport):
    """An Ethernet frame with an IPv4 packet."""
    ends = b"".join(bytes(map(int, end[0].split("."))) for end in (source, target))
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(transport), 0, 0x4000, 64, protocol, 0) + ends
    head = head[:10] + struct.pack(">H", checksum(head)) + head[12:]
    return b"\x02\0\0\0\0\1\x02\0\0\0\0\2\x08\0" + head + transport


class Tcp:
    """A connection, as Ethernet frames with their times."""

    def __init__(self, client, server, sent, isn_offset):
        self.ends, self.sent = {"c2s": (client, server), "s2c": (server, client)}, sent
        self.next = {"c2s": CLIENT_ISN - isn_offset, "s2c": SERVER_ISN - isn_offset}

    def open(self, at):
        self.segment(at, "c2s", 0x02)
        self.segment(at + 100, "s2c", 0x12)
        self.segment(at + 200, "c2s", 0x10)

    def segment(self, at, direction, flags=0x18, data=b""):
        source, target = self.ends[direction]
        sequence, other = self.next[direction], self.next["s2c" if direction == "c2s" else "c2s"]
        acknowledged = other if flags & 0x10 else 0
        head = struct.pack(">HHIIBBHHH", source[1], target[1], sequence, acknowledged, 0x50, flags, 65535, 0, 0)
        self.next[direction] = (sequence + len(data) + bool(flags & 0x03)) % (1 << 32)
        self.sent.append((at, datagram(source, target, 6, head + data)))

    def close(self, at):
        self.segment(at, "c2s", 0x11)
        self.segment(at + 100, "s2c", 0x11)
        self.segment(at + 200, "c2s", 0x10)


class Tunnel:
    """A GET and its POSTs. How the client's messages become base64:

    padded  each for itself
    lines   each for itself, in lines of 76 characters
    stream  without padding: each is made as long as three bytes want it
    posts   each in a POST of its own
    early   as padded, and the POST comes before the GET
    """

    STYLES = ("padded", "lines", "stream", "posts", "early")

    def __init__(self, style, sent, offset):
        self.style, self.sent, self.offset = style, sent, offset
        self.get = Tcp(CLIENT, SERVER, sent, offset)
        self.posts = []

    def open(self, at):
        if self.style == "early":
            self.open_post(at)
        self.get.open(at + 300)
        head = "GET /synthetic HTTP/1.0\r\nx-sessioncookie: {}\r\nAccept: application/x-rtsp-tunnelled\r\n\r\n"
        self.get.segment(at + 600, "c2s", data=head.format(self.cookie()).encode())
        answer = b"HTTP/1.0 200 OK\r\nContent-Type: application/x-rtsp-tunnelled\r\n\r\n"
        self.get.segment(at + 700, "s2c", data=answer)
        if self.style not in ("early", "posts"):
            self.open_post(at + 800)

    def cookie(self):
        return f"cookie{self.offset}"

    def open_post(self, at):
        self.posts.append(Tcp((CLIENT[0], CLIENT[1] + 1 + len(self.posts)), SERVER, self.sent, self.offset))
        self.posts[-1].open(at)
        kind = "Content-Type: application/x-rtsp-tunnelled\r\nContent-Length: 32767"
        head = f"POST /synthetic HTTP/1.0\r\nx-sessioncookie: {self.cookie()}\r\n{kind}\r\n\r\n"
        self.posts[-1].segment(at + 300, "c2s", data=head.encode())

    def segment(self, at, direction, flags=0x18, data=b""):
        if direction == "s2c" or not data:
            return self.get.segment(at, direction, flags, data)
        if self.style == "stream":
            data = filled(data)
        text = base64.encodebytes(data) if self.style == "lines" else base64.b64encode(data)
        if self.style == "posts":
            # Its handshake and head are over when the message is sent.
            self.open_post(at - 400)
        self.posts[-1].segment(at, direction, flags, text)
        if self.style == "posts":
            self.posts[-1].close(at + 1)
        return None

    def close(self, at):
        self.get.close(at)
        for post in self.posts if self.style != "posts" else ():
            post.close(at)


def filled(data):
    """A message whose length is a multiple of three."""
    if data[:1] != b"$":
        return data.replace(b"\r\n", b"\r\nX: " + b"x" * (-(len(data) + 5) % 3) + b"\r\n", 1)
    assert len(data) % 3 == 0, "choose another size"
    return data


def description(tracks):
    lines = ["v=0", "o=- 1 1 IN IP4 10.0.0.2", "s=synthetic", "t=0 0", "a=control:*"]
    for index, track in enumerate(tracks):
        lines.append(f"m={track['media']} 0 RTP/AVP {' '.join(map(str, track['types']))}")
        lines += [f"a=rtpmap:{number} {encoding}" for number, encoding in track["rtpmap"].items()]
        lines.append(f"a=control:track{index}")
    return "\r\n".join(lines) + "\r\n"


def ports(track):
    """Client's and server's RTP ports."""
    return 50_000 + 2 * track, 6_970 + 2 * track


def dialogue(tracks, over_tcp, published_by_client):
    """What client and server say up to the media: (time, direction, bytes)."""
    url, number, said = "rtsp://10.0.0.2/synthetic", 0, []

    def exchange(at, method, target, headers=(), body="", reply_headers=(), reply_body=""):
        nonlocal number
        number += 1

        def message(first, headers, body):
            kind = ["Content-Type: application/sdp"] if body else []
            length = [f"Content-Length: {len(body)}"] if body else []
            return "\r\n".join([first, f"CSeq: {number}", *headers, *kind, *length, "", body]).encode()

        said.append((at, "c2s", message(f"{method} {target} RTSP/1.0", headers, body)))
        said.append((at + 2_000, "s2c", message("RTSP/1.0 200 OK", reply_headers, reply_body)))

    exchange(5_000, "OPTIONS", url, reply_headers=["Public: DESCRIBE, SETUP, PLAY, TEARDOWN, ANNOUNCE, RECORD"])
    if published_by_client:
        exchange(10_000, "ANNOUNCE", url, body=description(tracks))
    else:
        exchange(10_000, "DESCRIBE", url, reply_headers=[f"Content-Base: {url}/"], reply_body=description(tracks))
    mode = ";mode=record" if published_by_client else ""
    for index in range(len(tracks)):
        client_port, server_port = ports(index)
        wanted = f"RTP/AVP;unicast;client_port={client_port}-{client_port + 1}{mode}"
        given = f"{wanted};server_port={server_port}-{server_port + 1}"
        if over_tcp:
            wanted = given = f"RTP/AVP/TCP;unicast;interleaved={2 * index}-{2 * index + 1}{mode}"
        reply = [f"Transport: {given}", "Session: 12345678"]
        exchange(20_000 + 10_000 * index, "SETUP", f"{url}/track{index}", [f"Transport: {wanted}"], reply_headers=reply)
    method = "RECORD" if published_by_client else "PLAY"
    exchange(70_000, method, f"{url}/", ["Session: 12345678"], reply_headers=["Session: 12345678"])
    return said


def teardown(at):
    ask = b"TEARDOWN rtsp://10.0.0.2/synthetic RTSP/1.0\r\nCSeq: 99\r\nSession: 12345678\r\n\r\n"
    return [(at, "c2s", ask), (at + 2_000, "s2c", b"RTSP/1.0 200 OK\r\nCSeq: 99\r\nSession: 12345678\r\n\r\n")]


def session(tracks, media, over_tcp, sent, offset=0, style=None):
    """Adds a whole session's packets to `sent`; `style`: through a tunnel."""
    noise = random.Random(1)
    by_client = any(one.from_client for one in media)
    end = max(one.at for one in media) + 50_000
    said = dialogue(tracks, over_tcp, by_client) + teardown(end)
    for one in media:
        data, direction = one.bytes(noise), "c2s" if one.from_client else "s2c"
        rtcp = isinstance(one, Report) and not one.on_rtp
        if over_tcp:
            channel = one.channel if isinstance(one, Stray) else 2 * one.track + rtcp
            said.append((one.at, direction, struct.pack(">BBH", 0x24, channel, len(data)) + data))
        else:
            client, server = ((end[0], port + rtcp) for end, port in zip((CLIENT, SERVER), ports(one.track)))
            source, target = (client, server) if one.from_client else (server, client)
            head = struct.pack(">HHHH", source[1], target[1], 8 + len(data), 0)
            sent.append((offset + one.at, datagram(source, target, 17, head + data)))
    connection = Tunnel(style, sent, offset) if style else Tcp(CLIENT, SERVER, sent, offset)
    connection.open(offset)
    for count, (at, direction, data) in enumerate(sorted(said, key=lambda one: one[0])):
        connection.segment(offset + at, direction, data=data)
        if count % 16 == 15:
            connection.segment(offset + at + 5, "c2s" if direction == "s2c" else "s2c", 0x10)
    connection.close(offset + end + 10_000)
    return offset + end + 20_000


def write(path, sent, rows=None):
    """Writes packets and, if given, the truth."""
    with captures.Writer(path) as writer:
        for at, data in sorted(sent, key=lambda one: one[0]):
            writer.write(START_NS + round(at * 1000), data)
    if rows is None:
        return
    with open(os.path.splitext(path)[0] + ".truth.json", "w", encoding="utf-8") as file:
        json.dump({"streams": rows}, file, indent=1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("outdir")
    outdir = parser.parse_args().outdir
    os.makedirs(outdir, exist_ok=True)
    for scenario in BOTH + TCP_ONLY:
        for transport in ("tcp", "udp") if scenario in BOTH else ("tcp",):
            tracks, media, rows = scenario()
            sent = []
            session(tracks, media, transport == "tcp", sent)
            for row in rows:
                row["equal"].setdefault("transport", transport)
            write(os.path.join(outdir, f"{scenario.__name__}_{transport}.pcap"), sent, rows)
    for scenario in TUNNELLED:
        for style in Tunnel.STYLES:
            tracks, media, rows = scenario()
            for one in media:
                # 4 bytes of frame, 12 of header: a multiple of three in all.
                if style == "stream" and one.from_client and isinstance(one, Rtp):
                    one.size = 101
            sent = []
            session(tracks, media, True, sent, style=style)
            for row in rows:
                row["equal"].setdefault("transport", "http")
            write(os.path.join(outdir, f"{scenario.__name__}_{style}_http.pcap"), sent, rows)
    # The same addresses and ports twice.
    for transport in ("tcp", "udp"):
        sent, rows, offset = [], [], 0
        for number, scenario in enumerate((clean, loss), 1):
            tracks, media, truths = scenario()
            offset = session(tracks, media, transport == "tcp", sent, offset)
            rows += [{**row, "session": number} for row in truths]
        write(os.path.join(outdir, f"ports_again_{transport}.pcap"), sent, rows)


if __name__ == "__main__":
    main()
