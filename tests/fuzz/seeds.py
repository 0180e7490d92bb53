#!/usr/bin/env python3
"""Seeds for the fuzz targets, out of the sample and the transcripts of the dialogues: seeds.py OUT

Each target gets a few files of its own format in OUT/TARGET. What is in git under corpus/ began with these.
"""

import gzip
import pathlib
import struct
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = pathlib.Path(sys.argv[1])


def put(target, name, data):
    folder = OUT / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def blocks(data):
    """Type, whole bytes and body of each block of a little-endian pcapng."""
    at = 0
    while at + 12 <= len(data):
        kind, length = struct.unpack_from("<II", data, at)
        yield kind, data[at : at + length], data[at + 8 : at + length - 4]
        at += length


sample = (ROOT / "samples/gstreamer_h264_aac.pcapng").read_bytes()
packets, heads = [], b""
for kind, whole, body in blocks(sample):
    if kind == 6:
        (length,) = struct.unpack_from("<I", body, 12)
        packets.append((whole, body[20 : 20 + length]))
    elif not packets:
        heads += whole
small = [(whole, frame) for whole, frame in packets if len(frame) < 700]
payloads = []
for _, frame in packets:
    ip = frame[14:]
    tcp = ip[(ip[0] & 15) * 4 :]
    payloads.append((struct.unpack_from(">H", tcp)[0] == 554 or tcp[0:2] == ip[0:0], tcp[(tcp[12] >> 4) * 4 :], tcp))
messages = [(s, p) for s, p, _ in payloads if p and p[0] != 0x24]
frames = [(s, p) for s, p, _ in payloads if p and p[0] == 0x24]
short = [(s, p) for s, p in frames if len(p) < 200][:6]
rtcp = [p[4:] for _, p in frames if p[1] & 1]

for number, (_, message) in enumerate(messages):
    put("message", f"sample{number}", message)
for path in sorted((ROOT / "tests/dialogs").glob("*.txt")):
    text = path.read_text(errors="replace")
    for number, part in enumerate(text.split("\n\n")[:12]):
        if "RTSP/1.0" in part:
            put("message", f"{path.stem}{number}", part.lstrip("<>| ").replace("\n", "\r\n").encode() + b"\r\n\r\n")
        if "m=" in part and "v=0" in part:
            put("sdp", path.stem, part[part.index("v=0") :].encode())
for _, message in messages:
    if b"v=0" in message:
        put("sdp", "sample", message[message.index(b"v=0") :])
challenge = 'Digest realm="a", nonce="b", qop="auth,auth-int", algorithm=SHA-256, stale=TRUE\nBasic realm="a"\n'
for number, lines in enumerate([
    ("rtsp://user:p%40ss@camera:554/live?x=1", "rtsp://rtsp://camera/live/", "", "trackID=0"),
    ("rtsp://[::1]:8554/a b", "rtsp://::ffff:1.2.3.4/", "/live", "rtsp://u:p@h/x"),
    ("rtsps://h", "192.168.1.2:1935/", "*", "*"),
]):
    put("url", f"url{number}", ("\n".join(lines) + "\n" + challenge).encode())
for number, (_, frame) in enumerate(short):
    put("rtp", f"sample{number}", frame[4:])
put("rtp", "all", bytes.fromhex("b1e0000100000002000000030000000abede000110aa0000") + b"payload\x02\x02")
for number, packet in enumerate(rtcp[:4]):
    put("rtcp", f"sample{number}", packet)
put("rtcp", "others", bytes.fromhex("81c9000700000001000000020100000300000004000000050000000600000007"
                                    "81cb00030000000104627965000000008 0cc0002000000014e414d45".replace(" ", "")))

stream = b"".join(p for s, p in messages if s)[:3000] + b"".join(p for _, p in short)
put("demuxer", "sample", bytes([4, 10, 200, 3, 77]) + stream)
put("demuxer", "garbage", bytes([2, 9, 255]) + short[0][1] + b"\x00\x17$garbage$\x00\x00\x04abcd" + stream[-600:])
put("round_trip", "sample", b"".join(struct.pack(">BH", int(not s), len(p)) + p for s, p in (messages + short)[:24]))

part = heads + b"".join(whole for whole, _ in small[:24])
put("reader", "pcapng", part)
put("reader", "gzip", gzip.compress(part, mtime=0))
put("capture", "pcapng", part)
put("capture", "gzip", gzip.compress(part, mtime=0))
for name, order, magic in [("pcap_le", "<", 0xA1B2C3D4), ("pcap_be_ns", ">", 0xA1B23C4D), ("pcap_modified", "<", 0xA1B2CD34)]:
    data = struct.pack(order + "IHHIIII", magic, 2, 4, 0, 0, 262144, 1)
    for number, (_, frame) in enumerate(small[:16]):
        data += struct.pack(order + "IIII", 1_700_000_000, number, len(frame), len(frame))
        data += bytes(8) * (magic == 0xA1B2CD34) + frame
    put("reader", name, data)
    put("capture", name, data)


def ipv4(payload, protocol, ident=0, place=0):
    return struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), ident, place, 64, protocol, 0, b"\n\0\0\1", b"\n\0\0\2") + payload


def ipv6(payload, following):
    return struct.pack(">IHBB", 6 << 28, len(payload), following, 64) + bytes(15) + b"\1" + bytes(15) + b"\2" + payload


def record(data, missing=0):
    return struct.pack(">HBB", len(data), missing, 7) + data


udp = struct.pack(">HHHH", 6970, 50000, 8 + 24, 0) + bytes.fromhex("8060000100000002000000030000000000000000" "00000000")
setup = [frame for _, frame in small[:14]]
ethernet = b"".join(record(frame) for frame in setup)
put("packets", "ethernet", b"\0" + ethernet)
put("packets", "vlan", b"\0" + b"".join(record(f[:12] + b"\x81\0\0\1\x88\xa8\0\2" + f[12:]) for f in setup[:6]))
put("packets", "pppoe", b"\0" + b"".join(record(f[:12] + b"\x88\x64\x11\0\0\1" + struct.pack(">H", len(f) - 12) + b"\0\x21" + f[14:]) for f in setup[:6]))
put("packets", "raw", b"\3" + b"".join(record(frame[14:], 9 * (n == 5)) for n, frame in enumerate(setup)))
put("packets", "null", b"\1" + b"".join(record(b"\2\0\0\0" + frame[14:]) for frame in setup[:6]))
put("packets", "sll", b"\5" + b"".join(record(bytes(14) + b"\x08\0" + frame[14:]) for frame in setup[:6]))
put("packets", "sll2", b"\6" + b"".join(record(b"\x08\0" + bytes(18) + frame[14:]) for frame in setup[:6]))
tcp = setup[5][34:]
cut = len(tcp) // 16 * 8
put("packets", "fragments", b"\3" + record(ipv4(tcp[cut:], 6, 5, cut // 8)) + record(ipv4(tcp[:cut], 6, 5, 0x2000)) + record(ipv4(udp, 17)))
put("packets", "ipv6", b"\3" + record(ipv6(b"\x2b\0" + bytes(6) + b"\x06\0" + bytes(6) + tcp, 0))
    + record(ipv6(struct.pack(">BBHI", 6, 0, 1, 9) + tcp[:cut], 44)) + record(ipv6(struct.pack(">BBHI", 6, 0, cut, 9) + tcp[cut:], 44)))
segments = b"".join(struct.pack(">BBBH", int(s), 0x18, 0, len(p)) + p for s, p in (messages + short)[:20])
put("segments", "order", b"\0\2\0\0\0\1\x12\0\0\0" + segments + b"\0\x11\0\0\0\1\x11\0\0\0")
put("segments", "jumps", b"".join(struct.pack(">BBbH", int(s) | 2, 0x18, 120 - n * 17 if n % 3 == 2 else 0, len(p)) + p for n, (s, p) in enumerate((messages + short)[:14])))
