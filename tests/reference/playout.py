"""What a player with a buffer would have shown of a stream: the reference's own playout, by docs/metrics.md alone.

Everything is kept, and worked out at the end: no window, no cap, no joined frames.
"""

EARLY_MS, BACK_MS = 500, 2000
LONG_MS = 60_000
# No clock drifts by more.
MAX_DRIFT_PPM = 20_000
WINDOW_MS = 2000


class Packet:
    """A packet that is no duplicate; `event` is `jump`, `restart` or nothing."""

    def __init__(self, arrival_ns, ticks, rate, event):
        self.arrival_ms, self.media_ms, self.rate, self.event = arrival_ns / 1e6, ticks * 1e3 / rate, rate, event


class Frame:
    """What one timestamp carries; it is there with its last packet."""

    def __init__(self, packet):
        self.media_ms, self.rate, self.arrival_ms = packet.media_ms, packet.rate, packet.arrival_ms
        self.restarts = False

    @property
    def lateness(self):
        return self.arrival_ms - self.media_ms


class Playout:
    """Collects the packets of a stream."""

    def __init__(self):
        self.packets = []

    def add(self, *packet):
        self.packets.append(Packet(*packet))

    def frames(self):
        """In order of their first packets. A jump that the next packet does not confirm is a stray."""
        frames, by_time = [], {}
        confirmed = [packet.event == "restart" for packet in self.packets[1:]] + [False]
        for packet, is_confirmed in zip(self.packets, confirmed):
            if packet.event == "jump" and not is_confirmed:
                # With the timestamp of the frame before it is more of that.
                if frames and (packet.rate, packet.media_ms) == (frames[-1].rate, frames[-1].media_ms):
                    frames[-1].arrival_ms = max(frames[-1].arrival_ms, packet.arrival_ms)
                continue
            if packet.event == "jump":
                by_time = {}
            key = (packet.rate, packet.media_ms)
            if key in by_time:
                by_time[key].arrival_ms = max(by_time[key].arrival_ms, packet.arrival_ms)
                continue
            by_time[key] = Frame(packet)
            by_time[key].restarts = packet.event == "jump"
            frames.append(by_time[key])
        return frames

    def parts(self):
        """The parts, and whether timestamps jumped or numbers started over."""
        parts, jumped = [], False
        for frame in self.frames():
            if parts and parts[-1][-1].rate == frame.rate and not frame.restarts:
                part = parts[-1]
                early = frame.lateness < min(other.lateness for other in part) - EARLY_MS
                back = frame.media_ms < max(other.media_ms for other in part) - BACK_MS
                if not early and not back:
                    part.append(frame)
                    continue
                jumped = True
            jumped |= frame.restarts
            parts.append([frame])
        return parts, jumped

    def cells(self, drift_ppm, line_slope, buffer_ms=200):
        """The six cells of `streams`."""
        names = "buffer_needed_ms buffer_needed_p99_ms late_frames stalls stalled_ms dropped_frames".split()
        parts, jumped = self.parts()
        if not parts:
            return dict.fromkeys(names)
        drifts = [own_drift(part, line_slope) if jumped else drift_ppm for part in parts]
        figures = [part_figures(part, drift, buffer_ms) for part, drift in zip(parts, drifts)]
        needed, p99, late, stalls, stalled = zip(*figures)
        return dict(zip(names, (max(needed), max(p99), sum(late), sum(stalls), sum(stalled), sum(late))))


def part_figures(part, drift_ppm, buffer_ms):
    frames = sorted(part, key=lambda frame: frame.media_ms)
    first = frames[0].media_ms
    drift = drift_ppm if drift_ppm and abs(drift_ppm) <= MAX_DRIFT_PPM else 0
    lateness = [frame.lateness - (frame.media_ms - first) * drift / 1e6 for frame in frames]
    base = min(lateness)
    over = sorted(late - base for late in lateness)
    shown, stalls, stalled = base + buffer_ms, 0, 0.0
    for late in lateness:
        if late > shown:
            stalls, stalled, shown = stalls + 1, stalled + late - shown, late
    rank = -(-99 * len(over) // 100)
    return over[-1], over[rank - 1], sum(late > buffer_ms for late in over), stalls, stalled


def own_drift(part, line_slope):
    """The slope of a line through the lowest lateness in each window of 2 s, for 60 s and more."""
    frames = sorted(part, key=lambda frame: frame.media_ms)
    start, lowest = frames[0].arrival_ms, {}
    if frames[-1].arrival_ms - start < LONG_MS:
        return None
    for frame in frames:
        window = (frame.arrival_ms - start) // WINDOW_MS
        if window not in lowest or frame.lateness < lowest[window][1]:
            lowest[window] = ((frame.arrival_ms - start) / 1e3, frame.lateness)
    return line_slope(list(lowest.values())) * 1e3
