#!/usr/bin/env python3
"""How much memory does a session take that is quiet? One process records many sessions into one file, of a server that
sends each of them a small packet now and then. Prints the recorder's memory and CPU time, and memory for each session.

    tests/bench/quiet.py [--sessions 1,2000,10000] [--seconds 30] [--every 5] [--tool target/release/rtsp-rec]
                         [-- OPTION of record...]

Linux only. Exit status: 0, or 1 where a session is missing or takes more than `--limit` bytes.
"""

import argparse
import multiprocessing
import os
import resource
import selectors
import socket
import struct
import subprocess
import tempfile
import time

SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=quiet\r\nt=0 0\r\na=control:*\r\n" \
      "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:track1\r\n"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", default="1,2000,10000", help="how many, one run each; the first is what others are compared with")
    parser.add_argument("--seconds", type=float, default=30, help="how long all play before memory is looked at")
    parser.add_argument("--every", type=float, default=5, help="seconds between the packets of a session")
    parser.add_argument("--limit", type=float, default=11000, help="bytes of memory for each session")
    parser.add_argument("--tool", default="target/release/rtsp-rec")
    parser.add_argument("options", nargs="*", help="of record")
    return parser.parse_args()


class Session:
    played = 0

    def __init__(self, stream):
        self.stream, self.pending, self.count, self.plays = stream, b"", 0, False

    def read(self):
        """Answers what came; whether the client is still there."""
        try:
            came = self.stream.recv(65536)
        except OSError:
            return False
        self.pending += came
        while self.pending:
            if self.pending[:1] == b"$":
                if len(self.pending) < 4 or len(self.pending) < 4 + struct.unpack(">H", self.pending[2:4])[0]:
                    break
                self.pending = self.pending[4 + struct.unpack(">H", self.pending[2:4])[0]:]
            elif b"\r\n\r\n" in self.pending:
                head, self.pending = self.pending.split(b"\r\n\r\n", 1)
                self.answer(head.decode().split("\r\n"))
            else:
                break
        return bool(came)

    def answer(self, lines):
        method, url, _ = lines[0].split(" ")
        fields = dict(line.split(": ", 1) for line in lines[1:])
        head, body = "Session: 7;timeout=60\r\n", ""
        if method == "DESCRIBE":
            head, body = f"Content-Type: application/sdp\r\nContent-Base: {url}/\r\nContent-Length: {len(SDP)}\r\n", SDP
        elif method == "SETUP":
            head += "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
        self.stream.sendall(f"RTSP/1.0 200 OK\r\nCSeq: {fields['CSeq']}\r\n{head}\r\n{body}".encode())
        if method == "PLAY":
            self.plays = True
            Session.played += 1
            self.send()

    def send(self):
        packet = struct.pack(">BBHII", 0x80, 0xE0, self.count & 0xFFFF, self.count * 450_000 & 0xFFFFFFFF, 7) + b"\x41" * 200
        self.count += 1
        self.stream.sendall(b"$\0" + struct.pack(">H", len(packet)) + packet)


def serve(listener, every, playing):
    selector, sessions = selectors.DefaultSelector(), []
    selector.register(listener, selectors.EVENT_READ)
    due, turn, left = time.monotonic(), 0, 0
    while True:
        for key, _ in selector.select(0.05):
            if key.data is None:
                stream, _ = listener.accept()
                session = Session(stream)
                sessions.append(session)
                selector.register(stream, selectors.EVENT_READ, session)
            elif not key.data.read():
                selector.unregister(key.fileobj)
                key.fileobj.close()
                key.data.plays = False
                left += 1
        # Each has its turn once in `every` seconds.
        now = time.monotonic()
        while due < now:
            due += every / max(len(sessions), 1)
            if sessions:
                turn = (turn + 1) % len(sessions)
                if sessions[turn].plays:
                    sessions[turn].send()
        playing.value = Session.played - left


def memory(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) * 1024


def cpu(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(args, count):
    listener, playing = socket.socket(), multiprocessing.Value("i", 0)
    listener.bind(("127.0.0.1", 0))
    listener.listen(4096)
    server = multiprocessing.Process(target=serve, args=(listener, args.every, playing), daemon=True)
    server.start()
    with tempfile.TemporaryDirectory() as folder:
        port = listener.getsockname()[1]
        command = [args.tool, "record", "-q", "-o", os.path.join(folder, "all.pcapng")]
        command += [*"--idle-timeout 10m --connect-timeout 5m --response-timeout 5m".split()]
        recorder = subprocess.Popen(command + args.options + [f"rtsp://127.0.0.1:{port}/{number}" for number in range(count)])
        started = time.monotonic()
        while playing.value < count:
            assert recorder.poll() is None, "the recorder has ended"
            assert time.monotonic() < started + 300, f"{playing.value} of {count} play"
            time.sleep(0.1)
        took, before = time.monotonic() - started, cpu(recorder.pid)
        time.sleep(args.seconds)
        result = took, memory(recorder.pid), cpu(recorder.pid) - before, playing.value
        recorder.kill()
        recorder.wait()
    server.kill()
    server.join()
    listener.close()
    return result


def main():
    args = arguments()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    counts, base, failed = [int(count) for count in args.sessions.split(",")], None, False
    print("sessions  all play after  memory MB  bytes a session  CPU s a minute")
    for count in counts:
        took, held, used, playing = measure(args, count)
        base = base or (count, held)
        each = (held - base[1]) / (count - base[0]) if count > base[0] else 0
        failed |= playing < count or each > args.limit
        print(f"{count:8}  {took:13.1f}s  {held / 1e6:9.1f}  {each:15.0f}  {used * 60 / args.seconds:14.2f}", flush=True)
    raise SystemExit(failed)


main()
