#!/usr/bin/env python3
"""Rewrites the TCP segments of a capture in ways that TCP allows.

    perturb.py IN OUT --seed N --how split|merge|reorder|duplicate|overlap|midstream|conflict|drop|any|none

split      segments are cut at random places
merge      neighbours are joined, up to 64 KiB
reorder    segments come after one of the next few
duplicate  segments are sent again, whole, at once or later
overlap    a part is sent again that reaches into both neighbours
midstream  the capture begins after the handshake
conflict   like overlap, but the bytes that were there before are others now: the first copy wins
drop       one segment of media is missing in the capture (cut or joined first, or as it is)
any        a random choice of the above, but for `conflict` and `drop`
none       the same segments, in the format of the others

The receiver reads the same bytes, and neither side answers what has not come. Times never go back. OUT is pcap,
whatever IN is; TCP checksums are left as they were. Prints JSON: with `drop`, what is missing.
"""

import argparse
import base64
import copy
import json
import random
import re
import struct

import dpkt

import captures

LONGEST = 65_000
# Segments pass by so many bytes at most. A tool that must not keep everything takes a hole for a loss at some point.
WINDOW = 128 << 10
METHODS = ("split", "merge", "reorder", "duplicate", "overlap", "midstream")
HANDSHAKE, FIN = dpkt.tcp.TH_SYN, dpkt.tcp.TH_FIN | dpkt.tcp.TH_RST
SEQ = 1 << 32
COOKIE = re.compile(rb"(?s)(?:GET|POST) .*?\nx-sessioncookie: *([^\r\n]+)")


class Segment:
    """A TCP segment with payload, and what its packet begins with."""

    def __init__(self, time, flow, link_head, ip, tcp_head, sequence, data):
        self.time, self.flow, self.link_head, self.ip, self.tcp_head = time, flow, link_head, ip, tcp_head
        self.sequence, self.data = sequence, data
        self.talk = frozenset((flow[:2], flow[2:]))
        self.fixed = False

    def part(self, begin, end, time=None):
        """Some of its bytes."""
        made = copy.copy(self)
        made.time = self.time if time is None else time
        made.sequence, made.data = (self.sequence + begin) % SEQ, self.data[begin:end]
        return made

    @property
    def next(self):
        return (self.sequence + len(self.data)) % SEQ

    def packet(self):
        """The whole packet, with its lengths and the IP checksum made right."""
        tcp = bytearray(self.tcp_head)
        struct.pack_into(">I", tcp, 4, self.sequence)
        ip = bytearray(self.ip)
        if ip[0] >> 4 == 4:
            struct.pack_into(">H", ip, 2, len(ip) + len(tcp) + len(self.data))
            struct.pack_into(">H", ip, 10, 0)
            struct.pack_into(">H", ip, 10, checksum(ip))
        else:
            struct.pack_into(">H", ip, 4, len(ip) - 40 + len(tcp) + len(self.data))
        return self.link_head + bytes(ip) + bytes(tcp) + self.data


class Other:
    """A packet that stays as it is: no TCP, or no payload."""

    def __init__(self, time, data, flow=None, handshake=False, pure_ack=False):
        self.time, self.data, self.flow = time, data, flow
        self.handshake, self.pure_ack = handshake, pure_ack

    def packet(self):
        return self.data


def checksum(head):
    total = sum(struct.unpack(f">{len(head) // 2}H", head))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def load(path):
    """Link type and packets of a capture."""
    link, packets, talked = captures.ETHERNET, [], set()
    for packet in captures.read(path):
        link = packet.link
        packets.append(take(packet, talked))
    join_tunnels(packets)
    return link, packets


def join_tunnels(packets):
    """Makes one conversation of the connections of each HTTP tunnel. Now, since a cut may go through a cookie."""
    cookies = {}
    for packet in packets:
        if isinstance(packet, Segment):
            pair, cookie = packet.talk, COOKIE.match(packet.data)
            if cookie:
                cookies[pair] = cookie[1]
            packet.talk = cookies.get(pair, pair)
        elif packet.handshake:
            cookies.pop(frozenset((packet.flow[:2], packet.flow[2:])), None)


def take(packet, talked):
    """A packet, taken apart as far as needed; `talked`: connections whose handshake is over."""
    ip = captures.ip_of(packet)
    tcp = ip.data if ip is not None else None
    if not isinstance(tcp, dpkt.tcp.TCP) or getattr(ip, "mf", 0):
        return Other(packet.time_ns, packet.data)
    flow = (bytes(ip.src), tcp.sport, bytes(ip.dst), tcp.dport)
    data = bytes(tcp.data)
    if not data or tcp.flags & (HANDSHAKE | FIN):
        pair = frozenset((flow[:2], flow[2:]))
        handshake = bool(tcp.flags & HANDSHAKE) or pair not in talked
        (talked.discard if tcp.flags & HANDSHAKE else talked.add)(pair)
        return Other(packet.time_ns, packet.data, flow, handshake, not data and not tcp.flags & (HANDSHAKE | FIN))
    talked.add(frozenset((flow[:2], flow[2:])))
    # What follows the link layer is as long as IP says; there may be padding behind.
    ip_bytes, tcp_length = bytes(ip), 4 * tcp.off
    start = packet.data.find(ip_bytes[:20])
    ip_length = 4 * ip.hl if isinstance(ip, dpkt.ip.IP) else len(ip_bytes) - len(bytes(tcp))
    heads = packet.data[start:]
    tcp_head = heads[ip_length : ip_length + tcp_length]
    return Segment(packet.time_ns, flow, packet.data[:start], heads[:ip_length], tcp_head, tcp.seq, data)


def stretches(packets):
    """Index ranges of segments that only pure ACKs and strangers stand between: no side answers the other in them."""
    ranges, current = {}, []
    for index, packet in enumerate(packets):
        if isinstance(packet, Other) and packet.handshake:
            ranges.pop(frozenset((packet.flow[:2], packet.flow[2:])), None)
        if not isinstance(packet, Segment):
            continue
        at = ranges.get(packet.talk)
        if at is None or packets[at[0]].flow != packet.flow:
            at = ranges[packet.talk] = []
            current.append(at)
        at.append(index)
    return current


def split(packets, chance):
    made = []
    for packet in packets:
        if isinstance(packet, Segment) and len(packet.data) > 1 and chance.random() < 0.5:
            places = sorted({chance.randrange(1, len(packet.data)) for _ in range(chance.choice((1, 1, 2, 5)))})
            made += [packet.part(begin, end) for begin, end in zip([0, *places], [*places, len(packet.data)])]
        else:
            made.append(packet)
    return made


def merge(packets, chance):
    packets = list(packets)
    for stretch in stretches(packets):
        joined, parts, wanted = None, 0, 0
        for index in stretch:
            segment = packets[index]
            previous = packets[joined] if joined is not None else None
            fits = previous is not None and previous.next == segment.sequence
            if fits and parts < wanted and len(previous.data) + len(segment.data) <= LONGEST:
                # It comes with the last of its parts.
                whole = previous.part(0, len(previous.data), segment.time)
                whole.data += segment.data
                whole.fixed |= segment.fixed
                drop_early_acks(packets, joined, index, previous)
                packets[joined], packets[index] = None, whole
                parts += 1
            else:
                parts, wanted = 1, chance.choice((1, 2, 3, 10, 200))
            joined = index
    return [packet for packet in packets if packet is not None]


def drop_early_acks(packets, start, end, segment):
    """Nobody acknowledges what has not come: takes out the pure ACKs between two places that `segment` passes by."""
    back = segment.flow[2:] + segment.flow[:2]
    for index in range(start + 1, end + 1):
        if isinstance(packets[index], Other) and packets[index].flow == back and packets[index].pure_ack:
            packets[index] = None


def insert(packets, moves):
    """Puts each packet of `moves`, (index, packet), behind the place `index`, at the time of that place."""
    behind = {}
    for index, packet in moves:
        behind.setdefault(index, []).append(packet)
    made, latest = [], 0
    for index, packet in enumerate(packets):
        if packet is not None:
            latest = packet.time
            made.append(packet)
        for one in behind.get(index, ()):
            one.time = max(one.time, latest)
            made.append(one)
    return made


def within(limit, places, packets):
    """The last of `places` before which less than `limit` bytes stand; the first at least."""
    passed = 0
    for index, place in enumerate(places):
        passed += len(packets[place].data) if packets[place] is not None else 0
        if passed > limit:
            return places[max(index - 1, 0)]
    return places[-1]


def reorder(packets, chance):
    packets, moves = list(packets), []
    for stretch in stretches(packets):
        for place, index in enumerate(stretch[:-1]):
            segment = packets[index]
            if chance.random() < 0.1 and not segment.fixed:
                passed = stretch[place + 1 : place + 1 + chance.choice((1, 1, 2, 5, 20))]
                after = within(WINDOW, passed, packets)
                drop_early_acks(packets, index, after, segment)
                moves.append((after, segment))
                packets[index] = None
    return insert(packets, moves)


def duplicate(packets, chance):
    moves = []
    for index, packet in enumerate(packets):
        if isinstance(packet, Segment) and chance.random() < 0.1:
            after = min(index + chance.choice((0, 0, 1, 5, 50)), len(packets) - 1)
            # Not into another connection on the same ports.
            later = range(index, after)
            after = next((at for at in later if getattr(packets[at + 1], "handshake", False)), after)
            moves.append((after, packet.part(0, len(packet.data))))
    return insert(packets, moves)


def overlap(packets, chance, conflict=False):
    """Sends a part again that begins in the segment before and ends in the one behind, before or after that came."""
    moves = []
    for stretch in stretches(packets):
        for before, index, behind in zip(stretch, stretch[1:], stretch[2:]):
            parts = [packets[at] for at in (before, index, behind)]
            if chance.random() > 0.1 or parts[0].next != parts[1].sequence or parts[1].next != parts[2].sequence:
                continue
            begin = chance.randrange(len(parts[0].data))
            end = chance.randrange(len(parts[2].data) + 1)
            again = parts[0].part(begin, len(parts[0].data))
            known = len(again.data) + len(parts[1].data)
            again.data += parts[1].data + parts[2].data[:end]
            if len(again.data) > LONGEST:
                continue
            after = chance.choice((index, behind))
            if conflict:
                known = known if after == index else len(again.data)
                again.data = bytes(byte ^ 0x55 for byte in again.data[:known]) + again.data[known:]
            moves.append((after, again))
    return insert(packets, moves)


def midstream(packets, _chance):
    """Without the first handshake of each pair of ends; a later one tells that another connection begins.

    Each side's first segment stays the first then: nothing tells what came before it.
    """
    talked, first, made = set(), set(), []
    for packet in packets:
        pair = packet.flow and frozenset((packet.flow[:2], packet.flow[2:]))
        if isinstance(packet, Segment):
            talked.add(pair)
            packet.fixed |= packet.flow not in first
            first.add(packet.flow)
        if isinstance(packet, Segment) or not packet.handshake or pair in talked:
            made.append(packet)
    return made


def sent_again(packets, rows, at):
    """Whether any of its bytes stand in another segment: a busy loopback retransmits now and then."""
    own = packets[at]
    for row in rows:
        other = packets[row]
        if row != at and other.flow == own.flow:
            ahead = (other.sequence - own.sequence) % SEQ
            if ahead < len(own.data) or (own.sequence - other.sequence) % SEQ < len(other.data):
                return True
    return False


def drop(packets, chance):
    """Leaves out one segment of media: not the first, none of the last; what it carried was never sent again."""
    shape = chance.choice((split, merge, None))
    shaped = shape(packets, chance) if shape else packets
    # Joined, all media may be in one segment with a message.
    packets = shaped if media_in(shaped) else packets
    media = media_in(packets)
    chance.shuffle(media)
    rows = [index for index, packet in enumerate(packets) if isinstance(packet, Segment)]
    at = next((at for at in media if not sent_again(packets, rows, at)), None)
    if at is None:
        raise SystemExit("no segment of media to drop")
    lost = packets[at]
    what = {"ports": [lost.flow[1], lost.flow[3]], "sequence": lost.sequence, "bytes": len(lost.data)}
    return packets[:at] + packets[at + 1 :], what


def media_in(packets):
    """The places of segments that hold media alone, in the middle of a capture."""
    rows = [index for index, packet in enumerate(packets) if isinstance(packet, Segment)]
    quarter = len(rows) // 4
    return [at for at in rows[quarter : len(rows) - quarter] if not holds_message(packets[at].data)]


def holds_message(data):
    """Whether a start line is in it, as it is or in base64, at any place of its four characters."""
    if b"RTSP/1." in data:
        return True
    letters = re.sub(rb"[\s=]", b"", data)
    if not re.fullmatch(rb"[A-Za-z0-9+/]+", letters):
        return False
    parts = [letters[at : len(letters) - (len(letters) - at) % 4] for at in range(4)]
    return any(b"RTSP/1." in base64.b64decode(part) for part in parts)


def perturb(packets, how, seed):
    """The packets in their new shape, and what was dropped (or None)."""
    chance = random.Random(f"{seed} {how}")
    if how == "none":
        return packets, None
    if how == "drop":
        return drop(packets, chance)
    chosen = [method for method in METHODS if chance.random() < 0.6] if how == "any" else [how]
    # The handshake goes first, so that the others know which segments must stay where they are. Joining needs
    # neighbours as they were; the order of the rest is free.
    rank = {"midstream": 0, "merge": 1, "split": 2}
    for method in sorted(chosen, key=lambda name: (rank.get(name, 3), chance.random())):
        if method == "conflict":
            packets = overlap(packets, chance, conflict=True)
        else:
            packets = globals()[method](packets, chance)
    return packets, None


def write(path, link, packets):
    """Writes packets; each has at least the time of the one before."""
    latest = 0
    with captures.Writer(path, link) as writer:
        for packet in packets:
            latest = max(latest, packet.time)
            writer.write(latest, packet.packet())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("capture", metavar="IN")
    parser.add_argument("out", metavar="OUT")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--how", choices=[*METHODS, "conflict", "drop", "any", "none"], default="any")
    args = parser.parse_args()
    link, packets = load(args.capture)
    packets, dropped = perturb(packets, args.how, args.seed)
    write(args.out, link, packets)
    print(json.dumps({"packets": len(packets), "dropped": dropped}))


if __name__ == "__main__":
    main()
