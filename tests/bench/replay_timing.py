#!/usr/bin/env python3
"""How exactly does a replay keep the recorded times?

    replay_timing.py [--tool PATH] [--seconds N] [--clients N]     (target/release/rtsp-rec, 60, 1)

Serves the sample in a loop and records so many seconds of it; serves that recording to so many clients and lets the
replay record what it sends. For each RTP packet the time since the answer to PLAY is compared, recorded against
achieved. Prints the median, the 99th percentile and the largest difference, and the drift: the slope of a line through
the differences. Run it on an idle machine.
"""

import argparse
import collections
import csv
import os
import re
import signal
import subprocess
import tempfile

SAMPLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../samples/gstreamer_h264_aac.pcapng")


def serve(tool, capture, *options):
    """Starts a replay; gives the process and the URL."""
    command = [tool, "replay", capture, "--listen", "127.0.0.1:0", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    for line in process.stdout:
        found = re.match(r"Serving (\S+)", line)
        if found:
            return process, found[1]
    raise SystemExit("the replay did not start")


def stop(process):
    process.send_signal(signal.SIGINT)
    process.wait()


def table(tool, capture, name):
    done = subprocess.run([tool, "analyze", capture, "--table", name], capture_output=True, text=True, check=True)
    return list(csv.DictReader(done.stdout.splitlines()))


def offsets(tool, capture):
    """For each session, by track and sequence number: seconds from the answer to PLAY."""
    played = {
        row["session"]: float(row["time_s"])
        for row in table(tool, capture, "messages")
        if row["method"] == "PLAY" and row["kind"] == "response"
    }
    sessions = collections.defaultdict(dict)
    for row in table(tool, capture, "packets"):
        if row["session"] in played and row["direction"] == "s2c":
            sessions[row["session"]][row["track"], row["ext_seq"]] = float(row["time_s"]) - played[row["session"]]
    return sessions


def slope_ppm(points):
    """Of the line of least squares."""
    count = len(points)
    mean_x, mean_y = sum(x for x, _ in points) / count, sum(y for _, y in points) / count
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread * 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tool", default="target/release/rtsp-rec")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--clients", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        base, sent, got = (os.path.join(folder, name) for name in ("base.pcapng", "sent.pcapng", "got.pcapng"))
        camera, url = serve(args.tool, SAMPLE, "--loop")
        subprocess.run([args.tool, "record", url, "-q", "-d", f"{args.seconds}s", "-o", base], check=True)
        stop(camera)
        camera, url = serve(args.tool, base, "--record", sent)
        # The capture ends without BYE, so that its replay ends with a close: for the recorder a lost session.
        subprocess.run([args.tool, "record", *[url] * args.clients, "-q", "-o", got], check=False, stderr=subprocess.DEVNULL)
        stop(camera)
        (recorded,) = offsets(args.tool, base).values()
        achieved = offsets(args.tool, sent)
    points = [
        (recorded[key], time - recorded[key])
        for session in achieved.values()
        for key, time in session.items()
        if key in recorded
    ]
    late = sorted(abs(difference) * 1e3 for _, difference in points)
    print(
        f"{len(achieved)} clients, {len(recorded)} packets each in {args.seconds} s, {len(points)} compared\n"
        f"difference: median {late[len(late) // 2]:.3f} ms, 99th percentile {late[len(late) * 99 // 100]:.3f} ms, "
        f"largest {late[-1]:.3f} ms\ndrift: {slope_ppm(points):.3f} ppm"
    )


if __name__ == "__main__":
    main()
