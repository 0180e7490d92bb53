//! Packets of which a capture has the beginning only: told once for each file.

use std::io;

use crate::capture::reader::Packet;
use crate::time::Timestamp;
use crate::trace::{Remark, RemarkKind, Tap};

/// Lengths that are told apart: interfaces have snap lengths of their own.
const MAX_LENGTHS: usize = 3;

/// How many there are, and what the capture has of them.
#[derive(Debug, Default)]
pub(super) struct CutPackets {
    /// The first one.
    first: Option<(Timestamp, u64)>,
    count: u64,
    /// How long they are in the capture, in order; of more lengths the shortest and the longest.
    lengths: Vec<usize>,
}

impl CutPackets {
    #[cold]
    pub(super) fn add(&mut self, packet: &Packet<'_>) {
        self.first.get_or_insert((packet.at, packet.number));
        self.count += 1;
        if let Err(place) = self.lengths.binary_search(&packet.data.len()) {
            self.lengths.insert(place, packet.data.len());
            if self.lengths.len() > MAX_LENGTHS + 1 {
                self.lengths.remove(1);
            }
        }
    }

    /// Tells of them, and begins anew.
    pub(super) fn tell(&mut self, tap: &mut impl Tap) -> io::Result<()> {
        let Self { first, count, lengths } = std::mem::take(self);
        let Some((at, number)) = first else { return Ok(()) };
        let lengths: Vec<String> = lengths.iter().map(ToString::to_string).collect();
        let at_length = match lengths.as_slice() {
            [first, .., last] if lengths.len() > MAX_LENGTHS => format!("{first} to {last}"),
            [before @ .., last] if !before.is_empty() => format!("{} or {last}", before.join(", ")),
            _ => lengths.concat(),
        };
        let packets = if count == 1 { "packet is" } else { "packets are" };
        let detail = format!("{count} {packets} cut at {at_length} bytes (snap length)");
        tap.remark(&Remark { at, frame_number: number, kind: RemarkKind::PacketsCut, detail: &detail })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::link::LinkType;
    use crate::trace::TraceEvent;

    /// What is told, with the number of the first packet.
    #[derive(Default)]
    struct Remarks(Vec<(u64, String)>);

    impl Tap for Remarks {
        fn event(&mut self, _: &TraceEvent<'_>) -> io::Result<()> {
            Ok(())
        }

        fn remark(&mut self, remark: &Remark<'_>) -> io::Result<()> {
            self.0.push((remark.frame_number, remark.detail.to_owned()));
            Ok(())
        }
    }

    fn told(lengths: &[usize]) -> Vec<(u64, String)> {
        let (mut cut, mut remarks) = (CutPackets::default(), Remarks::default());
        for (number, len) in (7..).zip(lengths) {
            let data = vec![0; *len];
            let (at, link, description, notes) = (Timestamp::default(), LinkType::ETHERNET, "", "");
            cut.add(&Packet { number, at, interface: 0, link, description, notes, data: &data, original_len: 1500 });
        }
        cut.tell(&mut remarks).unwrap();
        cut.tell(&mut remarks).unwrap();
        remarks.0
    }

    #[test]
    fn the_lengths_are_told_once() {
        let of = |detail: &str| vec![(7, format!("{detail} bytes (snap length)"))];
        assert_eq!(told(&[]), []);
        assert_eq!(told(&[96]), of("1 packet is cut at 96"));
        assert_eq!(told(&[96, 96, 96]), of("3 packets are cut at 96"));
        assert_eq!(told(&[200, 96, 200]), of("3 packets are cut at 96 or 200"));
        assert_eq!(told(&[3, 1, 2]), of("3 packets are cut at 1, 2 or 3"));
        assert_eq!(told(&[5, 1, 2, 3, 9, 4]), of("6 packets are cut at 1 to 9"));
    }
}
