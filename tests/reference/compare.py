#!/usr/bin/env python3
"""Holds `rtsp-rec analyze` against the reference, and both against the truth where it is known.

    compare.py CAPTURE... [--tool PATH] [--packets N]

Whole numbers and words must agree exactly, floats to a millionth of their value (and the last decimal of the CSV). The
truth is in CAPTURE.truth.json, which synth.py writes. `--packets`: so many RTP packets there must be in all. Without
`--tool` the reference alone is held against the truth. Prints each difference; ends with 1 if there is any.
"""

import argparse
import csv
import json
import os
import subprocess
import sys

import reference

KEY = ("session", "track", "direction", "ssrc")
EXACT = (
    "payload_type", "clock_rate_hz", "transport", "channel", "packets", "payload_bytes", "first_seq", "last_ext_seq",
    "expected", "lost", "missing", "duplicates", "reordered", "restarts", "longest_gap", "marker_packets", "sr_count",
    "sr_last_rtp_timestamp", "sr_last_packets", "sr_last_octets", "inferred",
)  # fmt: skip
FLOATS = (
    "duration_s", "delta_min_ms", "delta_mean_ms", "delta_max_ms", "delta_p50_ms", "delta_p99_ms", "jitter_mean_ms",
    "jitter_max_ms", "jitter_last_ms", "frame_jitter_mean_ms", "frame_jitter_max_ms", "skew_min_ms", "skew_max_ms",
    "sr_interval_mean_s", "sr_offset_spread_ms",
)  # fmt: skip
# A millionth and one unit of the last decimal.
RELATIVE, ABSOLUTE = 1e-6, 1e-6
# What a player would have shown: times, and counts.
PLAYOUT_MS = ("buffer_needed_ms", "buffer_needed_p99_ms", "stalled_ms")
PLAYOUT_COUNTS = ("late_frames", "stalls", "dropped_frames")
# Beyond so many frames they are bounds, and so are not compared.
EXACT_FRAMES = 32_768
# Beyond so many distances percentiles may be off by one per cent.
EXACT_PERCENTILES = 100_000
# Where in a window of 2 s the line passes is left open.
DRIFT_PPM = 0.5


def text(value):
    return "" if value is None else str(value)


def tool_rows(tool, *captures):
    """The `streams` table of the tool."""
    done = subprocess.run([tool, "analyze", *captures], capture_output=True, text=True, check=False)
    if done.returncode:
        differ_by(f"analyze ended with {done.returncode}: {done.stderr.strip()}")
        return None
    return list(csv.DictReader(done.stdout.splitlines()))


def by_key(rows, whose):
    keyed = {}
    for row in rows:
        key = tuple(text(row[column]) for column in KEY)
        if key in keyed:
            differ_by(f"{whose} has two rows for {name(key)}")
        keyed[key] = row
    return keyed


def name(key):
    return "session {} track {} {} {}".format(*(part or "-" for part in key))


differences = []


def differ_by(what):
    differences.append(what)


def near(first, second, relative=RELATIVE, absolute=ABSOLUTE):
    """Whether two floats, or empty cells, say the same."""
    if text(first) == "" or text(second) == "":
        return text(first) == text(second)
    first, second = float(first), float(second)
    return abs(first - second) <= relative * max(abs(first), abs(second)) + absolute


def compare_rows(tool, wanted):
    """Holds the tool's rows against those of the reference."""
    tool, wanted = by_key(tool, "the tool"), by_key(wanted, "the reference")
    for key in tool.keys() - wanted.keys():
        differ_by(f"{name(key)}: only the tool has it, with {tool[key]['packets']} packets")
    for key in wanted.keys() - tool.keys():
        differ_by(f"{name(key)}: only the reference has it, with {wanted[key]['packets']} packets")
    for key in wanted.keys() & tool.keys():
        ours, theirs = tool[key], wanted[key]
        differ = [column for column in EXACT if text(ours[column]) != text(theirs[column])]
        for column in FLOATS:
            sketch = column.startswith("delta_p") and theirs["packets"] > EXACT_PERCENTILES
            if not near(ours[column], theirs[column], 0.01 if sketch else RELATIVE):
                differ.append(column)
        if not near(ours["drift_ppm"], theirs["drift_ppm"], 0, DRIFT_PPM):
            differ.append("drift_ppm")
        differ += playout_differences(ours, theirs)
        for column in differ:
            differ_by(f"{name(key)}: {column}: tool {text(ours[column])!r}, reference {text(theirs[column])!r}")


def playout_differences(ours, theirs):
    """The columns of playout that differ. Where a drift is taken out, by as much as drifts may differ; counts by few."""
    if theirs["packets"] > EXACT_FRAMES:
        return
    drifts = text(theirs["drift_ppm"]) != ""
    slack_ms = 2 * DRIFT_PPM * float(theirs["duration_s"] or 0) / 1e3 if drifts else 0
    for column in PLAYOUT_MS:
        if not near(ours[column], theirs[column], RELATIVE, ABSOLUTE + slack_ms):
            yield column
    for column in PLAYOUT_COUNTS:
        slack = 2 + theirs[column] // 50 if drifts and theirs[column] else 0
        if not near(ours[column], theirs[column], 0, slack):
            yield column


def compare_truth(rows, truth, whose):
    """Holds rows against what a capture was made to hold."""
    rows = by_key(rows, whose)
    wanted = {tuple(text(row[column]) for column in KEY): row for row in truth}
    for key in rows.keys() - wanted.keys():
        differ_by(f"{name(key)}: {whose} has it, with {rows[key]['packets']} packets; in truth there is none")
    for key in wanted.keys() - rows.keys():
        differ_by(f"{name(key)}: {whose} has not found it")
    for key in wanted.keys() & rows.keys():
        row, true = rows[key], wanted[key]
        for column, value in true["equal"].items():
            if text(row[column]) != text(value):
                differ_by(f"{name(key)}: {column}: {whose} {text(row[column])!r}, truth {text(value)!r}")
        for column, (value, tolerance) in true["near"].items():
            if text(row[column]) == "" or abs(float(row[column]) - value) > tolerance:
                differ_by(f"{name(key)}: {column}: {whose} {text(row[column])!r}, truth {value} ± {tolerance}")


def compare(capture, tool, packets):
    """Compares what there is to compare for `capture`; returns the number of streams."""
    wanted = reference.rows(capture)
    rows = tool_rows(tool, capture) if tool else None
    if rows is not None:
        compare_rows(rows, wanted)
    if os.path.exists(truth_path(capture)):
        with open(truth_path(capture), encoding="utf-8") as file:
            truth = json.load(file)["streams"]
        compare_truth(wanted, truth, "the reference")
        if rows is not None:
            compare_truth(rows, truth, "the tool")
    if packets is not None and sum(row["packets"] for row in wanted) != packets:
        differ_by(f"{sum(row['packets'] for row in wanted)} packets in the reference, {packets} in truth")
    if rows is not None and packets is not None and sum(int(row["packets"]) for row in rows) != packets:
        differ_by(f"{sum(int(row['packets']) for row in rows)} packets in the tool, {packets} in truth")
    return len(wanted)


def truth_path(capture):
    return os.path.splitext(capture)[0] + ".truth.json"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("captures", nargs="+", metavar="CAPTURE")
    parser.add_argument("--tool", help="the rtsp-rec to judge")
    parser.add_argument("--packets", type=int)
    args = parser.parse_args()
    failed = 0
    for capture in args.captures:
        differences.clear()
        streams = compare(capture, args.tool, args.packets)
        if not streams and args.packets != 0:
            differ_by("no stream: nothing was compared")
        for difference in differences:
            print(f"{capture}: {difference}")
        if not differences:
            print(f"{capture}: {streams} streams agree")
        failed += bool(differences)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
