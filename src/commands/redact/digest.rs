//! All rows of an analysis in one number, to which what a redacted capture may say in other words does not count. Rows of
//! millions of packets are compared so in no time; where the numbers differ, [`verify`](super::verify()) tells why.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, Hasher};
use std::io;

use foldhash::quality::{FixedState, FoldHasher};
use serde_json::Value;

use crate::analysis::cell::Fixed;
use crate::analysis::rows::{FrameRow, PacketRow, Row, Sink, Table};
use crate::commands::redact::verify::{MAX_NAMES, NAMES, OwnedRow, Same, TEXTS};

/// Two of them are equal where the tables are the same, but for names.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fingerprint {
    hash: u64,
    pub(super) same: Same,
}

/// Takes all rows in.
pub(super) struct Digest {
    hasher: FoldHasher<'static>,
    /// The place of each name among those of its column: names that stand for each other one for one have the same.
    names: HashMap<(&'static str, String), usize>,
    same: Same,
}

impl Digest {
    /// `seed` is the same for what is compared, and another one in each run: no capture can be made to fit it.
    pub(super) fn new(seed: u64) -> Self {
        let hasher = FixedState::with_seed(seed).build_hasher();
        Self { hasher, names: HashMap::new(), same: Same::default() }
    }

    pub(super) fn finish(self) -> Fingerprint {
        Fingerprint { hash: self.hasher.finish(), same: self.same }
    }

    fn frame(&mut self, row: &FrameRow<'_>) {
        let FrameRow { capture: _, frame_number, time_utc, time_s, session, track, channel, direction, .. } = *row;
        let FrameRow { ssrc, frame, kind, key, complete, packets, missing, units, bytes, .. } = *row;
        let FrameRow { first_frame_number, first_time_s, transmit_ms, first_ext_seq, last_ext_seq, .. } = *row;
        let FrameRow { rtp_timestamp, media_s, interval_ms, timestamp_interval_ms, .. } = *row;
        let place = (frame_number, time_utc.0.as_nanos(), bits(time_s), session, track, channel, direction, ssrc.0);
        let size = (frame, kind, key, complete, packets, missing, units, bytes, rtp_timestamp);
        let span = (first_frame_number, bits(first_time_s), bits(transmit_ms), first_ext_seq, last_ext_seq);
        let times = (media_s.map(bits), interval_ms.map(bits), timestamp_interval_ms.map(bits));
        (place, size, span, times).hash(&mut self.hasher);
    }

    /// A row of which there are few.
    fn cells(&mut self, OwnedRow { table, cells, any_text }: &OwnedRow) {
        table.hash(&mut self.hasher);
        for (column, value) in cells {
            let name = NAMES.into_iter().find(|name| name == column);
            match (value, name) {
                (Value::String(text), Some(name)) => self.name(name, text),
                (Value::String(text), None) if TEXTS.contains(&column.as_str()) => {
                    let letters = if *any_text { 0 } else { text.chars().count() };
                    letters.hash(&mut self.hasher);
                }
                _ => value.hash(&mut self.hasher),
            }
        }
    }

    fn name(&mut self, column: &'static str, text: &str) {
        let next = self.names.len();
        let known = self.names.get(&(column, text.to_owned())).copied();
        let place = known.unwrap_or(next);
        if known.is_none() && next < MAX_NAMES {
            self.names.insert((column, text.to_owned()), next);
        }
        (place, text.chars().count()).hash(&mut self.hasher);
    }
}

impl Sink for Digest {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        self.same.messages += u64::from(row.table() == Table::Messages);
        match row {
            Row::Frame(frame) => self.frame(frame),
            _ => self.cells(&OwnedRow::new(row)?),
        }
        Ok(())
    }

    fn packet(&mut self, row: PacketRow<'_>) -> io::Result<()> {
        self.same.payloads += 1;
        let PacketRow { capture: _, frame_number, time_utc, time_s, session, track, channel, direction, .. } = row;
        let PacketRow { ssrc, payload_type, marker, seq, ext_seq, rtp_timestamp, ext_rtp_timestamp, .. } = row;
        let PacketRow { payload_bytes, delta_ms, jitter_ms, skew_ms, gap, status, .. } = row;
        let known =
            [frame_number.is_some(), track.is_some(), delta_ms.is_some(), jitter_ms.is_some(), skew_ms.is_some()];
        // A row of words is hashed faster than cells one by one.
        let words: [u64; 15] = [
            frame_number.unwrap_or(0),
            time_utc.0.as_nanos().cast_unsigned(),
            bits(time_s),
            session as u64,
            track.unwrap_or(0) as u64,
            u64::from(channel) << 32 | u64::from(payload_type) << 24 | u64::from(marker) << 16 | u64::from(seq),
            u64::from(ssrc.0) << 32 | u64::from(rtp_timestamp),
            ext_seq.cast_unsigned(),
            ext_rtp_timestamp.cast_unsigned(),
            payload_bytes.map_or(u64::MAX, |bytes| bytes as u64),
            delta_ms.map_or(0, bits),
            jitter_ms.map_or(0, bits),
            skew_ms.map_or(0, bits),
            u64::from(gap),
            known.into_iter().fold(0, |word, known| word << 1 | u64::from(known)),
        ];
        words.hash(&mut self.hasher);
        (direction, status).hash(&mut self.hasher);
        Ok(())
    }

    fn wants(&self, _: Table) -> bool {
        true
    }
}

fn bits<const D: usize>(value: Fixed<D>) -> u64 {
    value.0.to_bits()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::cell::Ssrc;
    use crate::analysis::findings::FindingCode;
    use crate::analysis::rows::{FindingRow, MessageRow, PacketStatus, PictureKind};
    use crate::trace::Direction;

    fn digest(rows: &[Row<'_>]) -> Fingerprint {
        let mut digest = Digest::new(7);
        for row in rows {
            match row {
                Row::Packet(packet) => digest.packet(packet.clone()),
                row => digest.row(row),
            }
            .unwrap();
        }
        digest.finish()
    }

    fn urls(urls: &[&str]) -> Fingerprint {
        let row = |url| Row::Message(MessageRow { url: Some(url), ..MessageRow::default() });
        digest(&urls.iter().map(|url| row(*url)).collect::<Vec<_>>())
    }

    #[test]
    fn names_count_one_for_one() {
        assert_eq!(urls(&["rtsp://a", "rtsp://b", "rtsp://a"]), urls(&["rtsp://x", "rtsp://a", "rtsp://x"]));
        for others in [&["rtsp://x", "rtsp://x", "rtsp://x"][..], &["rtsp://x", "rtsp://y", "rtsp://y"], &["rtsp://xx"]]
        {
            assert_ne!(urls(&["rtsp://a", "rtsp://b", "rtsp://a"]), urls(others));
        }
    }

    #[test]
    fn texts_count_by_their_length_and_reasons_not_at_all() {
        let finding = |code, detail| digest(&[Row::Finding(FindingRow { code, detail, ..FindingRow::default() })]);
        let (junk, gap, malformed) = (FindingCode::Junk, FindingCode::SequenceGap, FindingCode::PayloadMalformed);
        assert_eq!(finding(junk, "to ab"), finding(junk, "to x0"));
        assert_ne!(finding(junk, "to ab"), finding(junk, "to x"));
        assert_ne!(finding(junk, "to ab"), finding(gap, "to ab"));
        assert_eq!(finding(malformed, "a"), finding(malformed, "another"));
    }

    #[test]
    fn every_column_of_packets_and_frames_counts() {
        let packet = PacketRow { ssrc: Ssrc(1), ..PacketRow::default() };
        let change: [fn(&mut PacketRow<'_>); 19] = [
            |row| row.frame_number = Some(1),
            |row| row.time_utc.0 = crate::time::Timestamp::from_nanos(1),
            |row| row.time_s = Fixed(1.0),
            |row| row.session = 1,
            |row| row.track = Some(1),
            |row| row.channel = 1,
            |row| row.direction = Direction::ClientToServer,
            |row| row.ssrc = Ssrc(2),
            |row| row.payload_type = 1,
            |row| row.marker = 1,
            |row| row.seq = 1,
            |row| row.ext_seq = 1,
            |row| row.rtp_timestamp = 1,
            |row| row.ext_rtp_timestamp = 1,
            |row| row.payload_bytes = Some(1),
            |row| row.delta_ms = Some(Fixed(0.0)),
            |row| row.jitter_ms = Some(Fixed(0.0)),
            |row| row.skew_ms = Some(Fixed(0.0)),
            |row| (row.gap, row.status) = (1, PacketStatus::Gap),
        ];
        let of = |row: &PacketRow<'_>| digest(&[Row::Packet(row.clone())]);
        for (number, change) in change.iter().enumerate() {
            let mut other = packet.clone();
            change(&mut other);
            assert_ne!(of(&packet), of(&other), "column {number}");
        }
        let frame = FrameRow::default();
        let change: [fn(&mut FrameRow<'_>); 8] = [
            |row| row.frame = 1,
            |row| row.kind = Some(PictureKind::I),
            |row| row.complete = 1,
            |row| row.bytes = 1,
            |row| row.transmit_ms = Fixed(1.0),
            |row| row.last_ext_seq = 1,
            |row| row.media_s = Some(Fixed(0.0)),
            |row| row.timestamp_interval_ms = Some(Fixed(0.0)),
        ];
        let of = |row: &FrameRow<'_>| digest(&[Row::Frame(row.clone())]);
        for (number, change) in change.iter().enumerate() {
            let mut other = frame.clone();
            change(&mut other);
            assert_ne!(of(&frame), of(&other), "column {number}");
        }
    }
}
