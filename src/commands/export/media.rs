//! `--media`: elementary streams.

use std::io;

use crate::cli::ExportArgs;
use crate::commands::export::files::{Files, OutFile};
use crate::commands::export::tracks::{FallibleSink, name, nothing, read, tell, title};
use crate::error::Error;
use crate::export::media::{ExportStatistics, Extractor, UndescribedTrack, Unfit};
use crate::export::{MediaPacket, MediaSink, Track};
use crate::rtp::foreign::ForeignPacket;
use crate::rtp::packet::RtpPacket;
use crate::session::dialog::play::MediaChange;
use crate::time::Timestamp;

/// Bytes that all tracks together may hold of what is not whole yet.
const MAX_HELD: usize = 32 << 20;

pub(super) fn run(args: &ExportArgs, files: Files) -> Result<(), Error> {
    let sink = MediaFiles { files, tracks: Vec::new(), held: 0, out: Vec::new(), failure: None };
    let (tracks, mut sink) = read(args, sink)?;
    let mut lines = Vec::new();
    let mut any = false;
    sink.conclude(&tracks)?;
    for (track, place) in tracks.iter().zip(&mut sink.tracks) {
        let line = match place {
            Exported::Stream(stream) => {
                stream.finish()?;
                any = true;
                stream.line(track)
            }
            Exported::Unfit(why) => format!("{}: not exported: {why}", title(track, "")),
            Exported::Foreign(Some(what)) => format!("{}: not exported: it has {what}", title(track, "")),
            Exported::Foreign(None) => format!("{}: not exported: its packets are no RTP", title(track, "")),
            Exported::Nothing | Exported::Undescribed(_) => {
                format!("{}: it has RTCP alone, no RTP packets to export", title(track, ""))
            }
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
    /// What came so far is no RTP: what it is, where that shows.
    Foreign(Option<ForeignPacket>),
    /// So far all payload types can't be exported; why the first one can't.
    Unfit(Unfit),
    /// Its packets wait until they show what they are.
    Undescribed(Box<UndescribedTrack>),
    Stream(Box<TrackOutput>),
}

struct TrackOutput {
    extractor: Extractor,
    file: OutFile,
    /// Bytes before the first unit.
    header: u64,
}

impl MediaFiles {
    fn take(&mut self, track: &Track, at: Timestamp, bytes: &[u8]) -> Result<(), Error> {
        if self.tracks.len() <= track.index {
            self.tracks.resize_with(track.index + 1, Exported::default);
        }
        match self.tracks.get(track.index) {
            Some(Exported::Stream(_)) => self.feed(track, at, bytes),
            Some(_) => self.begin(track, at, bytes),
            None => Ok(()),
        }
    }

    /// Takes a packet of a track that has no file yet.
    fn begin(&mut self, track: &Track, at: Timestamp, bytes: &[u8]) -> Result<(), Error> {
        let Some(place) = self.tracks.get_mut(track.index) else { return Ok(()) };
        let Ok(packet) = RtpPacket::parse(bytes) else {
            if let Exported::Nothing = place {
                *place = Exported::Foreign(ForeignPacket::of(bytes));
            }
            return Ok(());
        };
        if let Exported::Foreign(_) = place {
            *place = Exported::Nothing;
        }
        match (Extractor::new(&track.media, track.version, packet.payload_type()), &mut *place) {
            (Ok(extractor), _) => {
                self.open(track, extractor)?;
                return self.feed(track, at, bytes);
            }
            (Err(Unfit::Undescribed(payload_type)), Exported::Nothing) => {
                *place = Exported::Undescribed(Box::new(UndescribedTrack::new(payload_type)));
            }
            (Err(why), Exported::Nothing) => *place = Exported::Unfit(why),
            (Err(_), _) => {}
        }
        let Exported::Undescribed(undescribed) = place else { return Ok(()) };
        let before = undescribed.held();
        let more = undescribed.wait(at, bytes);
        self.held = (self.held + undescribed.held()).saturating_sub(before);
        if more && self.held <= MAX_HELD { Ok(()) } else { self.infer(track) }
    }

    /// The packets of a track have waited long enough: what they look like decides.
    fn infer(&mut self, track: &Track) -> Result<(), Error> {
        let Some(place) = self.tracks.get_mut(track.index) else { return Ok(()) };
        let Exported::Undescribed(undescribed) = place else { return Ok(()) };
        match undescribed.conclude(track.version) {
            Ok(extractor) => self.open(track, extractor),
            Err(why) => {
                self.held = self.held.saturating_sub(undescribed.held());
                *place = Exported::Unfit(why);
                Ok(())
            }
        }
    }

    /// Begins the file of a track, with the packets that have waited for it.
    fn open(&mut self, track: &Track, extractor: Extractor) -> Result<(), Error> {
        let stream = Exported::Stream(Box::new(TrackOutput::begin(track, extractor, &mut self.files)?));
        let Some(place) = self.tracks.get_mut(track.index) else { return Ok(()) };
        let Exported::Undescribed(undescribed) = std::mem::replace(place, stream) else { return Ok(()) };
        self.held = self.held.saturating_sub(undescribed.held());
        undescribed.into_waiting().iter().try_for_each(|(at, bytes)| self.feed(track, *at, bytes))
    }

    /// Hands a packet to the stream of its track.
    fn feed(&mut self, track: &Track, at: Timestamp, bytes: &[u8]) -> Result<(), Error> {
        let Some(Exported::Stream(stream)) = self.tracks.get_mut(track.index) else { return Ok(()) };
        let before = stream.extractor.held();
        stream.extractor.described(&track.media, track.version);
        stream.extractor.packet(at, bytes, &mut self.out);
        self.held = (self.held + stream.extractor.held()).saturating_sub(before);
        if self.held > MAX_HELD {
            self.held = self.held.saturating_sub(stream.extractor.held());
            stream.extractor.forget(&mut self.out);
        }
        stream.file.write(&self.out)?;
        self.out.clear();
        Ok(())
    }

    /// No more packets come: what has waited is told by what there is, and each track has its place.
    fn conclude(&mut self, tracks: &[Track]) -> Result<(), Error> {
        self.tracks.resize_with(tracks.len().max(self.tracks.len()), Exported::default);
        tracks.iter().try_for_each(|track| self.infer(track))
    }
}

impl TrackOutput {
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
        let ExportStatistics { packets, units, lost, repeated, incomplete, malformed, others } = self.extractor.tally();
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
        self.take(track, packet.at, packet.bytes).map_err(|error| {
            self.failure = Some(error);
            io::ErrorKind::Other.into()
        })
    }

    fn change(&mut self, track: &Track, at: Timestamp, change: &MediaChange) {
        if let Some(Exported::Stream(stream)) = self.tracks.get_mut(track.index) {
            stream.extractor.change(track.number, at, change);
        }
    }
}

impl FallibleSink for MediaFiles {
    fn failure(&mut self) -> Option<Error> {
        self.failure.take()
    }
}
