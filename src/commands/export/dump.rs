//! `--rtpdump`: packets as files of rtptools.

use std::io;

use crate::cli::ExportArgs;
use crate::commands::export::files::{Files, OutFile};
use crate::commands::export::tracks::{FallibleSink, name, nothing, read, tell, title};
use crate::error::Error;
use crate::export::rtpdump::RtpDump;
use crate::export::{MediaPacket, MediaSink, Track};

pub(super) fn run(args: &ExportArgs, files: Files) -> Result<(), Error> {
    let (tracks, mut sink) = read(args, DumpFiles { files, tracks: Vec::new(), out: Vec::new(), failure: None })?;
    let mut lines = Vec::new();
    let mut any = false;
    for (track, (dump, file)) in tracks.iter().zip(&mut sink.tracks) {
        let title = title(track, &encoding(track));
        let Some(file) = file else {
            lines.push(format!("{title}: no RTP packets"));
            continue;
        };
        file.finish(None)?;
        any = true;
        let (rtp, rtcp, path) = (dump.rtp_packets, dump.rtcp_packets, file.path.display());
        lines.push(format!("{title}: {rtp} RTP and {rtcp} RTCP packets in {path}"));
    }
    if any { tell(args, &lines) } else { Err(nothing(args, lines.join("; "))) }
}

/// The files of all tracks.
struct DumpFiles {
    files: Files,
    /// By track.
    tracks: Vec<(RtpDump, Option<OutFile>)>,
    out: Vec<u8>,
    failure: Option<Error>,
}

impl DumpFiles {
    fn take(&mut self, track: &Track, packet: &MediaPacket<'_>) -> Result<(), Error> {
        if self.tracks.len() <= track.index {
            self.tracks.resize_with(track.index + 1, Default::default);
        }
        let Some((dump, file)) = self.tracks.get_mut(track.index) else { return Ok(()) };
        dump.packet(track, packet, &mut self.out);
        if self.out.is_empty() {
            return Ok(());
        }
        let file = match file {
            Some(file) => file,
            None => file.insert(self.files.create(&name(track, &encoding(track), "rtpdump"))?),
        };
        file.write(&self.out)?;
        self.out.clear();
        Ok(())
    }
}

/// The encoding that is described first.
fn encoding(track: &Track) -> String {
    track.media.formats.first().and_then(|format| format.encoding.clone()).unwrap_or_default()
}

impl MediaSink for DumpFiles {
    fn packet(&mut self, track: &Track, packet: &MediaPacket<'_>) -> io::Result<()> {
        self.take(track, packet).map_err(|error| {
            self.failure = Some(error);
            io::ErrorKind::Other.into()
        })
    }
}

impl FallibleSink for DumpFiles {
    fn failure(&mut self) -> Option<Error> {
        self.failure.take()
    }
}
