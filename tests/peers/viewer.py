#!/usr/bin/python3
"""Plays an RTSP stream from its beginning to the BYE of every track, as `relay.py` serves it.

`--websocket`: through WebSocket frames. `--one-pair`: over UDP, with one pair of ports for all tracks.
"""

import argparse
import base64
import os
import re
import select
import socket
import sys
from urllib.parse import urlsplit

from rtsp_parts import Websocket, even_pair, next_part, read_head

# A server that says nothing for so long has failed.
PATIENCE_S = 20


def upgraded(connection, host):
    """The connection behind a handshake (RFC 6455, section 4)."""
    key = base64.b64encode(os.urandom(16)).decode()
    request = (
        f"GET /rtsp-over-websocket HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: rtsp.onvif.org\r\n\r\n"
    )
    connection.sendall(request.encode())
    head, rest = read_head(connection)
    if b" 101 " not in head.split(b"\r\n")[0]:
        sys.exit(f"viewer.py: no upgrade: {head!r}")
    return Websocket(connection, masked=True, rest=rest)


class Viewer:
    """One session."""

    def __init__(self, url, carrier, sockets):
        self.url, self.carrier, self.sockets = url, carrier, sockets
        self.buffer = bytearray()
        self.cseq = 0
        self.session = None
        self.left = set()  # the sources that have said BYE

    def ask(self, method, url, *headers):
        """Sends a request; gives the answer. Media may come in between."""
        self.cseq += 1
        lines = [f"{method} {url} RTSP/1.0", f"CSeq: {self.cseq}", "User-Agent: viewer.py", *headers]
        if self.session:
            lines.append(f"Session: {self.session}")
        self.carrier.sendall("\r\n".join([*lines, "", ""]).encode())
        while True:
            channel, content = self.next()
            if channel is not None:
                self.media(content)
                continue
            text = content.decode()
            if not text.startswith("RTSP/1.0 200 "):
                sys.exit(f"viewer.py: {method}: {text}")
            return text

    def next(self):
        part = next_part(self.carrier, self.buffer)
        if part is None:
            sys.exit("viewer.py: the server has closed")
        return part

    def media(self, packet):
        """Notes a BYE (RFC 3550, section 6.6)."""
        while len(packet) >= 8 and 200 <= packet[1] <= 207:
            if packet[1] == 203:
                self.left.add(packet[4:8])
            packet = packet[4 + 4 * int.from_bytes(packet[2:4], "big") :]

    def datagrams(self):
        ready, _, _ = select.select(self.sockets, [], [], PATIENCE_S)
        if not ready:
            sys.exit("viewer.py: no media")
        for one in ready:
            self.media(one.recv(65536))

    def transport(self, place):
        if self.sockets:
            rtp, rtcp = (one.getsockname()[1] for one in self.sockets)
            return f"Transport: RTP/AVP;unicast;client_port={rtp}-{rtcp}"
        return f"Transport: RTP/AVP/TCP;unicast;interleaved={2 * place}-{2 * place + 1}"

    def play(self):
        self.ask("OPTIONS", self.url)
        description = self.ask("DESCRIBE", self.url, "Accept: application/sdp")
        # The first `a=control` is the session's.
        controls = re.findall(r"^a=control:(\S+)", description.partition("\nm=")[2], re.MULTILINE)
        for place, control in enumerate(controls):
            answer = self.ask("SETUP", f"{self.url}/{control}", self.transport(place))
            self.session = re.search(r"(?im)^session:\s*([^;\s]+)", answer).group(1)
        self.ask("PLAY", self.url, "Range: npt=0-")
        while len(self.left) < len(controls):
            if self.sockets:
                self.datagrams()
            else:
                self.media(self.next()[1])
        self.ask("TEARDOWN", self.url)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument("--websocket", action="store_true")
    how.add_argument("--one-pair", action="store_true")
    args = parser.parse_args()
    parts = urlsplit(args.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=PATIENCE_S) as connection:
        carrier = upgraded(connection, parts.netloc) if args.websocket else connection
        Viewer(args.url, carrier, even_pair(parts.hostname) if args.one_pair else ()).play()
        if args.websocket:
            carrier.close()


if __name__ == "__main__":
    main()
