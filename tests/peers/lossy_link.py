#!/usr/bin/python3
"""A link between two network namespaces that treats UDP as `tc netem` would; for kernels that have no netem.

    lossy_link.py SERVER CLIENT --loss 4 --duplicate 1 --delay 40 --reorder 3 [--tcp] [--seed N]

Makes the namespaces of these names, with 10.77.0.1 in SERVER and 10.77.0.2 in CLIENT, and prints `ready`. Packets go
through this process, which is a TUN device at each end. UDP from SERVER to CLIENT is lost, repeated and delayed by
chance; what is reordered is not delayed, so it overtakes. With `--tcp` the same befalls TCP. All else passes at once. Ends on SIGINT or SIGTERM, or when
its standard input closes: then it prints what it did to packets for even ports (RTP), and the namespaces are gone.
"""

import argparse
import ctypes
import fcntl
import heapq
import os
import random
import select
import signal
import struct
import subprocess
import time

TUNSETIFF = 0x400454CA
IFF_TUN_NO_PI = 0x0001 | 0x1000
CLONE_NEWNET = 0x40000000
TCP = 6
UDP = 17


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("server")
    parser.add_argument("client")
    for name in ("loss", "duplicate", "reorder"):
        parser.add_argument(f"--{name}", type=float, default=0, help="per cent")
    parser.add_argument("--delay", type=float, default=0, help="milliseconds")
    parser.add_argument("--tcp", action="store_true", help="treat TCP as well")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def ip(*words):
    subprocess.run(["ip", *words], check=True)


def end_of(namespace, own, other):
    """A namespace with one end of the link: its TUN device."""
    ip("netns", "add", namespace)
    libc = ctypes.CDLL(None, use_errno=True)
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    if libc.setns(there, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), f"can't enter {namespace}")
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH", b"link0", IFF_TUN_NO_PI))
    libc.setns(home, CLONE_NEWNET)
    os.close(home)
    os.close(there)
    ip("-n", namespace, "addr", "add", own, "peer", other, "dev", "link0")
    ip("-n", namespace, "link", "set", "link0", "up", "txqueuelen", "10000")
    ip("-n", namespace, "link", "set", "lo", "up")
    return tun


def is_rtp(packet):
    header = (packet[0] & 0x0F) * 4
    return packet[9] == UDP and struct.unpack_from("!H", packet, header + 2)[0] % 2 == 0


class Link:
    def __init__(self, args, server, client):
        self.args, self.server, self.client = args, server, client
        self.chance = random.Random(args.seed)
        self.waiting = []
        self.passed = 0
        self.impaired = (UDP, TCP) if args.tcp else (UDP,)
        self.counts = {"rtp": 0, "lost": 0, "duplicated": 0, "reordered": 0}

    def happens(self, per_cent):
        return self.chance.random() * 100 < per_cent

    def impair(self, packet):
        copies = 2 if self.happens(self.args.duplicate) else 1
        lost, overtakes = self.happens(self.args.loss), self.happens(self.args.reorder)
        if is_rtp(packet):
            self.counts["rtp"] += 1
            self.counts["lost"] += lost
            self.counts["duplicated"] += copies == 2 and not lost
            self.counts["reordered"] += overtakes and not lost
        due = time.monotonic() + (0 if overtakes else self.args.delay / 1000)
        for _ in range(0 if lost else copies):
            # The count keeps the order of what is due at the same time.
            self.passed += 1
            heapq.heappush(self.waiting, (due, self.passed, packet))

    def run(self):
        while True:
            now = time.monotonic()
            while self.waiting and self.waiting[0][0] <= now:
                os.write(self.client, heapq.heappop(self.waiting)[2])
            patience = max(0, self.waiting[0][0] - now) if self.waiting else None
            ready, _, _ = select.select([self.server, self.client, 0], [], [], patience)
            if 0 in ready and not os.read(0, 4096):
                return
            if self.client in ready:
                os.write(self.server, os.read(self.client, 65536))
            if self.server in ready:
                packet = os.read(self.server, 65536)
                if packet[0] >> 4 == 4 and packet[9] in self.impaired:
                    self.impair(packet)
                else:
                    os.write(self.client, packet)


def stop(*_):
    raise KeyboardInterrupt


def main():
    args = arguments()
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        server = end_of(args.server, "10.77.0.1", "10.77.0.2")
        client = end_of(args.client, "10.77.0.2", "10.77.0.1")
        link = Link(args, server, client)
        print("ready", flush=True)
        try:
            link.run()
        except KeyboardInterrupt:
            pass
        print(" ".join(f"{name} {count}" for name, count in link.counts.items()), flush=True)
    finally:
        for namespace in (args.server, args.client):
            subprocess.run(["ip", "netns", "del", namespace], check=False, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
