"""The RTSP server of PyPI's aio-rtsp-toolkit, to record from: `rtsp-server` itself takes no port 0.

Run by the Python of the venv that tests/run makes. Prints one line `port N` when it listens, and ends when its
standard input closes, so that it never outlives the test that started it. Serves each file of `--dir` by its name.
"""

import argparse
import asyncio
import sys

from aio_rtsp_toolkit import server as toolkit


class NoLog:
    """Swallows the server's log, which would stand between the test and the line with the port."""

    def __getattr__(self, _level):
        return lambda *_args, **_options: None


async def serve(directory, host, port):
    """Serves `directory` until standard input closes."""
    server = await toolkit.RtspServer(directory, host, port).start()
    print(f"port {server._server.sockets[0].getsockname()[1]}", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dir", required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    args = parser.parse_args()
    toolkit.logger = NoLog()
    asyncio.run(serve(args.dir, args.host, args.port))


if __name__ == "__main__":
    main()
