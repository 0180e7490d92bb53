#!/usr/bin/python3
"""Carries the sessions of another RTSP server in a way that this server does not know.

`--websocket`: RTSP and interleaved frames as the contents of WebSocket frames (RFC 6455), as ONVIF cameras serve
browsers. `--one-pair`: over UDP, all tracks of all sessions from one pair of ports, as Darwin Streaming Server and
gortsplib do. To the other server it speaks interleaved RTSP over TCP.

Prints one line `port N` when it listens, and ends when its standard input closes.
"""

import argparse
import base64
import hashlib
import re
import socket
import sys
import threading

from rtsp_parts import Websocket, even_pair, next_part, read_head

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def upgrade(client):
    """Answers the handshake of RFC 6455, section 4."""
    head, rest = read_head(client)
    key = re.search(rb"(?im)^sec-websocket-key:\s*(\S+)", head).group(1)
    accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
    client.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\nSec-WebSocket-Protocol: rtsp.onvif.org\r\n\r\n"
    )
    return rest


def websocket(client, server):
    """Unpacks what the client sends and packs what the server sends, in frames of all kinds."""
    carrier = Websocket(client, masked=False, rest=upgrade(client))

    def from_server():
        count = 0
        while chunk := server.recv(4096):
            count += 1
            if count % 50 == 0:
                carrier.ping()
            # Every third message comes in two frames.
            carrier.send(chunk, parts=2 if count % 3 == 0 else 1)
        carrier.close()

    forwarding = threading.Thread(target=from_server, daemon=True)
    forwarding.start()
    while chunk := carrier.receive():
        server.sendall(chunk)
    server.shutdown(socket.SHUT_WR)
    forwarding.join()


class OnePair:
    """The ports that all media leaves from."""

    def __init__(self, host):
        self.host = host
        self.sockets = even_pair(host)
        self.ports = [one.getsockname()[1] for one in self.sockets]

    def carry(self, client, server):
        """Sends the server's frames over UDP, and says so in both sides' Transport headers."""
        clients = []  # the ports that were asked for, a SETUP after the other

        def to_server(match):
            clients.append([int(match.group(1)), int(match.group(2))])
            channel = 2 * len(clients) - 2
            return b"Transport: RTP/AVP/TCP;unicast;interleaved=%d-%d" % (channel, channel + 1)

        def to_client(match):
            rtp, rtcp = clients[int(match.group(1)) // 2]
            return b"Transport: RTP/AVP;unicast;client_port=%d-%d;server_port=%d-%d" % (rtp, rtcp, *self.ports)

        def from_server():
            buffer = bytearray()
            while part := next_part(server, buffer):
                channel, content = part
                if channel is None:
                    client.sendall(re.sub(rb"Transport:.*interleaved=(\d+)-\d+[^\r]*", to_client, content))
                else:
                    port = clients[channel // 2][channel % 2]
                    self.sockets[channel % 2].sendto(content, (self.host, port))
            client.shutdown(socket.SHUT_WR)

        forwarding = threading.Thread(target=from_server, daemon=True)
        forwarding.start()
        buffer = bytearray()
        while part := next_part(client, buffer):
            server.sendall(re.sub(rb"Transport:.*client_port=(\d+)-(\d+)[^\r]*", to_server, part[1]))
        server.shutdown(socket.SHUT_WR)
        forwarding.join()


def serve(listener, upstream, carry):
    """A thread for each client."""

    def session(client):
        with client, socket.create_connection(upstream) as server:
            carry(client, server)

    while True:
        client, _ = listener.accept()
        threading.Thread(target=session, args=(client,), daemon=True).start()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--to", type=int, required=True, metavar="PORT", help="where the other server listens")
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument("--websocket", action="store_true")
    how.add_argument("--one-pair", action="store_true")
    args = parser.parse_args()
    carry = websocket if args.websocket else OnePair(args.host).carry
    listener = socket.create_server((args.host, 0))
    upstream = (args.host, args.to)
    threading.Thread(target=serve, args=(listener, upstream, carry), daemon=True).start()
    print(f"port {listener.getsockname()[1]}", flush=True)
    sys.stdin.buffer.read()


if __name__ == "__main__":
    main()
