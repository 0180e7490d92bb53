//! Options of `export`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum};

use crate::cli::NamedArgs;

/// Options of `export`.
#[derive(Clone, Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[command(group = ArgGroup::new("form").required(true), after_help = "Examples:
  rtsp-rec export cam.pcapng --view udp -o cam-udp.pcapng
  rtsp-rec export cam.pcapng --view udp -o - | wireshark -k -i -
  rtsp-rec export cam.pcapng --media -o media/
  rtsp-rec export cam.pcapng --media --track 0 -o - | ffplay -
  rtsp-rec export cam.pcapng --rtpdump --session 2 --track 0 -o video.rtpdump

With --media and --rtpdump each track gets a file in the folder PATH, such as 1-0-video-H264.h264:
session, track, media, encoding. With --track N, PATH is the file, unless it is a folder or ends
with a slash. Media files hold no times: ffplay -framerate 25 1-0-video-H264.h264
Exit code: 0 done, 1 it failed or there was nothing to export, 2 wrong usage.")]
pub struct ExportArgs {
    /// pcap or pcapng of any tool that holds RTSP, also compressed with gzip or zstd; - is standard input
    #[arg(value_name = "CAPTURE")]
    pub capture: PathBuf,

    /// A pcapng file with the media as UDP, for Wireshark: names, jitter and H.264 without settings
    #[arg(long, value_enum, group = "form")]
    pub view: Option<View>,

    /// The media as files for players: H.264, H.265, AAC, JPEG, PCM, MPEG-TS
    #[arg(long, group = "form")]
    pub media: bool,

    /// The RTP and RTCP packets as files of rtptools
    #[arg(long, group = "form")]
    pub rtpdump: bool,

    /// Where it goes; - is standard output
    #[arg(short, long, value_name = "PATH")]
    pub output: PathBuf,

    /// Media without RTSP
    #[command(flatten)]
    pub named: NamedArgs,

    /// The session, as analyze numbers them [default: all]
    #[arg(long, value_name = "N")]
    pub session: Option<usize>,

    /// The track, as analyze numbers them [default: all]
    #[arg(long, value_name = "N")]
    pub track: Option<usize>,

    /// Overwrite existing files
    #[arg(short, long)]
    pub force: bool,

    /// Print nothing but errors
    #[arg(short, long)]
    pub quiet: bool,
}

/// What a view shows the media as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum View {
    /// UDP datagrams, announced by SAP
    Udp,
}
