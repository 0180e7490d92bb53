"""Capture files for the scripts beside: reads pcap and pcapng to the nanosecond, writes pcap.

dpkt decodes what is inside of the packets. The files themselves are read here, because dpkt keeps times as floats,
which are off by up to 240 ns in our days.
"""

import gzip
import io
import struct
from typing import NamedTuple

import dpkt

ETHERNET, NULL, RAW, LOOP, SLL, SLL2 = 1, 0, 101, 108, 113, 276
RAW_TOO = (RAW, 12, 14, 228, 229)
NS = 1_000_000_000


class Packet(NamedTuple):
    """A captured packet; `number` is Wireshark's frame number."""

    number: int
    time_ns: int
    link: int
    data: bytes


def read(path):
    """Yields the packets of a pcap or pcapng file, also a gzipped one. A cut last packet ends the file."""
    with open(path, "rb") as file:
        data = file.read()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    packets = _pcapng(data) if data[:4] == b"\x0a\x0d\x0d\x0a" else _pcap(data)
    for number, (time_ns, link, packet) in enumerate(packets, 1):
        yield Packet(number, time_ns, link, packet)


PCAP_MAGIC = {0xA1B2C3D4: (1000, 16), 0xA1B23C4D: (1, 16), 0xA1B2CD34: (1000, 24)}


def _pcap(data):
    for order in "<>":
        magic = struct.unpack_from(order + "I", data)[0]
        if magic in PCAP_MAGIC:
            break
    else:
        raise ValueError("neither pcap nor pcapng")
    to_ns, header = PCAP_MAGIC[magic]
    link = struct.unpack_from(order + "I", data, 20)[0] & 0x0FFFFFFF
    record = struct.Struct(order + "IIII")
    at = 24
    while at + header <= len(data):
        seconds, fraction, captured, _ = record.unpack_from(data, at)
        at += header
        if at + captured > len(data):
            return
        yield seconds * NS + fraction * to_ns, link, data[at : at + captured]
        at += captured


def _pcapng(data):
    order, interfaces, at = "<", [], 0
    while at + 12 <= len(data):
        if data[at : at + 4] == b"\x0a\x0d\x0d\x0a":
            order = "<" if data[at + 8 : at + 12] == b"\x4d\x3c\x2b\x1a" else ">"
            interfaces = []
        kind, length = struct.unpack_from(order + "II", data, at)
        if length < 12 or at + length > len(data):
            return
        body = data[at + 8 : at + length - 4]
        at += length
        if kind == 1:
            interfaces.append(_interface(order, body))
        elif kind == 6:
            which, high, low, captured, _ = struct.unpack_from(order + "IIIII", body)
            link, units, offset, _ = interfaces[which]
            yield _time(high, low, units, offset), link, body[20 : 20 + captured]
        elif kind == 2:
            which, _, high, low, captured, _ = struct.unpack_from(order + "HHIIII", body)
            link, units, offset, _ = interfaces[which]
            yield _time(high, low, units, offset), link, body[20 : 20 + captured]
        elif kind == 3:
            link, _, _, snaplen = interfaces[0]
            original = struct.unpack_from(order + "I", body)[0]
            yield 0, link, body[4 : 4 + min(original, snaplen or original)]


def _time(high, low, units, offset_s):
    return (high << 32 | low) * NS // units + offset_s * NS


def _interface(order, body):
    """Link type, units a second, offset in seconds, snaplen."""
    link, _, snaplen = struct.unpack_from(order + "HHI", body)
    units, offset, at = 10**6, 0, 8
    while at + 4 <= len(body):
        code, length = struct.unpack_from(order + "HH", body, at)
        value = body[at + 4 : at + 4 + length]
        if code == 0:
            break
        if code == 9:
            units = 2 ** (value[0] & 127) if value[0] & 128 else 10 ** value[0]
        if code == 14:
            offset = struct.unpack(order + "q", value)[0]
        at += 4 + (length + 3) // 4 * 4
    return link, units, offset, snaplen


class Writer:
    """Writes pcap with nanoseconds."""

    def __init__(self, path, link=ETHERNET):
        self.file = io.BufferedWriter(io.FileIO(path, "w"), 1 << 20)
        self.file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, link))

    def write(self, time_ns, data):
        """Adds a packet."""
        self.file.write(struct.pack("<IIII", time_ns // NS, time_ns % NS, len(data), len(data)) + data)

    def close(self):
        """Finishes the file."""
        self.file.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def ip_of(packet):
    """The IPv4 or IPv6 packet within, None for anything else. ICMP's quotes are not looked at."""
    try:
        inner = _link_layer(packet.link, packet.data)
    except (dpkt.UnpackError, IndexError, ValueError):
        return None
    while inner is not None and not isinstance(inner, (dpkt.ip.IP, dpkt.ip6.IP6)):
        inner = inner.data if isinstance(inner, dpkt.Packet) else None
    return inner


def _link_layer(link, data):
    if link == ETHERNET:
        return dpkt.ethernet.Ethernet(data)
    if link == SLL:
        return dpkt.sll.SLL(data)
    if link == SLL2:
        return dpkt.sll2.SLL2(data)
    if link in (NULL, LOOP):
        return _ip(data[4:])
    if link in RAW_TOO:
        return _ip(data)
    return None


def _ip(data):
    return dpkt.ip.IP(data) if data[0] >> 4 == 4 else dpkt.ip6.IP6(data)


class Fragments:
    """Puts fragmented IPv4 packets together."""

    def __init__(self):
        self.waiting = {}

    def transport(self, ip):
        """The TCP segment or UDP datagram of `ip`, or of the packet that it completes; else None."""
        if isinstance(ip, dpkt.ip6.IP6) or not (ip.mf or ip.offset):
            return ip.data if isinstance(ip.data, (dpkt.tcp.TCP, dpkt.udp.UDP)) else None
        key = (ip.src, ip.dst, ip.id, ip.p)
        parts = self.waiting.setdefault(key, {})
        parts.setdefault(ip.offset * 8, (ip.mf, bytes(ip.data)))
        whole = b""
        while len(whole) in parts:
            more, data = parts[len(whole)]
            whole += data
            if not more:
                del self.waiting[key]
                kind = {6: dpkt.tcp.TCP, 17: dpkt.udp.UDP}.get(ip.p)
                return kind and kind(whole)
            if not data:
                break
        return None
