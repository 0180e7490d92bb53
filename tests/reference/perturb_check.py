#!/usr/bin/env python3
"""Perturbs the TCP segments of captures and looks at what `rtsp-rec analyze` makes of it.

    perturb_check.py CAPTURE... [--tool PATH] [--seeds N] [--how HOW...]

However the segments lie, `streams` has the same rows but for what depends on times. With `drop` there is a finding
`capture-gap`, and every frame counts that the missing bytes don't touch, with the right times. The reference is held to
the same, so that without `--tool` this checks the reference. `rotate` cuts the capture into files, which the tool is
given in any order: the same rows. Prints each difference; ends with 1 if there is any.
"""

import argparse
import csv
import os
import random
import subprocess
import sys
import tempfile

import compare
import perturb
import reference

HOWS = ("split", "merge", "reorder", "duplicate", "overlap", "midstream", "conflict", "any", "drop", "rotate")
# Says nothing about arrivals, though it is in milliseconds; and the other way round.
TIMELESS, OF_TIMES = ("sr_offset_spread_ms",), ("capture", "freezes", *compare.PLAYOUT_COUNTS)


def depends_on_times(column):
    return column in OF_TIMES or (column.endswith(("_ms", "_s", "_utc", "_bps", "_ppm")) and column not in TIMELESS)


def timeless(rows):
    """The rows by their keys, without the columns that depend on times."""
    return {
        tuple(compare.text(row[column]) for column in compare.KEY): {
            column: compare.text(value) for column, value in row.items() if not depends_on_times(column)
        }
        for row in rows
    }


def hold(wanted, got, whose):
    """Notes where two sets of timeless rows differ."""
    for key in wanted.keys() | got.keys():
        before, after = wanted.get(key), got.get(key)
        if before is None or after is None:
            compare.differ_by(f"{compare.name(key)}: {whose}: {'new' if before is None else 'gone'}")
            continue
        for column in before:
            if before[column] != after[column]:
                compare.differ_by(
                    f"{compare.name(key)}: {column}: {whose}: {before[column]!r} became {after[column]!r}"
                )


def gaps(tool, capture):
    """How many `capture-gap` findings there are; None if the tool has no such table."""
    done = subprocess.run(
        [tool, "analyze", capture, "--table", "findings"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        compare.differ_by(f"no findings: {done.stderr.strip().splitlines()[:1]}")
        return None
    return sum(row["code"] == "capture-gap" for row in csv.DictReader(done.stdout.splitlines()))


def untouched(dropped):
    """Whether a frame holds none of the bytes that were dropped."""

    def touched(half, first, last):
        begin = (dropped["sequence"] - half.origin) % perturb.SEQ
        return half.sender[1] == dropped["ports"][0] and first < begin + dropped["bytes"] and begin < last

    def keep(half, frame):
        return not any(touched(*span) for span in half.spans(frame.start, frame.end))

    return keep


class Check:
    """All perturbations of one capture."""

    def __init__(self, capture, tool, folder):
        self.tool, self.folder = tool, folder
        self.link, self.packets = perturb.load(capture)
        self.plain = self.write("plain", self.packets)
        self.reference = timeless(reference.rows(self.plain))
        rows = compare.tool_rows(tool, self.plain) if tool else None
        self.rows = timeless(rows) if rows else None
        self.gaps = gaps(tool, self.plain) if tool else None

    def write(self, name, packets):
        path = os.path.join(self.folder, f"{name}.pcap")
        perturb.write(path, self.link, packets)
        return path

    def again(self):
        """The packets anew: what is perturbed is changed in place."""
        return [
            packet.part(0, len(packet.data)) if isinstance(packet, perturb.Segment) else packet
            for packet in self.packets
        ]

    def rotate(self, seed):
        """Cuts the capture into files, but not between two connections: nothing would tell that they belong together."""
        chance, packets = random.Random(seed), self.again()
        places = [at for at in range(1, len(packets)) if not getattr(packets[at], "handshake", False)]
        cuts = sorted(chance.sample(places, chance.randint(1, 5)))
        edges = [0, *cuts, len(packets)]
        names = chance.sample(range(len(edges)), len(edges) - 1)
        paths = [
            self.write(f"part{name}", packets[begin:end]) for name, begin, end in zip(names, edges, edges[1:], strict=False)
        ]
        chance.shuffle(paths)
        rows = compare.tool_rows(self.tool, *paths)
        if rows is not None and self.rows is not None:
            hold(self.rows, timeless(rows), f"the tool, cut at {cuts}")

    def run(self, how, seed):
        if how == "rotate":
            if self.tool:
                self.rotate(seed)
            return
        packets, dropped = perturb.perturb(self.again(), how, seed)
        path = self.write("perturbed", packets)
        if dropped:
            self.after_loss(path, dropped)
            return
        hold(self.reference, timeless(reference.rows(path)), "the reference")
        if not self.tool:
            return
        rows = compare.tool_rows(self.tool, path)
        if rows is not None and self.rows is not None:
            hold(self.rows, timeless(rows), "the tool")
        found = gaps(self.tool, path)
        if found != self.gaps:
            compare.differ_by(f"{self.gaps} gaps became {found}, though nothing is missing")

    def after_loss(self, path, dropped):
        wanted = timeless(reference.rows(self.plain, keep=untouched(dropped)))
        found = reference.rows(path)
        hold(wanted, timeless(found), "the reference, by what was dropped")
        if not self.tool:
            return
        rows = compare.tool_rows(self.tool, path)
        if rows is not None:
            compare.compare_rows(rows, found)
        count = gaps(self.tool, path)
        if count is not None and count != (self.gaps or 0) + 1:
            compare.differ_by(f"{dropped} is missing, but there are {count} findings of a gap where {self.gaps} were")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("captures", nargs="+", metavar="CAPTURE")
    parser.add_argument("--tool", help="the rtsp-rec to judge")
    parser.add_argument("--seeds", type=int, default=5, help="perturbations of each kind [default: 5]")
    parser.add_argument("--how", nargs="+", choices=HOWS, default=HOWS)
    parser.add_argument("--keep", metavar="DIR", help="leave the perturbed captures that differ there")
    args = parser.parse_args()
    failed = 0
    for capture in args.captures:
        with tempfile.TemporaryDirectory() as folder:
            compare.differences.clear()
            check = Check(capture, args.tool, folder)
            failed += report(capture, "as it is")
            for how in args.how:
                for seed in range(1, args.seeds + 1):
                    check.run(how, seed)
                    if compare.differences and args.keep:
                        name = f"{os.path.splitext(os.path.basename(capture))[0]}_{how}_{seed}.pcap"
                        os.replace(os.path.join(folder, "perturbed.pcap"), os.path.join(args.keep, name))
                    failed += report(capture, f"{how}, seed {seed}")
        print(f"{capture}: {len(args.how) * args.seeds} perturbations done")
    sys.exit(1 if failed else 0)


def report(capture, what):
    """Prints and forgets the differences; whether there were any."""
    found = list(compare.differences)
    compare.differences.clear()
    for difference in found:
        print(f"{capture} ({what}): {difference}")
    return bool(found)


if __name__ == "__main__":
    main()
