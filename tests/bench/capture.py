#!/usr/bin/env python3
"""A large capture as tcpdump would write it: an RTSP session whose frames of 1,400 bytes (--frame N) come interleaved.

    tests/bench/capture.py FILE BYTES [--frame N] [--segment N] [--ack-every N]

pcap with nanoseconds. Without --segment each frame is a TCP segment of its own; with it the stream is cut every N bytes
(1448 is Ethernet's), wherever a frame ends. --ack-every N has the client acknowledge each N segments (0: the client's
side is not in the capture after PLAY).
"""

import argparse
import struct

SDP = "v=0\r\no=- 1 1 IN IP4 10.0.0.2\r\ns=bench\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:track0\r\n"
URL = "rtsp://10.0.0.2/bench"


class Capture:
    """Packets between a client and a server on port 554."""

    def __init__(self, out):
        self.out, self.time, self.sequence = out, 1_700_000_000_000_000_000, {False: 1000, True: 5000}
        out.write(struct.pack("<IHHIIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1))

    def segment(self, from_server, flags, payload=b""):
        ends = [(b"\x0a\0\0\1", 50000), (b"\x0a\0\0\2", 554)]
        (source, source_port), (target, target_port) = reversed(ends) if from_server else ends
        sequence, acknowledged = self.sequence[from_server], self.sequence[not from_server]
        ethernet = b"\2\0\0\0\0\2\2\0\0\0\0\1\x08\0" if from_server else b"\2\0\0\0\0\1\2\0\0\0\0\2\x08\0"
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40 + len(payload), 0, 0x4000, 64, 6, 0, source, target)
        tcp = struct.pack(
            ">HHIIBBHHH", source_port, target_port, sequence & 0xFFFFFFFF, acknowledged & 0xFFFFFFFF, 0x50, flags, 65535, 0, 0
        )
        packet = ethernet + ip + tcp + payload
        seconds, nanos = divmod(self.time, 1_000_000_000)
        self.out.write(struct.pack("<IIII", seconds, nanos, len(packet), len(packet)))
        self.out.write(packet)
        self.sequence[from_server] = sequence + len(payload) + (flags >> 1 & 1)

    def say(self, from_server, text, body=""):
        length = f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n" if body else ""
        self.time += 1_000_000
        self.segment(from_server, 0x18, f"{text}\r\n{length}\r\n{body}".encode())


def dialogue(capture):
    for from_server, flags in [(False, 0x02), (True, 0x12), (False, 0x10)]:
        capture.segment(from_server, flags)
    transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"
    capture.say(False, f"DESCRIBE {URL} RTSP/1.0\r\nCSeq: 1")
    capture.say(True, f"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Base: {URL}/", SDP)
    capture.say(False, f"SETUP {URL}/track0 RTSP/1.0\r\nCSeq: 2\r\n{transport}")
    capture.say(True, f"RTSP/1.0 200 OK\r\nCSeq: 2\r\nSession: 1\r\n{transport}")
    capture.say(False, f"PLAY {URL} RTSP/1.0\r\nCSeq: 3\r\nSession: 1")
    capture.say(True, "RTSP/1.0 200 OK\r\nCSeq: 3\r\nSession: 1")


def stream(limit, frame):
    """Frames of so many bytes, ten to a picture."""
    filler = bytes(range(256)) * 6
    for number in range(limit):
        marker = 0x80 if number % 10 == 9 else 0
        # A slice of H.264 in fragments (RFC 6184, section 5.8), each fiftieth of an IDR picture.
        edge = 0x80 if number % 10 == 0 else marker >> 1
        idr = number // 10 % 50 == 0
        fragment = bytes([0x7C, edge | (5 if idr else 1), 0x88 if idr else 0x9A])
        head = struct.pack(">BBHBBHII", 0x24, 0, frame, 0x80, 96 | marker, number & 0xFFFF, number // 10 * 3600 & 0xFFFFFFFF, 7)
        yield head + fragment + filler[: frame - 12 - len(fragment)]


def cut(frames, size):
    pending = b""
    for frame in frames:
        pending += frame
        while len(pending) >= size:
            yield pending[:size]
            pending = pending[size:]
    if pending:
        yield pending


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("bytes", type=int)
    parser.add_argument("--frame", type=int, default=1400)
    parser.add_argument("--segment", type=int, default=0)
    parser.add_argument("--ack-every", type=int, default=0)
    args = parser.parse_args()
    frames = stream(args.bytes // (args.frame + 4 + 54 + 16), args.frame)
    with open(args.file, "wb", 1 << 20) as out:
        capture = Capture(out)
        dialogue(capture)
        for number, payload in enumerate(cut(frames, args.segment) if args.segment else frames):
            capture.time += 40_000_000 if number % 10 == 0 else 11_000
            capture.segment(True, 0x18, payload)
            if args.ack_every and number % args.ack_every == args.ack_every - 1:
                capture.segment(False, 0x10)


main()
