#!/usr/bin/env python3
"""A large capture as tcpdump would write it: RTSP sessions whose RTP packets of 1,400 bytes (--frame N) come interleaved.

    tests/bench/capture.py FILE BYTES [--frame N] [--segment N] [--ack-every N]
                           [--udp] [--sessions N] [--vlans N] [--tunnels] [--twice]

pcap with nanoseconds. Without --segment each frame is a TCP segment of its own; with it the stream is cut every N bytes
(1448 is Ethernet's), wherever a frame ends. --ack-every N has the client acknowledge each N segments (0: the client's
side is not in the capture from PLAY to TEARDOWN).

--udp has the packets come as datagrams, with reports of both sides once a second. --sessions N plays N sessions at once,
packet by packet in turn. --vlans N tags each packet with one of N VLANs, a session always with the same. --tunnels puts
sessions in turn into nothing, 802.1Q in 802.1ad, MPLS, GRE, VXLAN and Geneve. --twice has each packet twice, 3 us apart,
as the port of a switch mirrors both directions.
"""

import argparse
import struct

SDP = "v=0\r\no=- 1 1 IN IP4 10.0.0.2\r\ns=bench\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:track0\r\n"
URL = "rtsp://10.0.0.2/bench"
SECOND = 1_000_000_000
TCP, UDP, GRE = 6, 17, 47


def ipv4(protocol, source, target, body, identification=0):
    flags = 0 if identification else 0x4000
    return struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(body), identification, flags, 64, protocol, 0, source, target) + body


def udp(source, target, body):
    return struct.pack(">HHHH", source, target, 8 + len(body), 0) + body


def outer(protocol, body):
    return ipv4(protocol, b"\xac\x10\0\1", b"\xac\x10\0\2", body)


def tunnels():
    """What stands between the addresses of Ethernet and an IP packet: functions of the whole frame."""
    tagged = lambda frame: frame[:12] + b"\x88\xa8\0\7\x81\0\0\x09" + frame[12:]
    mpls = lambda frame: frame[:12] + b"\x88\x47\0\1\x01\x40" + frame[14:]
    gre = lambda frame: frame[:14] + outer(GRE, b"\0\0\x08\0" + frame[14:])
    vxlan = lambda frame: frame[:14] + outer(UDP, udp(49152, 4789, b"\x08\0\0\0\0\0\x2a\0" + frame))
    geneve = lambda frame: frame[:14] + outer(UDP, udp(49152, 6081, b"\0\0\x65\x58\0\0\x2a\0" + frame))
    return [lambda frame: frame, tagged, mpls, gre, vxlan, geneve]


class Capture:
    """Writes packets, at a time that goes on."""

    def __init__(self, out, twice):
        self.out, self.twice, self.time = out, twice, 1_700_000_000 * SECOND
        out.write(struct.pack("<IHHIIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1))

    def write(self, frame):
        for time in (self.time, self.time + 3000) if self.twice else (self.time,):
            self.out.write(struct.pack("<IIII", time // SECOND, time % SECOND, len(frame), len(frame)))
            self.out.write(frame)


class Session:
    """Packets between a client and a server on port 554."""

    def __init__(self, capture, number, args):
        self.capture, self.sequence, self.identification = capture, {False: 1000, True: 5000}, 0
        self.client = struct.pack(">I", 0x0A010000 + number % 50000)
        self.port = 20000 + number // 50000
        self.vlan = struct.pack(">HH", 0x8100, 1 + number % args.vlans) if args.vlans else b""
        every = tunnels()
        self.tunnel = every[number % len(every)] if args.tunnels else every[0]

    def packet(self, from_server, protocol, ports, body, identification=0):
        ends = [(self.client, ports[0]), (b"\x0a\0\0\2", ports[1])]
        (source, source_port), (target, target_port) = reversed(ends) if from_server else ends
        ethernet = b"\2\0\0\0\0\2\2\0\0\0\0\1" if from_server else b"\2\0\0\0\0\1\2\0\0\0\0\2"
        body = struct.pack(">HH", source_port, target_port) + body
        ip = ipv4(protocol, source, target, body, identification)
        self.capture.write(self.tunnel(ethernet + self.vlan + b"\x08\0" + ip))

    def segment(self, from_server, flags, payload=b""):
        sequence, acknowledged = self.sequence[from_server], self.sequence[not from_server]
        tcp = struct.pack(">IIBBHHH", sequence & 0xFFFFFFFF, acknowledged & 0xFFFFFFFF, 0x50, flags, 65535, 0, 0)
        self.packet(from_server, TCP, (self.port, 554), tcp + payload)
        self.sequence[from_server] = sequence + len(payload) + (flags >> 1 & 1)

    def datagram(self, from_server, above, payload):
        self.identification = self.identification % 65535 + 1
        body = struct.pack(">HH", 8 + len(payload), 0) + payload
        self.packet(from_server, UDP, (5000 + above, 6000 + above), body, self.identification)

    def say(self, from_server, text, body=""):
        length = f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n" if body else ""
        self.capture.time += 10_000
        self.segment(from_server, 0x18, f"{text}\r\n{length}\r\n{body}".encode())

    def begin(self, transport, answered):
        for from_server, flags in [(False, 0x02), (True, 0x12), (False, 0x10)]:
            self.segment(from_server, flags)
        self.say(False, f"DESCRIBE {URL} RTSP/1.0\r\nCSeq: 1")
        self.say(True, f"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Base: {URL}/", SDP)
        self.say(False, f"SETUP {URL}/track0 RTSP/1.0\r\nCSeq: 2\r\nTransport: {transport}")
        self.say(True, f"RTSP/1.0 200 OK\r\nCSeq: 2\r\nSession: 1\r\nTransport: {transport}{answered}")
        self.say(False, f"PLAY {URL} RTSP/1.0\r\nCSeq: 3\r\nSession: 1")
        self.say(True, "RTSP/1.0 200 OK\r\nCSeq: 3\r\nSession: 1")

    def end(self):
        self.say(False, f"TEARDOWN {URL} RTSP/1.0\r\nCSeq: 4\r\nSession: 1")
        self.say(True, "RTSP/1.0 200 OK\r\nCSeq: 4\r\nSession: 1")


def rtp(limit, size):
    """Packets of so many bytes, ten to a picture."""
    filler = bytes(range(256)) * 6
    for number in range(limit):
        marker = 0x80 if number % 10 == 9 else 0
        # A slice of H.264 in fragments (RFC 6184, section 5.8), each fiftieth of an IDR picture.
        edge = 0x80 if number % 10 == 0 else marker >> 1
        idr = number // 10 % 50 == 0
        fragment = bytes([0x7C, edge | (5 if idr else 1), 0x88 if idr else 0x9A])
        head = struct.pack(">BBHII", 0x80, 96 | marker, number & 0xFFFF, number // 10 * 3600 & 0xFFFFFFFF, 7)
        yield head + fragment + filler[: size - 12 - len(fragment)]


def interleaved(packets, size):
    """A stream of them, cut into pieces of `size`; 0: a piece each."""
    pending = b""
    for packet in packets:
        pending += struct.pack(">BBH", 0x24, 0, len(packet)) + packet
        while len(pending) >= (size or 1):
            yield pending[: size or None]
            pending = pending[size:] if size else b""
    if pending:
        yield pending


def reports(session, now, packets, octets, timestamp):
    """A sender report, and what the receiver says to it."""
    ntp = (now // SECOND + 2_208_988_800 << 32) + (now % SECOND << 32) // SECOND
    block = struct.pack(">IIIIII", 7, 0, packets, 0, ntp >> 16 & 0xFFFFFFFF, 0)
    session.datagram(True, 1, struct.pack(">BBHIQIII", 0x80, 200, 6, 7, ntp, timestamp, packets, octets & 0xFFFFFFFF))
    session.datagram(False, 1, struct.pack(">BBHI", 0x81, 201, 7, 9) + block)


def play(capture, sessions, args, limit):
    """All sessions send the same."""
    packets = rtp(limit, args.frame)
    pieces = packets if args.udp else interleaved(packets, args.segment)
    sent, picture = 0, 10 * (args.frame + (0 if args.udp else 4))
    for number, piece in enumerate(pieces):
        # 25 pictures a second, however many sessions there are.
        begins = -sent % picture < len(piece)
        pause = (40_000_000 - 9 * 11_000 if begins else 11_000) // len(sessions)
        sent += len(piece)
        for session in sessions:
            capture.time += pause
            if args.udp:
                session.datagram(True, 0, piece)
                if number % 250 == 0:
                    reports(session, capture.time, number + 1, (number + 1) * (args.frame - 12), number // 10 * 3600)
                continue
            session.segment(True, 0x18, piece)
            if args.ack_every and number % args.ack_every == args.ack_every - 1:
                session.segment(False, 0x10)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("bytes", type=int)
    parser.add_argument("--frame", type=int, default=1400)
    parser.add_argument("--segment", type=int, default=0)
    parser.add_argument("--ack-every", type=int, default=0)
    parser.add_argument("--udp", action="store_true")
    parser.add_argument("--sessions", type=int, default=1)
    parser.add_argument("--vlans", type=int, default=0)
    parser.add_argument("--tunnels", action="store_true")
    parser.add_argument("--twice", action="store_true")
    args = parser.parse_args()
    with open(args.file, "wb", 1 << 20) as out:
        capture = Capture(out, args.twice)
        sessions = [Session(capture, number, args) for number in range(args.sessions)]
        transport = ("RTP/AVP;unicast;client_port=5000-5001", ";server_port=6000-6001")
        for session in sessions:
            session.begin(*transport if args.udp else ("RTP/AVP/TCP;unicast;interleaved=0-1", ""))
        limit = args.bytes // (args.frame + 4 + 54 + 16) // args.sessions // (2 if args.twice else 1)
        play(capture, sessions, args, limit)
        for session in sessions:
            session.end()


main()
