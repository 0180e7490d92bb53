//! `--media`: elementary streams.

use std::io;

use crate::cli::ExportArgs;
use crate::commands::export::files::{Files, OutFile};
use crate::commands::export::{Failing, name, nothing, read, tell, title};
use crate::error::Error;
use crate::export::media::{Extractor, Tally, Unfit};
use crate::export::{MediaPacket, MediaSink, Track};
use crate::rtp::packet::RtpPacket;

/// Bytes that all tracks together may hold of what is not whole yet.
const MAX_HELD: usize = 32 << 20;

pub(super) fn run(args: &ExportArgs, files: Files) -> Result<(), Error> {
    let sink = MediaFiles { files, tracks: Vec::new(), held: 0, out: Vec::new(), failure: None };
    let (tracks, mut sink) = read(args, sink)?;
    let mut lines = Vec::new();
    let mut any = false;
    for (track, place) in tracks.iter().zip(&mut sink.tracks) {
        let line = match place {
            Exported::Stream(stream) => {
                stream.finish()?;
                any = true;
                stream.line(track)
            }
            Exported::Unfit(why) => format!("{}: not exported: {why}", title(track, "")),
            Exported::Nothing => format!("{}: no RTP packets", title(track, "")),
        };
        lines.push(line);
    }
    if any { tell(args, &lines) } else { Err(nothing(args, lines.join("; "))) }
}

/// The files of all tracks.
struct MediaFiles {
    files: Files,
    /// By track.
    tracks: Vec<Exported>,
    /// Bytes that they hold.
    held: usize,
    /// What a packet has completed.
    out: Vec<u8>,
    failure: Option<Error>,
}

/// What becomes of a track.
#[derive(Default)]
enum Exported {
    #[default]
    Nothing,
    /// So far all payload types can't be exported; why the first one can't.
    Unfit(Unfit),
    Stream(Box<Stream>),
}

struct Stream {
    extractor: Extractor,
    file: OutFile,
    /// Bytes before the first unit.
    header: u64,
}

impl MediaFiles {
    fn take(&mut self, track: &Track, bytes: &[u8]) -> Result<(), Error> {
        if self.tracks.len() <= track.index {
            self.tracks.resize_with(track.index + 1, Exported::default);
        }
        let Some(place) = self.tracks.get_mut(track.index) else { return Ok(()) };
        if !matches!(place, Exported::Stream(_)) {
            let Ok(packet) = RtpPacket::parse(bytes) else { return Ok(()) };
            match Extractor::new(&track.media, track.version, packet.payload_type()) {
                Ok(extractor) => *place = Exported::Stream(Box::new(Stream::begin(track, extractor, &mut self.files)?)),
                Err(why) if matches!(place, Exported::Nothing) => *place = Exported::Unfit(why),
                Err(_) => {}
            }
        }
        let Exported::Stream(stream) = place else { return Ok(()) };
        let before = stream.extractor.held();
        stream.extractor.described(&track.media, track.version);
        stream.extractor.packet(bytes, &mut self.out);
        self.held = (self.held + stream.extractor.held()).saturating_sub(before);
        if self.held > MAX_HELD {
            self.held = self.held.saturating_sub(stream.extractor.held());
            stream.extractor.forget(&mut self.out);
        }
        stream.file.write(&self.out)?;
        self.out.clear();
        Ok(())
    }
}

impl Stream {
    fn begin(track: &Track, extractor: Extractor, files: &mut Files) -> Result<Self, Error> {
        let mut file = files.create(&name(track, extractor.encoding(), extractor.extension()))?;
        file.write(&extractor.header())?;
        let header = file.len;
        Ok(Self { extractor, file, header })
    }

    fn finish(&mut self) -> Result<(), Error> {
        let mut out = Vec::new();
        self.extractor.finish(&mut out);
        self.file.write(&out)?;
        self.file.finish(self.extractor.final_header(self.file.len - self.header))
    }

    /// What the user should know of it.
    fn line(&self, track: &Track) -> String {
        let Tally { packets, units, lost, repeated, incomplete, malformed, others } = self.extractor.tally();
        let size = bytesize::ByteSize(self.file.len).display().si();
        let (what, path) = (self.extractor.units(), self.file.path.display());
        let title = title(track, self.extractor.encoding());
        let oddities = [
            (lost, "packets lost"),
            (repeated, "packets repeated or too late"),
            (incomplete, "units incomplete and left out"),
            (malformed, "malformed"),
            (others, "of other payload types or sources left out"),
        ];
        let oddities = oddities.iter().filter(|(count, _)| *count > 0);
        let oddities: Vec<String> = oddities.map(|(count, what)| format!("; {count} {what}")).collect();
        format!("{title}: {packets} packets, {units} {what}, {size} in {path}{}", oddities.concat())
    }
}

impl MediaSink for MediaFiles {
    fn packet(&mut self, track: &Track, packet: &MediaPacket<'_>) -> io::Result<()> {
        if packet.rtcp {
            return Ok(());
        }
        self.take(track, packet.bytes).map_err(|error| {
            self.failure = Some(error);
            io::ErrorKind::Other.into()
        })
    }
}

impl Failing for MediaFiles {
    fn failure(&mut self) -> Option<Error> {
        self.failure.take()
    }
}
