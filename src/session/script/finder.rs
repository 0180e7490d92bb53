//! Tells to which track a frame of a script belongs.

use std::collections::{BTreeMap, HashMap};

use crate::rtp::packet::{RtpPacket, is_rtcp};
use crate::session::Dialog;
use crate::session::dialog::{MediaPath, PacketSigns};
use crate::session::script::connection_log::{ConnectionLog, RecordedFrame, Side};
use crate::session::script::frame::{Bytes, Entry};
use crate::session::script::{Route, ScriptTrack};
use crate::time::Timestamp;
use crate::trace::Direction;

/// Look-ups that are remembered.
const MAX_KNOWN: usize = 4096;

/// Knows the tracks of the frames of a draft.
pub(super) struct Finder<'a> {
    dialog: Dialog,
    /// Track of each SETUP, by its place in [`Dialog::setups`].
    setups: &'a [Option<usize>],
    /// Where no SETUP was captured: track and whether it is RTCP, by channel.
    guessed: BTreeMap<u8, (usize, bool)>,
    paths: &'a [MediaPath],
    bytes: &'a Bytes,
    known: HashMap<PacketSigns, Option<usize>>,
}

impl<'a> Finder<'a> {
    /// For the frames of a draft, whose dialogue is over.
    pub(super) fn new(
        dialog: Dialog,
        setups: &'a [Option<usize>],
        guessed: BTreeMap<u8, (usize, bool)>,
        draft: &'a ConnectionLog,
    ) -> Self {
        Self { dialog, setups, guessed, paths: &draft.paths, bytes: &draft.bytes, known: HashMap::new() }
    }

    pub(super) fn into_dialog(self) -> Dialog {
        self.dialog
    }

    /// The frames of one side, with their times since `origin`.
    pub(super) fn entries(&mut self, side: &Side, from: Direction, origin: Timestamp) -> Vec<Entry> {
        let entry = |heard: &RecordedFrame| {
            let lane = self.lane(heard, from)?;
            Some(Entry { after: heard.at.nanos_since(origin), lane, place: heard.place })
        };
        side.frames.iter().filter_map(entry).collect()
    }

    fn lane(&mut self, heard: &RecordedFrame, from: Direction) -> Option<Route> {
        let Some(path) = heard.path else { return Some(Route::Raw) };
        let path = *self.paths.get(usize::from(path))?;
        let bytes = self.bytes.get(heard.place)?;
        let track = self.track(&PacketSigns::new(path, from, bytes));
        match path {
            MediaPath::Udp(_) => track.map(|index| Route::Track { index, rtcp: is_rtcp(bytes) }),
            MediaPath::Channel(channel) => {
                let on_rtcp = self.dialog.channel(channel).is_some_and(|(_, rtcp)| rtcp);
                let known = track.map(|index| (index, on_rtcp)).or_else(|| self.guessed.get(&channel).copied());
                Some(known.map_or(Route::Stray { channel }, |(index, rtcp)| Route::Track { index, rtcp }))
            }
        }
    }

    fn track(&mut self, signs: &PacketSigns) -> Option<usize> {
        if let Some(track) = self.known.get(signs) {
            return *track;
        }
        let owner = self.dialog.owner(signs);
        let track = owner.and_then(|owner| self.setups.get(owner.setup).copied().flatten());
        if self.known.len() >= MAX_KNOWN {
            self.known.clear();
        }
        // Who is not known yet may be told apart by what comes next.
        if track.is_some() {
            self.known.insert(*signs, track);
        }
        track
    }
}

/// A capture that began behind the SETUPs: a channel belongs to the one track that has its payload type, else to the
/// track that has it by custom.
pub(super) fn guess(draft: &ConnectionLog, tracks: &[ScriptTrack]) -> BTreeMap<u8, (usize, bool)> {
    let mut guessed = BTreeMap::new();
    for heard in draft.sides.iter().flat_map(|side| &side.frames) {
        let path = heard.path.and_then(|path| draft.paths.get(usize::from(path)));
        let Some(MediaPath::Channel(channel)) = path.copied() else { continue };
        let Some(payload) = draft.bytes.get(heard.place).filter(|payload| !is_rtcp(payload)) else { continue };
        let Some(packet) = RtpPacket::parse(payload).ok().filter(|_| !guessed.contains_key(&channel)) else { continue };
        let has = |track: &ScriptTrack| track.formats.iter().any(|(number, _)| *number == packet.payload_type());
        let mut fitting = tracks.iter().enumerate().filter(|(_, track)| has(track)).map(|(index, _)| index);
        let only = fitting.next().filter(|_| fitting.next().is_none());
        let custom = Some(usize::from(channel / 2)).filter(|index| *index < tracks.len());
        if let Some(index) = only.or(custom) {
            guessed.insert(channel, (index, false));
            guessed.entry(channel ^ 1).or_insert((index, true));
        }
    }
    guessed
}
