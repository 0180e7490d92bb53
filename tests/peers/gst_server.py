#!/usr/bin/python3
"""A GStreamer RTSP server to record from.

Prints one line `port N` when it listens, and ends on SIGTERM, when its standard input closes (so that it never
outlives the test that started it), or after `--duration` seconds.

Mounts: /av     H.264 and AAC from the file `--media`, 60 s
        /short  the same from the file `--short`, a few seconds, then BYE
        /live   H.264 and Opus, encoded as they are sent
        /h265   H.265 alone, encoded as it is sent
        /mjpeg  JPEG and PCMU: static payload types 26 and 0
        and those of `--mount`
Every client gets a pipeline of its own.
"""

import argparse
import os
import signal
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gio, GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

ROLE = "viewer"

FILE = """( filesrc location="{path}" ! qtdemux name=demux
    demux.video_0 ! queue ! h264parse ! rtph264pay name=pay0 pt=96 config-interval=-1
    demux.audio_0 ! queue ! aacparse ! rtpmp4gpay name=pay1 pt=97 )"""
PICTURES = "videotestsrc is-live=true pattern=ball ! video/x-raw,format=I420,width=320,height=240,framerate=15/1"
SOUND = "audiotestsrc is-live=true volume=0.2"
LIVE = f"""( {PICTURES} ! x264enc tune=zerolatency speed-preset=ultrafast bitrate=400 key-int-max=15
        ! rtph264pay name=pay0 pt=96 config-interval=-1
    {SOUND} ! audio/x-raw,rate=48000,channels=2 ! opusenc ! rtpopuspay name=pay1 pt=97 )"""
H265 = f"""( {PICTURES} ! x265enc tune=zerolatency speed-preset=ultrafast bitrate=400 key-int-max=15 log-level=none
        ! h265parse ! rtph265pay name=pay0 pt=96 config-interval=-1 )"""
MJPEG = f"""( {PICTURES} ! jpegenc quality=50 ! rtpjpegpay name=pay0 pt=26
    {SOUND} ! audio/x-raw,rate=8000,channels=1 ! mulawenc ! rtppcmupay name=pay1 pt=0 )"""


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--media", required=True, help="MP4 file with H.264 and AAC for /av")
    parser.add_argument("--short", help="MP4 file of a few seconds for /short")
    parser.add_argument("--mount", nargs=2, action="append", default=[], metavar=("PATH", "PIPELINE"))
    parser.add_argument("--group", metavar="ADDRESS:FIRST-LAST@INTERFACE", help="send to this group there, if asked to")
    parser.add_argument("--profile", choices=["avp", "avpf", "savp", "savpf"], help="the RTP profile, instead of AVP")
    parser.add_argument("--retransmission", action="store_true", help="keep packets for 1 s, and repeat them (RFC 4588)")
    parser.add_argument("--duration", type=int, default=600, help="end after so many seconds in any case")
    parser.add_argument("--tls", nargs=2, metavar=("CERTIFICATE", "KEY"), help="speak TLS, with these PEM files")
    scheme = parser.add_mutually_exclusive_group()
    scheme.add_argument("--digest", metavar="USER:PASSWORD")
    scheme.add_argument("--basic", metavar="USER:PASSWORD")
    return parser.parse_args()


def pipelines(args):
    """What each mount point serves, as gst-launch descriptions."""
    mounts = {"/av": FILE.format(path=os.path.abspath(args.media)), "/live": LIVE, "/h265": H265, "/mjpeg": MJPEG}
    if args.short:
        mounts["/short"] = FILE.format(path=os.path.abspath(args.short))
    mounts.update(args.mount)
    return mounts


def factory(pipeline, restricted, args):
    """A media factory for `pipeline`; `restricted`: for clients that have logged in only."""
    made = GstRtspServer.RTSPMediaFactory()
    made.set_launch(pipeline)
    if args.profile:
        made.set_profiles(getattr(GstRtsp.RTSPProfile, args.profile.upper()))
    if args.retransmission:
        made.set_retransmission_time(Gst.SECOND)
        made.set_do_retransmission(True)
    if args.group:
        address, ports = args.group.split(":")
        ports, interface = ports.split("@")
        first, last = map(int, ports.split("-"))
        pool = GstRtspServer.RTSPAddressPool.new()
        pool.add_range(address, address, first, last, 1)
        made.set_address_pool(pool)
        made.set_multicast_iface(interface)
    if restricted:
        permissions = GstRtspServer.RTSPPermissions.new()
        for right in ("media.factory.access", "media.factory.construct"):
            permissions.add_permission_for_role(ROLE, right, True)
        made.set_permissions(permissions)
    return made


def authentication(args):
    """What the server asks of its clients: a login, TLS; None when it asks for nothing."""
    if not (args.digest or args.basic or args.tls):
        return None
    auth = GstRtspServer.RTSPAuth.new()
    token = GstRtspServer.RTSPToken.new()
    token.set_string("media.factory.role", ROLE)
    if args.tls:
        auth.set_tls_certificate(Gio.TlsCertificate.new_from_files(*args.tls))
    if not (args.digest or args.basic):
        auth.set_default_token(token)
        return auth
    user, password = (args.digest or args.basic).split(":", 1)
    if args.digest:
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.add_digest(user, password, token)
    else:
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    return auth


def serve(args):
    """The server, listening."""
    server = GstRtspServer.RTSPServer()
    server.set_address(args.host)
    server.set_service(str(args.port))
    auth = authentication(args)
    server.set_auth(auth)
    mounts = server.get_mount_points()
    for path, pipeline in pipelines(args).items():
        mounts.add_factory(path, factory(pipeline, auth is not None, args))
    if server.attach(None) == 0:
        sys.exit(f"gst_server.py: cannot listen on {args.host} port {args.port}")
    return server


def end_when_told(loop, seconds):
    """Stops the loop on SIGTERM or SIGINT, when standard input closes, or after `seconds`."""

    def stop(*_):
        loop.quit()
        return GLib.SOURCE_REMOVE

    def on_stdin(_channel, _condition):
        return GLib.SOURCE_CONTINUE if os.read(0, 4096) else stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        GLib.unix_signal_add(GLib.PRIORITY_HIGH, number, stop)
    GLib.io_add_watch(GLib.IOChannel.unix_new(0), GLib.PRIORITY_HIGH, GLib.IO_IN | GLib.IO_HUP, on_stdin)
    GLib.timeout_add_seconds(seconds, stop)


def main():
    args = arguments()
    Gst.init(None)
    loop = GLib.MainLoop()
    server = serve(args)
    end_when_told(loop, args.duration)
    print(f"port {server.get_bound_port()}", flush=True)
    loop.run()


if __name__ == "__main__":
    main()
