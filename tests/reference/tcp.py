"""TCP: byte streams."""

import bisect


def signed32(difference):
    return (difference + (1 << 31)) % (1 << 32) - (1 << 31)


class Piece:
    """Bytes of a stream that one packet brought first."""

    __slots__ = ("start", "end", "data", "time")

    def __init__(self, start, data, time):
        self.start, self.end, self.data, self.time = start, start + len(data), data, time


class Stretch:
    """Bytes of a stream without a hole."""

    def __init__(self, pieces, latest):
        self.start = pieces[0].start
        self.data = b"".join(piece.data for piece in pieces)
        self.ends, self.times = [], []
        for piece in pieces:
            latest = max(latest, piece.time)
            self.ends.append(piece.end - self.start)
            self.times.append(latest)
        self.latest = latest

    def arrival(self, end):
        """When all bytes before `end` were there."""
        return self.times[bisect.bisect_left(self.ends, end)]


class Half:
    """One direction of a connection. Positions count from `origin`, the first byte's sequence number."""

    def __init__(self, sender=None):
        self.sender = sender
        self.origin = None
        self.initial = None
        self.top = 0
        self.pieces = []

    def syn(self, sequence):
        self.initial = (sequence + 1) % (1 << 32)

    def add(self, sequence, data, time):
        if self.origin is None:
            self.origin = sequence if self.initial is None else self.initial
        start = self.top + signed32(sequence - self.origin - self.top)
        end = start + len(data)
        self.top = max(self.top, end)
        at = bisect.bisect_right(self.pieces, start, key=lambda piece: piece.end)
        while start < end:
            if at == len(self.pieces) or end <= self.pieces[at].start:
                self.pieces.insert(at, Piece(start, data[len(data) - (end - start) :], time))
                return
            there = self.pieces[at]
            if start < there.start:
                offset = len(data) - (end - start)
                self.pieces.insert(at, Piece(start, data[offset : offset + there.start - start], time))
                at += 1
            start = there.end
            at += 1

    def spans(self, begin, end):
        """Where on the wire the bytes `begin` to `end` lie: halves and positions."""
        return [(self, begin, end)]

    def runs(self):
        """The byte runs between holes that no later packet filled."""
        pieces = self.pieces
        if self.initial is not None and self.origin is not None:
            begin = signed32(self.initial - self.origin)
            pieces = [piece for piece in pieces if piece.start >= begin]
        runs, begin, latest = [], 0, 0
        for index, piece in enumerate(pieces):
            if index + 1 == len(pieces) or pieces[index + 1].start != piece.end:
                runs.append(Stretch(pieces[begin : index + 1], latest))
                latest, begin = runs[-1].latest, index + 1
        return runs
