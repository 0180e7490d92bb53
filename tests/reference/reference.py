#!/usr/bin/env python3
"""An independent reference for the `streams` table of `rtsp-rec analyze`: reads a capture, prints JSON.

    reference.py CAPTURE

Written from RFC 3550 (6.4.1, A.1, A.3, A.8), RFC 2326 and the definitions in docs/metrics.md; no code is shared with
the tool. It is plain rather than fast: it takes the whole capture into memory, puts the TCP streams together first,
and keeps every sequence number. So there is no window, no cap and no sketch in it that could be wrong in the same way.
"""

import argparse
import ipaddress
import json
import re
import struct
import sys

import dpkt

import captures
import playout
import tunnels
from tcp import Half, signed32

# --------------------------------------------------------------------------------------------------------------------
# RTP: one stream
# --------------------------------------------------------------------------------------------------------------------

MAX_DROPOUT = 3000
MAX_MISORDER = 100
SEQ_MOD = 1 << 16

# What clocks of media run at where nothing says so (RFC 3551, RFC 7587).
USUAL_CLOCKS = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 90_000)
# RFC 3551, section 6, tables 4 and 5.
STATIC_CLOCKS = {
    0: 8000, 3: 8000, 4: 8000, 5: 8000, 6: 16000, 7: 8000, 8: 8000, 9: 8000, 10: 44100, 11: 44100, 12: 8000, 13: 8000,
    14: 90000, 15: 8000, 16: 11025, 17: 22050, 18: 8000,
    25: 90000, 26: 90000, 28: 90000, 31: 90000, 32: 90000, 33: 90000, 34: 90000,
}  # fmt: skip


class Run:
    """The sequence numbers between two restarts, extended by cycles."""

    def __init__(self, first):
        self.first = self.highest = first
        self.seen = {first}

    def expected(self):
        return self.highest - self.first + 1

    def missing(self):
        return self.expected() - sum(self.first <= number <= self.highest for number in self.seen)


class Sequence:
    """Appendix A.1, without probation: every packet counts from the first."""

    def __init__(self):
        self.runs = []
        self.jumped_to = None
        self.duplicates = self.reordered = self.longest_gap = 0

    def add(self, number):
        """Takes the next packet's number; False if the packet is a duplicate."""
        jumped_to, self.jumped_to = self.jumped_to, None
        if not self.runs:
            self.runs.append(Run(number))
            return True
        run = self.runs[-1]
        delta = (number - run.highest) % SEQ_MOD
        if 0 < delta < MAX_DROPOUT:
            run.highest += delta
            run.seen.add(run.highest)
            self.longest_gap = max(self.longest_gap, delta - 1)
        elif 0 < delta <= SEQ_MOD - MAX_MISORDER:
            # A big jump: a restart if the very next packet follows in sequence, else a stray.
            if jumped_to is not None and number == (jumped_to + 1) % SEQ_MOD:
                restarted = Run(jumped_to)
                restarted.highest += 1
                restarted.seen.add(restarted.highest)
                self.runs.append(restarted)
            else:
                self.jumped_to = number
        else:
            extended = run.highest - (run.highest - number) % SEQ_MOD
            if extended in run.seen:
                self.duplicates += 1
                return False
            run.seen.add(extended)
            self.reordered += 1
        return True


class Jitter:
    """6.4.1 and A.8 in floating point, in milliseconds."""

    def __init__(self):
        self.last = None
        self.value = self.highest = self.total = 0.0
        self.count = 0

    def add(self, arrival_ns, timestamp, rate):
        if self.last is not None:
            distance = (arrival_ns - self.last[0]) / 1e6 - signed32(timestamp - self.last[1]) * 1e3 / rate
            self.value += (abs(distance) - self.value) / 16
            self.highest = max(self.highest, self.value)
            self.total += self.value
            self.count += 1
        self.last = (arrival_ns, timestamp)

    def cells(self):
        """Mean, highest, last."""
        return (self.total / self.count, self.highest, self.value) if self.count else (None, None, None)


class Clock:
    """How fast timestamps run that no description gives a rate: the slope of a line through them."""

    def __init__(self):
        self.points = []
        self.last = self.ticks = None

    def add(self, arrival_ns, timestamp):
        if timestamp == self.last:
            return
        self.ticks = 0 if self.last is None else self.ticks + signed32(timestamp - self.last)
        self.last = timestamp
        self.points.append((arrival_ns / 1e9, self.ticks))

    def rate(self):
        """The usual rate that the slope is within 1 % of, where there is enough to draw a line through."""
        if len(self.points) < 16 or self.points[-1][0] - self.points[0][0] < 1.5:
            return None
        slope = line_slope(self.points)
        return next((usual for usual in USUAL_CLOCKS if abs(slope / usual - 1) <= 0.01), None)


def line_slope(points):
    """That of the line with the least squares."""
    mean_x, mean_y = (sum(column) / len(points) for column in zip(*points))
    above = sum((x - mean_x) * (y - mean_y) for x, y in points)
    return above / sum((x - mean_x) ** 2 for x, _ in points)


class Stream:
    """What one row of `streams` says."""

    def __init__(self, track, channel, transport, rate):
        """`rate`: the clock if there are only reports."""
        self.track, self.channel, self.transport = track, channel, transport
        self.sequence, self.jitter, self.frame_jitter = Sequence(), Jitter(), Jitter()
        self.arrivals = []
        self.first_seq = self.payload_type = None
        self.rate = rate
        self.payload_bytes = self.markers = 0
        self.ticks = 0
        self.skews = []
        self.last_timestamp = None
        self.reports = []
        self.clock, self.unclocked, self.inferred = Clock(), [], False
        self.playout = playout.Playout()

    def packet(self, arrival, rtp, rate):
        if not self.arrivals:
            self.first_seq, self.payload_type, self.rate = rtp.seq, rtp.payload_type, rate
        self.arrivals.append(arrival)
        self.payload_bytes += rtp.payload
        self.markers += rtp.marker
        runs = len(self.sequence.runs)
        if not self.sequence.add(rtp.seq):
            return
        restarts = runs and len(self.sequence.runs) > runs
        event = "restart" if restarts else "" if self.sequence.jumped_to is None else "jump"
        if rate is None:
            self.clock.add(arrival, rtp.timestamp)
            self.unclocked.append((arrival, rtp, event))
            return
        self.timed(arrival, rtp, event, rate)

    def infer(self):
        """All packets have come: those without a clock rate get what can be inferred."""
        rate = self.clock.rate() if self.rate is None and self.arrivals else None
        if rate is None:
            return
        self.rate, self.inferred = rate, True
        for arrival, rtp, event in self.unclocked:
            self.timed(arrival, rtp, event, rate)

    def timed(self, arrival, rtp, event, rate):
        self.jitter.add(arrival, rtp.timestamp, rate)
        if rtp.timestamp != self.last_timestamp:
            self.frame_jitter.add(arrival, rtp.timestamp, rate)
        if self.last_timestamp is not None:
            self.ticks += signed32(rtp.timestamp - self.last_timestamp)
        self.last_timestamp = rtp.timestamp
        self.playout.add(arrival - self.arrivals[0], self.ticks, rate, event)
        self.skews.append((arrival, (arrival - self.arrivals[0]) / 1e6 - self.ticks * 1e3 / rate))

    def row(self):
        count, runs, reports = len(self.arrivals), self.sequence.runs, self.reports
        expected = sum(run.expected() for run in runs)
        span_ns = self.arrivals[-1] - self.arrivals[0] if count > 1 else None
        jitter, frame_jitter = self.jitter.cells(), self.frame_jitter.cells()
        skews, drift = [skew for _, skew in self.skews], self.drift()
        return {
            "payload_type": self.payload_type,
            "clock_rate_hz": self.rate if count else None,
            "transport": self.transport,
            "channel": self.channel,
            "duration_s": None if span_ns is None else span_ns / 1e9,
            "packets": count,
            "payload_bytes": self.payload_bytes,
            "first_seq": self.first_seq,
            "last_ext_seq": runs[-1].highest if runs else None,
            "expected": expected,
            "lost": expected - count,
            "missing": sum(run.missing() for run in runs),
            "duplicates": self.sequence.duplicates,
            "reordered": self.sequence.reordered,
            "restarts": max(len(runs) - 1, 0),
            "longest_gap": self.sequence.longest_gap,
            **self.distances(),
            "jitter_mean_ms": jitter[0],
            "jitter_max_ms": jitter[1],
            "jitter_last_ms": jitter[2],
            "frame_jitter_mean_ms": frame_jitter[0],
            "frame_jitter_max_ms": frame_jitter[1],
            "skew_min_ms": min(skews, default=None),
            "skew_max_ms": max(skews, default=None),
            "drift_ppm": drift,
            "marker_packets": self.markers,
            "sr_count": len(reports),
            "sr_last_rtp_timestamp": reports[-1].rtp_timestamp if reports else None,
            "sr_last_packets": reports[-1].packets if reports else None,
            "sr_last_octets": reports[-1].octets if reports else None,
            "sr_interval_mean_s": (
                (reports[-1].arrival - reports[0].arrival) / 1e9 / (len(reports) - 1) if len(reports) > 1 else None
            ),
            "sr_offset_spread_ms": self.offset_spread(),
            "inferred": "clock_rate_hz" if self.inferred else "",
            **self.playout.cells(drift, line_slope),
        }

    def distances(self):
        deltas = sorted(later - earlier for earlier, later in zip(self.arrivals, self.arrivals[1:]))
        names = ("delta_min_ms", "delta_mean_ms", "delta_max_ms", "delta_p50_ms", "delta_p99_ms")
        if not deltas:
            return dict.fromkeys(names)
        # Nearest rank: the smallest value that at least so many per cent do not exceed.
        ranked = [deltas[-(-percent * len(deltas) // 100) - 1] for percent in (50, 99)]
        values = (deltas[0], sum(deltas) / len(deltas), deltas[-1], *ranked)
        return {name: value / 1e6 for name, value in zip(names, values)}

    def drift(self):
        """The slope of a line through the lowest skew in each window of 2 s, from 60 s on."""
        if not self.skews or self.skews[-1][0] - self.skews[0][0] < 60 * captures.NS:
            return None
        lowest = {}
        for arrival, skew in self.skews:
            window = (arrival - self.skews[0][0]) // (2 * captures.NS)
            if window not in lowest or skew < lowest[window][1]:
                lowest[window] = ((arrival - self.skews[0][0]) / 1e9, skew)
        return line_slope(lowest.values()) * 1e3  # ms a second are 1000 ppm

    def offset_spread(self):
        timed = [report for report in self.reports if report.ntp]
        if not timed or self.rate is None:
            return None
        first = timed[0]
        offsets = [
            (report.ntp - first.ntp) / (1 << 32) * 1e3
            - signed32(report.rtp_timestamp - first.rtp_timestamp) * 1e3 / self.rate
            for report in timed
        ]
        return max(offsets) - min(offsets)


class Rtp:
    """An RTP header (5.1) and the size of its payload."""

    __slots__ = ("seq", "timestamp", "ssrc", "payload_type", "marker", "payload")
    FIXED = struct.Struct(">BBHII")

    @classmethod
    def parse(cls, data):
        """None if `data` is no RTP of version 2."""
        if len(data) < 12 or data[0] >> 6 != 2:
            return None
        rtp = cls()
        flags, second, rtp.seq, rtp.timestamp, rtp.ssrc = cls.FIXED.unpack_from(data)
        rtp.marker, rtp.payload_type = second >> 7, second & 127
        header = 12 + 4 * (flags & 15)
        if flags & 0x10:
            if len(data) < header + 4:
                return None
            header += 4 + 4 * int.from_bytes(data[header + 2 : header + 4], "big")
        if len(data) < header:
            return None
        padding = data[-1] if flags & 0x20 else 0
        if padding > len(data) - header:
            padding = 0  # It can't be: all of it is payload then.
        rtp.payload = len(data) - header - padding
        return rtp


class SenderReport:
    """The sender info of an SR (6.4.1)."""

    def __init__(self, arrival, data):
        self.arrival = arrival
        self.ssrc, self.ntp, self.rtp_timestamp, self.packets, self.octets = struct.unpack_from(">IQIII", data, 4)

    @classmethod
    def all_in(cls, arrival, data):
        """The SRs of a compound packet, as far as it is whole."""
        at = 0
        while at + 4 <= len(data) and data[at] >> 6 == 2:
            end = at + 4 + 4 * int.from_bytes(data[at + 2 : at + 4], "big")
            if end > len(data):
                return
            if data[at + 1] == 200 and end - at >= 28:
                yield cls(arrival, data[at:end])
            at = end


# ffmpeg sends it from each of its ports, to be let in through a NAT. Nobody means it as media.
NAT_PUNCH = bytes([0x80]) + bytes(11)


def is_rtcp(data):
    """RTCP is told by its packet type (RFC 5761, section 4), not by channel or port."""
    return len(data) >= 4 and data[0] >> 6 == 2 and 200 <= data[1] <= 207


# --------------------------------------------------------------------------------------------------------------------
# RTSP: messages, frames, connections
# --------------------------------------------------------------------------------------------------------------------


METHODS = (
    rb"OPTIONS|DESCRIBE|ANNOUNCE|SETUP|PLAY_NOTIFY|PLAY|PAUSE|TEARDOWN|GET_PARAMETER|SET_PARAMETER|REDIRECT|RECORD"
)
MESSAGE = re.compile(rb"RTSP/\d\.\d [1-5]\d\d|(?:" + METHODS + rb") \S+ RTSP/\d\.\d")
HEAD_END = re.compile(rb"\r?\n\r?\n")
INTERLEAVED = re.compile(rb"interleaved=(\d+)(?:-(\d+))?")


class Frame:
    """An interleaved frame: where it stands in the stream, header included, when it was complete, what is in it."""

    __slots__ = ("start", "end", "channel", "data", "arrival")


class Message:
    """An RTSP message."""

    def __init__(self, head, body, arrival):
        lines = head.decode("latin-1").split("\n")
        self.first = lines[0].strip()
        self.body, self.arrival = body.decode("latin-1"), arrival
        self.headers = {}
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if colon:
                self.headers.setdefault(name.strip().lower(), value.strip())
        self.is_response = self.first.startswith("RTSP/")

    @property
    def cseq(self):
        return self.headers.get("cseq")

    @property
    def method(self):
        return None if self.is_response else self.first.split()[0]

    @property
    def url(self):
        return re.sub(r"^(rtsp\w?://)[^/]*@", r"\1", self.first.split()[1])

    @property
    def ok(self):
        return self.is_response and self.first.split()[1:2] == ["200"]


def message_at(data, at):
    """Head, body and end of the message at `at`; None if it isn't whole."""
    head_end = HEAD_END.search(data, at)
    if not head_end:
        return None
    head = data[at : head_end.start()]
    length = re.search(rb"(?im)^content-length\s*:\s*(\d+)", head)
    end = head_end.end() + (int(length[1]) if length else 0)
    return (head, data[head_end.end() : end], end) if end <= len(data) else None


class Demux:
    """Takes a byte stream apart into messages and frames."""

    def __init__(self, half, channels):
        self.channels = channels
        self.frames, self.messages = [], []
        resume = None if half.initial is None else 0
        for run in half.runs():
            if resume is not None and resume - run.start > len(run.data):
                continue  # all of it is the rest of the frame that the hole cut
            in_step = resume is not None and resume >= run.start
            resume = self.walk(run, resume - run.start if in_step else None)

    def walk(self, run, at):
        """Reads a run, in step from `at` on; returns where the stream goes on if a hole cuts a frame, else None."""
        data = run.data
        if at is None:
            at = self.find_place(data, 0)
        while at < len(data):
            if data[at] == 0x24:
                end = at + 4 + int.from_bytes(data[at + 2 : at + 4], "big")
                if at + 4 > len(data):
                    return None
                if end > len(data):
                    return run.start + end
                frame = Frame()
                frame.start, frame.end = run.start + at, run.start + end
                frame.channel, frame.data, frame.arrival = data[at + 1], data[at + 4 : end], run.arrival(end)
                self.frames.append(frame)
                at = end
            elif MESSAGE.match(data, at):
                message = message_at(data, at)
                if not message:
                    return None
                head, body, at = message
                self.messages.append(Message(head, body, run.arrival(at)))
            elif data[at] in b"\r\n":
                at += 1
            else:
                at = self.find_place(data, at + 1)
        return run.start + at

    def find_place(self, data, at):
        """The next place where a message or a frame certainly begins."""
        while at < len(data):
            if MESSAGE.match(data, at) or (data[at] == 0x24 and self.certain(data, at)):
                return at
            places = [place for place in (data.find(b"$", at + 1),) if place >= 0]
            message = MESSAGE.search(data, at + 1, places[0] if places else len(data))
            at = min([message.start()] if message else places, default=len(data))
        return at

    def certain(self, data, at):
        """A known channel, a plausible length, RTP or RTCP of version 2, and another start right behind."""
        if at + 5 > len(data) or (self.channels and data[at + 1] not in self.channels):
            return False
        end = at + 4 + int.from_bytes(data[at + 2 : at + 4], "big")
        if end - at < 8 or data[at + 4] >> 6 != 2 or end + 2 > len(data):
            return False
        another = data[end] == 0x24 and (not self.channels or data[end + 1] in self.channels)
        return another or bool(MESSAGE.match(data, end))


class Connection:
    """A TCP connection; `ends` are (address, port)."""

    def __init__(self, halves=(), opener=None, transport="tcp"):
        self.halves, self.opener, self.transport = dict(halves), opener, transport

    def add(self, source, target, tcp, time):
        for end in (source, target):
            self.halves.setdefault(end, Half(end))
        half = self.halves[source]
        if tcp.flags & dpkt.tcp.TH_SYN:
            half.syn(tcp.seq)
            self.opener = target if tcp.flags & dpkt.tcp.TH_ACK else source
        data = bytes(tcp.data)
        if data:
            half.add((tcp.seq + bool(tcp.flags & dpkt.tcp.TH_SYN)) % (1 << 32), data, time)

    def is_other(self, source, tcp):
        """Whether `tcp` opens another connection on the same ports."""
        syn = tcp.flags & dpkt.tcp.TH_SYN and not tcp.flags & dpkt.tcp.TH_ACK
        known = self.halves.get(source)
        if not syn or known is None:
            return False
        return known.initial != (tcp.seq + 1) % (1 << 32) and bool(known.pieces or known.initial is not None)

    def read(self):
        """Takes both streams apart. False if there is no RTSP in them."""
        runs = [run.data for half in self.halves.values() for run in half.runs()]
        named = {int(number) for data in runs for pair in INTERLEAVED.findall(data) for number in pair if number}
        self.demuxed = {end: Demux(half, named) for end, half in self.halves.items()}
        messages = [message for demux in self.demuxed.values() for message in demux.messages]
        if not messages and not any(len(demux.frames) > 1 for demux in self.demuxed.values()):
            return False
        requests = [
            (message.arrival, end)
            for end, demux in self.demuxed.items()
            for message in demux.messages
            if not message.is_response
        ]
        if requests:
            self.client = min(requests)[1]
        elif self.opener:
            self.client = self.opener
        else:
            self.client = max(self.halves, key=lambda end: end[1])
        self.server = next(end for end in self.halves if end != self.client)
        self.read_dialogue()
        return True

    def direction(self, sender):
        return "c2s" if sender == self.client else "s2c"

    def read_dialogue(self):
        """SDP and transports, from the messages of both directions in the order of time."""
        self.sdp, self.setups = Sdp("", ""), []
        dialogue = sorted(
            ((message, end) for end, demux in self.demuxed.items() for message in demux.messages),
            key=lambda pair: (pair[0].arrival, pair[0].is_response),
        )
        requests = []
        for message, end in dialogue:
            if not message.is_response:
                requests.append((message, end))
                if message.method == "ANNOUNCE":
                    self.sdp = Sdp(message.body, message.url)
                continue
            theirs = [request for request, sender in requests if sender != end]
            answered = [request for request in theirs if request.cseq == message.cseq] or theirs
            if not message.ok or not answered:
                continue
            request = answered[-1]
            if request.method == "DESCRIBE":
                base = message.headers.get("content-base") or message.headers.get("content-location") or request.url
                self.sdp = Sdp(message.body, base)
            elif request.method == "SETUP":
                self.setups.append(Setup(self, request, message))


class Sdp:
    """What is needed of a session description (RFC 4566)."""

    def __init__(self, text, base):
        self.base, self.media = base, []
        for line in text.splitlines():
            line = line.strip()
            if line.startswith("m="):
                types = [int(word) for word in line.split()[3:] if word.isdigit()]
                self.media.append({"control": None, "clocks": {}, "types": types})
            elif line.startswith("a=control:") and self.media:
                self.media[-1]["control"] = line[10:].strip()
            elif line.startswith("a=rtpmap:") and self.media:
                found = re.match(r"a=rtpmap:\s*(\d+)\s+[^/]+/(\d+)", line)
                if found:
                    self.media[-1]["clocks"][int(found[1])] = int(found[2])

    def track(self, url, earlier):
        """The index of the m= line that `url` sets up; `earlier` SETUPs went before."""
        controls = [(index, media["control"]) for index, media in enumerate(self.media) if media["control"]]
        for index, control in controls:
            absolute = control if "://" in control else self.base.rstrip("/") + "/" + control.lstrip("/")
            if re.sub(r"^(\w+://)[^/]*@", r"\1", absolute) == url:
                return index
        for index, control in controls:
            if url.endswith("/" + control.lstrip("/")):
                return index
        return earlier if earlier < len(self.media) else None

    def clock(self, track, payload_type):
        named = self.media[track]["clocks"] if track is not None and track < len(self.media) else {}
        return named.get(payload_type) or STATIC_CLOCKS.get(payload_type)

    def first_clock(self, track):
        """The clock of the track's first payload type."""
        types = self.media[track]["types"] if track is not None and track < len(self.media) else []
        return self.clock(track, types[0]) if types else None


def pair_of(text):
    """`4-5` is (4, 5), `4` is (4, 5) too."""
    first, _, second = (text or "").partition("-")
    return (int(first), int(second) if second.isdigit() else int(first) + 1) if first.isdigit() else None


class Setup:
    """A SETUP that was answered with 200."""

    def __init__(self, connection, request, response):
        self.time = response.arrival
        known = {setup.url: setup.track for setup in connection.setups}
        self.url = request.url
        self.track = known.get(self.url)
        if self.url not in known:
            self.track = connection.sdp.track(self.url, len(known))
        asked = self.parameters(request.headers.get("transport", ""))
        given = self.parameters(response.headers.get("transport", ""))
        over_tcp = "interleaved" in given or ("interleaved" in asked and "client_port" not in given)
        self.channels = pair_of(given.get("interleaved") or asked.get("interleaved")) if over_tcp else None
        self.multicast = "multicast" in given
        self.client_ports = pair_of(given.get("client_port") or asked.get("client_port")) if not over_tcp else None
        self.server_ports = pair_of(given.get("server_port")) if not over_tcp else None
        self.ports = pair_of(given.get("port")) if self.multicast else None
        self.source = address_of(given.get("source")) or connection.server[0]
        self.destination = address_of(given.get("destination")) or (None if self.multicast else connection.client[0])

    @staticmethod
    def parameters(header):
        parts = [part.strip() for part in header.split(",")[0].split(";")]
        split = (part.partition("=") for part in parts)
        return {name.strip().lower(): value.strip().strip('"') for name, _, value in split}

    def direction_of(self, source, target):
        """`s2c` or `c2s` for a datagram that this SETUP made way for, else None."""
        if self.multicast:
            return "s2c" if self.ports and target[0] == self.destination and target[1] in self.ports else None
        if not self.client_ports:
            return None
        servers = self.server_ports
        if target[0] == self.destination and target[1] in self.client_ports and source[0] == self.source:
            return "s2c" if not servers or source[1] in servers else None
        if servers and source[0] == self.destination and source[1] in self.client_ports:
            return "c2s" if target[0] == self.source and target[1] in servers else None
        return None


def address_of(text):
    try:
        return ipaddress.ip_address(text).packed if text else None
    except ValueError:
        return None


# --------------------------------------------------------------------------------------------------------------------
# All of a capture
# --------------------------------------------------------------------------------------------------------------------


class Reference:
    """Everything that a capture holds.

    `keep` is asked of each frame, with its half of the connection; without it all frames count.
    """

    def __init__(self, path, keep=lambda half, frame: True):
        self.keep = keep
        self.connections, self.datagrams = [], []
        self.streams = {}
        self.load(path)
        self.connections = tunnels.join(self.connections, Connection)
        self.connections = [connection for connection in self.connections if connection.read()]
        for session, connection in enumerate(self.connections, 1):
            self.add_interleaved(session, connection)
        self.add_datagrams()
        for stream in self.streams.values():
            stream.infer()

    def load(self, path):
        current, fragments = {}, captures.Fragments()
        for packet in captures.read(path):
            ip = captures.ip_of(packet)
            inner = fragments.transport(ip) if ip is not None else None
            if inner is None:
                continue
            source, target = (bytes(ip.src), inner.sport), (bytes(ip.dst), inner.dport)
            if isinstance(inner, dpkt.udp.UDP):
                self.datagrams.append((packet.time_ns, source, target, bytes(inner.data)))
                continue
            key = frozenset((source, target))
            connection = current.get(key)
            if connection is None or connection.is_other(source, inner):
                connection = current[key] = Connection()
                self.connections.append(connection)
            connection.add(source, target, inner, packet.time_ns)

    def add_interleaved(self, session, connection):
        for end, demux in connection.demuxed.items():
            direction, by_channel = connection.direction(end), {}
            for frame in demux.frames:
                if not self.keep(connection.halves[end], frame):
                    continue
                setups = by_channel.get(frame.channel)
                if setups is None:
                    setups = [
                        setup for setup in connection.setups if setup.channels and frame.channel in setup.channels
                    ]
                    by_channel[frame.channel] = setups
                before = [setup for setup in setups if setup.time <= frame.arrival] if len(setups) > 1 else ()
                setup = before[-1] if before else next(iter(setups), None)
                track = setup.track if setup else None
                channel = setup.channels[0] if setup else frame.channel - frame.channel % 2
                self.take(session, connection, track, channel, connection.transport, direction, frame.arrival, frame.data)

    def add_datagrams(self):
        sessions = [
            (session, connection)
            for session, connection in enumerate(self.connections, 1)
            if any(setup.client_ports or setup.ports for setup in connection.setups)
        ]
        for time, source, target, data in self.datagrams if sessions else ():
            fitting = [
                (session, setup)
                for session, connection in sessions
                for setup in connection.setups
                if setup.direction_of(source, target)
            ]
            # The latest SETUP before, else the first one after.
            before = [pair for pair in fitting if pair[1].time <= time]
            if not fitting:
                continue
            choose, among = (max, before) if before else (min, fitting)
            session, setup = choose(among, key=lambda pair: (pair[1].time, pair[0]))
            channel = (setup.server_ports or setup.client_ports or setup.ports)[0]
            transport = "multicast" if setup.multicast else "udp"
            direction = setup.direction_of(source, target)
            if direction == "c2s" and data == NAT_PUNCH:
                continue
            self.take(session, self.connections[session - 1], setup.track, channel, transport, direction, time, data)

    def take(self, session, connection, track, channel, transport, direction, arrival, data):
        def stream(ssrc):
            key = (session, track, direction, ssrc)
            if key not in self.streams:
                rate = connection.sdp.first_clock(track)
                self.streams[key] = Stream(track, channel, transport, rate)
            return self.streams[key]

        if is_rtcp(data):
            for report in SenderReport.all_in(arrival, data):
                stream(report.ssrc).reports.append(report)
            return
        rtp = Rtp.parse(data)
        if rtp:
            stream(rtp.ssrc).packet(arrival, rtp, connection.sdp.clock(track, rtp.payload_type))

    def rows(self):
        """A dict for each stream."""
        for (session, track, direction, ssrc), stream in self.streams.items():
            key = {"session": session, "track": track, "direction": direction, "ssrc": f"0x{ssrc:08x}"}
            yield {**key, **stream.row()}


def rows(path, **options):
    """The rows of `streams` that a capture should give."""
    return list(Reference(path, **options).rows())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("capture")
    json.dump(rows(parser.parse_args().capture), sys.stdout, indent=1, default=str)
    print()


if __name__ == "__main__":
    main()
