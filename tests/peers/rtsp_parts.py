"""What `relay.py` and `viewer.py` share: RTSP cut into messages and frames, WebSocket frames, pairs of UDP ports."""

import os
import re
import socket
import threading


def read_head(connection):
    """A head of HTTP, and what was read behind it."""
    buffer = bytearray()
    while b"\r\n\r\n" not in buffer:
        chunk = connection.recv(4096)
        if not chunk:
            raise EOFError("no whole head")
        buffer += chunk
    head, _, rest = bytes(buffer).partition(b"\r\n\r\n")
    return head, rest


def next_part(connection, buffer):
    """The next message as `(None, bytes)` or frame as `(channel, bytes)`; `None` at the end. What is over stays in `buffer`."""
    while True:
        part = cut(buffer)
        if part:
            return part
        chunk = connection.recv(65536)
        if not chunk:
            return None
        buffer += chunk


def cut(buffer):
    """Takes a whole message or frame off the front of `buffer`, if one is there."""
    if buffer[:1] == b"$":
        end = 4 + int.from_bytes(buffer[2:4], "big")
        channel, start = (buffer[1], 4) if len(buffer) >= 4 else (None, 0)
    else:
        head = buffer.find(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length:\s*(\d+)", buffer[: max(head, 0)])
        end = head + 4 + (int(length.group(1)) if length else 0) if head >= 0 else len(buffer) + 1
        channel, start = None, 0
    if len(buffer) < max(end, 4):
        return None
    content = bytes(buffer[start:end])
    del buffer[:end]
    return channel, content


def even_pair(host):
    """Sockets on two ports in a row that nobody uses, the first of them even."""
    for _ in range(1000):
        first = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        second = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        first.bind((host, 0))
        port = first.getsockname()[1]
        try:
            if port % 2 == 0:
                second.bind((host, port + 1))
                return first, second
        except OSError:
            pass
        first.close()
        second.close()
    raise OSError("no pair of ports is free")


class Websocket:
    """A connection behind its handshake; `recv` is that of a socket, and empty at the end."""

    CONTINUATION, BINARY, CLOSE, PING, PONG = 0, 2, 8, 9, 10

    def __init__(self, connection, masked, rest=b""):
        self.connection = connection
        self.masked = masked
        self.buffer = bytearray(rest)
        self.lock = threading.Lock()

    def send(self, content, parts=1):
        """Sends a message in as many frames."""
        size = -(-len(content) // parts)
        pieces = [content[start : start + size] for start in range(0, len(content), size)]
        for place, piece in enumerate(pieces):
            opcode = self.CONTINUATION if place else self.BINARY
            self.frame(opcode, piece, final=place + 1 == len(pieces))

    def ping(self):
        self.frame(self.PING, b"still there?")

    def close(self):
        self.frame(self.CLOSE, (1000).to_bytes(2, "big"))

    def frame(self, opcode, content, final=True):
        """Sends one frame (RFC 6455, section 5.2)."""
        head = bytearray([opcode | (0x80 if final else 0)])
        mask_bit = 0x80 if self.masked else 0
        if len(content) < 126:
            head.append(mask_bit | len(content))
        elif len(content) < 1 << 16:
            head.append(mask_bit | 126)
            head += len(content).to_bytes(2, "big")
        else:
            head.append(mask_bit | 127)
            head += len(content).to_bytes(8, "big")
        if self.masked:
            mask = os.urandom(4)
            head += mask
            content = bytes(byte ^ mask[place % 4] for place, byte in enumerate(content))
        with self.lock:
            self.connection.sendall(bytes(head) + content)

    def receive(self):
        """The content of the next data frame; empty at the end. Answers pings."""
        while True:
            try:
                first, length = self.take(2)
                if length & 0x7F >= 126:
                    size = int.from_bytes(self.take(2 if length & 0x7F == 126 else 8), "big")
                else:
                    size = length & 0x7F
                mask = self.take(4) if length & 0x80 else bytes(4)
                content = self.take(size)
            except EOFError:
                return b""
            if length & 0x80:
                content = bytes(byte ^ mask[place % 4] for place, byte in enumerate(content))
            opcode = first & 0x0F
            if opcode == self.CLOSE:
                return b""
            if opcode == self.PING:
                self.frame(self.PONG, content)
            elif opcode in (self.CONTINUATION, self.BINARY) and content:
                return content

    def recv(self, _size):
        return self.receive()

    def sendall(self, content):
        self.send(content)

    def take(self, count):
        while len(self.buffer) < count:
            chunk = self.connection.recv(65536)
            if not chunk:
                raise EOFError
            self.buffer += chunk
        taken = bytes(self.buffer[:count])
        del self.buffer[:count]
        return taken
