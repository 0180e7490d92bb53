"""RTSP through HTTP: makes one connection of a GET and its POSTs, as if the dialogue had passed over it alone.

A POST's body is base64, each character of which has its place: from the body's first byte on, four characters hold three
bytes. So the bytes whose two characters are there keep their positions also behind a hole. White space has no place; in
a body with white space what follows a hole is left out up to the next of it. `=` ends the four that it stands in.
"""

import re

from tcp import Piece, Stretch

OPENING = re.compile(rb"(GET|POST) [^\r\n]* HTTP/1\.\d\r?\n")
COOKIE = re.compile(rb"(?im)^x-sessioncookie[ \t]*:[ \t]*([^\r\n]*?)[ \t]*\r?$")
HEAD_END = re.compile(rb"\r?\n\r?\n")
ANSWER = re.compile(rb"HTTP/1\.\d [^\r\n]*\r?\n")
ALPHABET = {
    letter: value
    for value, letter in enumerate(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
}


def opening(connection):
    """Who opened the half of a tunnel, `GET` or `POST`, its cookie, and where its head ends; None if it is none."""
    for end, half in connection.halves.items():
        if not half.pieces or half.pieces[0].data[:1] not in (b"G", b"P"):
            continue
        run = half.runs()[0]
        found, head_end = OPENING.match(run.data), HEAD_END.search(run.data)
        cookie = found and head_end and COOKIE.search(run.data[: head_end.end()])
        if cookie:
            return end, found[1].decode(), cookie[1], run.start + head_end.end()
    return None


class Decoded:
    """The client's side: like a `tcp.Half`, but its bytes are those that base64 held.

    `places` tells for each known byte its place in the stream, `sources` the connection's half and the positions of
    the two characters that it lies in.
    """

    def __init__(self):
        self.initial = 0
        self.length = 0
        self.places, self.bytes, self.times, self.sources = [], bytearray(), [], []

    def add(self, half, body):
        """The body of one more POST, which begins at `body`."""
        characters, holes = self.characters(half, body)
        wrapped = any(value is None for _, _, value in characters)
        place, four, lost, at = 0, {}, False, 0
        base = self.length
        for position, time, value in characters:
            while at < len(holes) and holes[at][0] <= position:
                begin, end = holes[at]
                at += 1
                if wrapped:
                    lost, four = True, {}
                else:
                    place += end - begin
            if value is None:
                lost, place = False, -(-place // 4) * 4
                continue
            if lost:
                place += 1
                continue
            if value == "=":
                # Bytes that the padding stands for do not exist.
                if place % 4:
                    base -= 1
                    place += 1
                continue
            four[place] = (value, position, time)
            if place % 4 and place - 1 in four:
                self.byte(half, base + place // 4 * 3 + place % 4 - 1, place % 4, four[place - 1], four[place])
            place += 1
        self.length = base + place // 4 * 3 + max(place % 4 - 1, 0)

    def byte(self, half, at, second, before, behind):
        """The byte that the characters `before` and `behind` hold; `second`: the latter's place among its four."""
        self.places.append(at)
        self.bytes.append((before[0] << 2 * second | behind[0] >> 6 - 2 * second) & 0xFF)
        self.times.append(max(before[2], behind[2]))
        self.sources.append((half, before[1], behind[1] + 1))

    @staticmethod
    def characters(half, body):
        """Position, arrival and value of each character (None for white space), and the holes between them."""
        found, holes, end = [], [], body
        for run in half.runs():
            begin = max(run.start, body)
            if begin > end:
                holes.append((end, begin))
            for position in range(begin, run.start + len(run.data)):
                byte = run.data[position - run.start]
                value = ALPHABET.get(byte, "=" if byte == 0x3D else None)
                if value is not None or byte in b" \t\r\n":
                    found.append((position, run.arrival(position - run.start + 1), value))
            end = max(end, run.start + len(run.data))
        return found, holes

    def runs(self):
        """The stretches without a hole, each byte with its time."""
        runs, begin, latest = [], 0, 0
        for index in range(len(self.places)):
            last = index + 1 == len(self.places)
            if last or self.places[index + 1] != self.places[index] + 1:
                pieces = [
                    Piece(self.places[at], bytes(self.bytes[at : at + 1]), self.times[at])
                    for at in range(begin, index + 1)
                ]
                runs.append(Stretch(pieces, latest))
                latest, begin = runs[-1].latest, index + 1
        return runs

    def spans(self, begin, end):
        """Where on the wire the bytes `begin` to `end` lie: halves and positions."""
        first, last = self.places.index(begin), self.places.index(end - 1)
        return [(half, start, stop) for half, start, stop in self.sources[first : last + 1]]


class Answered:
    """The server's side: the half of the GET without the HTTP answer at its beginning."""

    def __init__(self, half):
        self.half, self.initial = half, half.initial

    def spans(self, begin, end):
        return self.half.spans(begin, end)

    def runs(self):
        runs = self.half.runs()
        if runs and ANSWER.match(runs[0].data) and (head := HEAD_END.search(runs[0].data)):
            # It is as long as before, so that positions stay: empty lines mean nothing.
            runs[0].data = b"\n" * head.end() + runs[0].data[head.end() :]
        return runs


def opened(get, client, make):
    """The connection that `get`, opened by `client`, becomes; its POSTs are to be added to the client's half."""
    server = next(end for end in get.halves if end != client)
    return make({client: Decoded(), server: Answered(get.halves[server])}, client, "http")


def join(connections, make):
    """The connections, where each GET and its POSTs are one, in the place of whichever came first.

    `make` makes a connection of its halves, its client and the name of its transport.
    """
    made, bodies, early = [], {}, {}
    for connection in connections:
        found = opening(connection)
        if not found:
            made.append(connection)
            continue
        end, method, cookie, body = found
        if method == "GET":
            tunnel = opened(connection, end, make)
            bodies[cookie] = tunnel.halves[end]
            place, posts = early.pop(cookie, (len(made), []))
            made[place : place + 1] = [tunnel]
            for post in posts:
                bodies[cookie].add(*post)
        elif cookie in bodies:
            bodies[cookie].add(connection.halves[end], body)
        else:
            if cookie not in early:
                early[cookie] = (len(made), [])
                made.append(connection)
            early[cookie][1].append((connection.halves[end], body))
    return made
