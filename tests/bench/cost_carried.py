#!/usr/bin/env python3
"""What do TLS, HTTP tunnels and WebSockets cost a recording? CPU time (user + system, of the client alone) for each GB of
the same bytes from the same server (flood.c), over plain TCP and through a relay that carries them otherwise; next to
`openssl s_client` into /dev/null, which decrypts the same bytes. The programs take turns; the table shows medians, and
the median of the ratios to plain TCP in the same round.

    tests/bench/cost_carried.py [--bytes 600000000] [--frame-size 1400] [--rounds 5] [--tool target/release/rtsp-rec]

Needs a C compiler and openssl. Exit status: 0, or 1 where a program failed.
"""

import argparse
import base64
import contextlib
import hashlib
import os
import pathlib
import re
import socket
import ssl
import statistics
import struct
import subprocess
import tempfile
import threading

HERE = pathlib.Path(__file__).resolve().parent
REQUESTS = ["DESCRIBE rtsp://h/x RTSP/1.0\r\nCSeq: 1\r\n\r\n",
            "SETUP rtsp://h/x/track1 RTSP/1.0\r\nCSeq: 2\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n",
            "PLAY rtsp://h/x RTSP/1.0\r\nCSeq: 3\r\nSession: 1\r\n\r\n"]
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bytes", type=int, default=600_000_000)
    parser.add_argument("--frame-size", type=int, default=1400)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tool", default="target/release/rtsp-rec")
    return parser.parse_args()


def head_of(stream):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += stream.recv(1)
    return head.decode()


def copy(source, sink, change=lambda chunk: chunk):
    """Until either side goes, or says nothing for too long; the other one is told."""
    with contextlib.suppress(OSError):
        while chunk := source.recv(1 << 16):
            sink.sendall(change(chunk))
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


class Relay:
    """Carries what the server at `port` says."""

    def __init__(self, port, serve, context=None):
        self.port, self.context, self.tunnels = port, context, {}
        listener = socket.create_server(("127.0.0.1", 0))
        self.address = listener.getsockname()
        threading.Thread(target=self.accept, args=(listener, serve), daemon=True).start()

    def accept(self, listener, serve):
        while True:
            stream = listener.accept()[0]
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=serve, args=(self, stream), daemon=True).start()

    def server(self):
        return socket.create_connection(("127.0.0.1", self.port))

    def tls(self, stream):
        stream = self.context.wrap_socket(stream, server_side=True)
        server = self.server()
        # Behind the last frame s_client has nothing to say, and the server waits for it.
        server.settimeout(5)
        threading.Thread(target=copy, args=(stream, server), daemon=True).start()
        copy(server, stream)
        stream.close()

    def http(self, stream):
        head = head_of(stream)
        cookie = re.search(r"x-sessioncookie: (\S+)", head)[1]
        if head.startswith("GET"):
            self.tunnels[cookie] = self.server()
            stream.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: application/x-rtsp-tunnelled\r\n\r\n")
            copy(self.tunnels[cookie], stream)
            return stream.close()
        rest = b""
        while chunk := stream.recv(1 << 16):
            # What one write encodes is padded at its end.
            rest += chunk
            whole = len(rest) // 4 * 4
            self.tunnels[cookie].sendall(b"".join(base64.b64decode(rest[at:at + 4]) for at in range(0, whole, 4)))
            rest = rest[whole:]

    def web_socket(self, stream):
        key = re.search(r"Sec-WebSocket-Key: (\S+)", head_of(stream))[1]
        accept = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
        stream.sendall(f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                       f"Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: rtsp.onvif.org\r\n\r\n".encode())
        server = self.server()
        threading.Thread(target=self.unmask, args=(stream.makefile("rb"), server), daemon=True).start()
        copy(server, stream, lambda chunk: self.frame(len(chunk)) + chunk)
        stream.close()

    @staticmethod
    def frame(length):
        """The header of a frame, as short as it can be (RFC 6455, section 5.2)."""
        if length < 126:
            return struct.pack(">BB", 0x82, length)
        return struct.pack(">BBH", 0x82, 126, length) if length < 1 << 16 else struct.pack(">BBQ", 0x82, 127, length)

    @staticmethod
    def unmask(source, server):
        while len(start := source.read(2)) == 2 and start[0] != 0x88:
            length = start[1] & 127
            if length == 126:
                length = struct.unpack(">H", source.read(2))[0]
            mask, payload = source.read(4), source.read(length)
            server.sendall(bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload)))


def cpu(command, stdin=None):
    """User and system seconds of a command."""
    process = subprocess.Popen(command, stdin=stdin, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return used.ru_utime + used.ru_stime, process.returncode


def main():
    args, work = arguments(), tempfile.TemporaryDirectory()
    folder = pathlib.Path(work.name)
    subprocess.run(["cc", "-O2", "-pthread", HERE / "flood.c", "-o", folder / "flood"], check=True)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", folder / "key", "-out", folder / "cert", "-subj",
                    "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, stderr=subprocess.DEVNULL)
    (folder / "requests").write_text("".join(REQUESTS))
    flood = subprocess.Popen([folder / "flood", "--frame-size", str(args.frame_size), "--bytes", str(args.bytes)], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True)
    port = int(flood.stdout.readline().split()[1])
    threading.Thread(target=flood.stdout.read, daemon=True).start()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert", folder / "key")
    tls, http, web = Relay(port, Relay.tls, context), Relay(port, Relay.http), Relay(port, Relay.web_socket)

    def record(scheme, port, *options):
        return [args.tool, "record", f"{scheme}://127.0.0.1:{port}/x", "-q", "-f", "-o", "/dev/null", *options]

    runs = {"record, TCP": (record("rtsp", port), None),
            "record, TLS": (record("rtsps", tls.address[1], "--tls-ca", folder / "cert"), None),
            "record, HTTP tunnel": (record("rtsp", http.address[1], "-t", "http"), None),
            "record, WebSocket": (record("rtsp", web.address[1], "-t", "ws"), None),
            "openssl s_client": (["openssl", "s_client", "-quiet", "-connect", f"127.0.0.1:{tls.address[1]}"], folder / "requests")}
    seconds, failed = {name: [] for name in runs}, False
    for _ in range(args.rounds):
        for name, (command, stdin) in runs.items():
            used, code = cpu(command, stdin and open(stdin))
            # s_client never says TEARDOWN, and says so.
            failed |= code != 0 and stdin is None
            seconds[name].append(used / args.bytes * 1e9)
    plain = seconds["record, TCP"]
    print("program               CPU s/GB    (min-max)      ratio")
    for name, used in seconds.items():
        ratio = statistics.median(one / base for one, base in zip(used, plain))
        print(f"{name:20} {statistics.median(used):9.3f}  ({min(used):.3f}-{max(used):.3f})  {ratio:7.2f}")
    flood.stdin.close()
    raise SystemExit(failed)


main()
