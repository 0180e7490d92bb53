#!/usr/bin/env python3
"""Does a recording lose anything in the long run? One process records sessions over TCP and UDP from a server that is
killed again and again, in files that rotate. In the end each byte and each datagram that the server sent over a live
connection, as tcpdump saw it, has to be in the files. On the way the recorder's memory and file descriptors are watched.

    target/peers/venv/bin/python tests/bench/soak.py [--minutes N] [--every SECONDS] [--tcp N] [--udp N] [--tool PATH]

Needs what tests/run installs (GStreamer's server, dpkt), tcpdump and the right to use it. Linux only.
"""

import argparse
import collections
import glob
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "reference"))
import captures  # noqa: E402
import dpkt  # noqa: E402
from tcp import Half  # noqa: E402

NS = 1_000_000_000


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--every", type=float, default=50, help="the server is killed after so many seconds; its media ends after 60")
    parser.add_argument("--tcp", type=int, default=4, help="sessions over TCP")
    parser.add_argument("--udp", type=int, default=2, help="sessions over UDP")
    parser.add_argument("--rotate", default="45s")
    parser.add_argument("--tool", default="target/release/rtsp-rec")
    parser.add_argument("--peers", default="target/peers")
    return parser.parse_args()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """GStreamer's server, always at the same port."""

    def __init__(self, port, media):
        command = [str(HERE.parent / "peers/gst_server.py"), "--port", str(port), "--media", media, "--duration", "99999"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.process.stdout.readline()

    def end(self, how):
        self.process.send_signal(how)
        self.process.wait()


def start_recorder(args, transport, count, port, folder):
    name = folder / f"{transport}.pcapng"
    urls = [f"rtsp://127.0.0.1:{port}/av"] * count
    command = [args.tool, "record", "-o", str(name), "-t", transport, "--reconnect", "forever"]
    command += ["--rotate-time", args.rotate, "--idle-timeout", "10s", "--keep-ports", *urls]
    log = open(folder / f"{transport}.log", "w")
    return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)


def held_by(pid):
    """File descriptors, and KiB of memory."""
    with open(f"/proc/{pid}/status") as status:
        fields = dict(line.split(":", 1) for line in status)
    assert "VmRSS" in fields, "a recorder has ended"
    return len(os.listdir(f"/proc/{pid}/fd")), int(fields["VmRSS"].split()[0])


def run(args, port, recorders):
    """Kills and starts the server until the time is over. What the recorders held, by the time."""
    media = str(pathlib.Path(args.peers) / "media/h264_aac.mp4")
    held, end, deaths = [], time.monotonic() + args.minutes * 60, 0
    while time.monotonic() < end:
        server = Server(port, media)
        dies = min(time.monotonic() + args.every, end)
        while time.monotonic() < dies:
            time.sleep(5)
            held.append([held_by(recorder.pid) for recorder in recorders])
        if dies == end:
            for recorder in recorders:
                recorder.send_signal(signal.SIGINT)
            codes = [recorder.wait() for recorder in recorders]
            server.end(signal.SIGTERM)
            return held, deaths, codes
        server.end(signal.SIGKILL if deaths % 2 else signal.SIGTERM)
        deaths += 1
        time.sleep(2)
    raise AssertionError("the last server outlives the time")


class Seen:
    """What the server sent: bytes by connection, datagrams by their addresses, in the order of time."""

    def __init__(self, paths, port):
        self.streams, self.latest, self.datagrams = {}, {}, collections.defaultdict(list)
        packets = []
        for path in paths:
            packets += captures.read(path)
        for packet in packets:
            ip = captures.ip_of(packet)
            if isinstance(ip, dpkt.ip.IP) and isinstance(ip.data, dpkt.tcp.TCP) and ip.data.sport == port:
                tcp = ip.data
                # What answers while no server runs is no connection.
                if tcp.dport not in self.latest and tcp.flags & dpkt.tcp.TH_RST:
                    continue
                half = self.half(tcp)
                if tcp.data:
                    half.add(tcp.seq, bytes(tcp.data), packet.time_ns)
            elif isinstance(ip, dpkt.ip.IP) and isinstance(ip.data, dpkt.udp.UDP):
                self.datagrams[ip.data.sport, ip.data.dport].append((packet.time_ns, bytes(ip.data.data)))

    def half(self, tcp):
        """The stream of a segment. A client's port may be used again for another connection."""
        which = self.latest.setdefault(tcp.dport, 0)
        half = self.streams.setdefault((tcp.dport, which), Half())
        if tcp.flags & dpkt.tcp.TH_SYN:
            if half.initial is not None and (half.pieces or half.initial != (tcp.seq + 1) % (1 << 32)):
                self.latest[tcp.dport] += 1
                half = self.streams[tcp.dport, which + 1] = Half()
            half.syn(tcp.seq)
        return half

    def bytes_of(self, connection):
        runs = self.streams[connection].runs()
        assert len(runs) <= 1, f"connection {connection}: holes behind {[run.start for run in runs]}"
        return runs[0].data if runs else b""


def compare(truth, ours):
    """Holds what the recorder wrote against what tcpdump saw. Gives how many bytes and datagrams were compared."""
    total, late, count = 0, 0, 0
    assert set(truth.streams) == set(ours.streams), "not the same connections"
    for connection in truth.streams:
        sent, recorded = truth.bytes_of(connection), ours.bytes_of(connection)
        assert sent[: len(recorded)] == recorded, f"connection {connection}: other bytes than were sent"
        # Whoever closes does not read what still comes.
        late = max(late, len(sent) - len(recorded))
        total += len(recorded)
    for ends, datagrams in ours.datagrams.items():
        sent = [payload for _, payload in truth.datagrams[ends]]
        recorded = [payload for _, payload in datagrams]
        assert sent[: len(recorded)] == recorded, f"datagrams {ends}: {len(recorded)} recorded, {len(sent)} sent"
        count += len(recorded)
    return total, count, late


def main():
    args = arguments()
    # Kept where the comparison fails.
    folder = tempfile.mkdtemp(prefix="soak-")
    folder, port = pathlib.Path(folder), free_port()
    dump = folder / "truth.pcap"
    tcpdump = subprocess.Popen(["tcpdump", "-i", "lo", "-B", "65536", "-s", "0", "-w", dump, f"tcp port {port} or udp"],
                               stderr=subprocess.PIPE)
    tcpdump.stderr.readline()
    transports = [("tcp", args.tcp), ("udp", args.udp)]
    used = [transport for transport, count in transports if count]
    recorders = [start_recorder(args, transport, count, port, folder) for transport, count in transports if count]
    try:
        held, deaths, codes = run(args, port, recorders)
        time.sleep(1)
    finally:
        for process in [*recorders, tcpdump]:
            process.send_signal(signal.SIGINT)
            process.wait()
        for transport in used:
            print((folder / f"{transport}.log").read_text(), flush=True)
    files = sorted(glob.glob(str(folder / "*-[0-9]*.pcapng")))
    total, count, late = compare(Seen([dump], port), Seen(files, port))
    print(f"{deaths} restarts, {len(files)} files, exit codes {codes}")
    print(f"{total} bytes over TCP and {count} datagrams are the same; at most {late} bytes came after the last was read")
    for number, transport in enumerate(used):
        series = [sample[number] for sample in held]
        tenth = max(len(series) // 10, 1)
        print(f"{transport}: file descriptors {series[tenth][0]} to {series[-1][0]}, at most {max(s[0] for s in series)}; "
              f"memory {series[tenth][1]} to {series[-1][1]} KiB, at most {max(s[1] for s in series)}")
    shutil.rmtree(folder)


main()
