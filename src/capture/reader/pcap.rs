//! pcap: a header, then one record a packet. With microseconds or nanoseconds, in either byte order, and with the
//! longer records that Kuznetzov's patched libpcap wrote.

use crate::capture::link::LinkType;
use crate::capture::reader::input::Input;
use crate::capture::reader::packet::{CaptureError, Endianness, FileEnd, FilePart, MAX_PACKET, Packet, RawPart, Taker};
use crate::time::{NANOS_PER_SECOND, Timestamp};

const HEADER: usize = 24;
/// Length of a record before the packet.
const RECORD: usize = 16;
/// The same where an interface index, a protocol and a packet type follow.
const MODIFIED_RECORD: usize = 24;

/// What the magic number of a file tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Variant {
    order: Endianness,
    /// Nanoseconds in a unit of the times' fraction.
    fraction: i64,
    /// Length of a record before the packet.
    record: usize,
}

impl Variant {
    pub(super) fn of(magic: [u8; 4]) -> Option<Self> {
        [Endianness::Little, Endianness::Big].into_iter().find_map(|order| {
            let (fraction, record) = match order.u32(magic) {
                0xa1b2_c3d4 => (1_000, RECORD),
                0xa1b2_3c4d => (1, RECORD),
                0xa1b2_cd34 => (1_000, MODIFIED_RECORD),
                _ => return None,
            };
            Some(Self { order, fraction, record })
        })
    }

    /// Reads the file from its start.
    pub(super) fn read(self, mut input: Input<'_>, taker: &mut impl Taker) -> Result<FileEnd, CaptureError> {
        let mut packets = 0;
        let Some(header) = input.ahead(HEADER)? else { return Ok(FileEnd { packets, cut: true }) };
        let link = self.link(header);
        taker.other(self.raw(FilePart::Header, header)).map_err(CaptureError::Tap)?;
        input.pass(HEADER);
        loop {
            let offset = input.offset();
            let mut rest = input.window();
            while let Some((record, behind)) = self.split(rest) {
                packets += 1;
                let raw = self.raw(FilePart::Record(self.record), record);
                taker.packet(&self.packet(packets, link, record), raw).map_err(CaptureError::Tap)?;
                rest = behind;
            }
            let used = input.window().len() - rest.len();
            input.pass(used);
            let Some(head) = input.ahead(self.record)? else { break };
            let [.., captured, _] = self.words(head);
            if captured > MAX_PACKET {
                let why = format!("a packet of {captured} bytes");
                return Err(CaptureError::format(offset + used as u64, why));
            }
            if input.ahead(self.record + captured as usize)?.is_none() {
                break;
            }
        }
        Ok(FileEnd { packets, cut: input.is_cut() })
    }

    #[inline]
    fn raw(self, part: FilePart, bytes: &[u8]) -> RawPart<'_> {
        RawPart { part, order: self.order, bytes }
    }

    /// The first record if it is there as a whole, and what follows it.
    #[inline]
    fn split<'a>(&self, bytes: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        let [.., captured, _] = self.words(bytes.get(..self.record)?);
        if captured > MAX_PACKET {
            return None;
        }
        bytes.split_at_checked(self.record + captured as usize)
    }

    #[inline]
    fn packet<'a>(&self, number: u64, link: LinkType, record: &'a [u8]) -> Packet<'a> {
        let [seconds, fraction, _, original_len] = self.words(record);
        Packet {
            number,
            at: self.instant(seconds, fraction),
            interface: 0,
            link,
            description: "",
            notes: "",
            data: record.get(self.record..).unwrap_or_default(),
            original_len,
        }
    }

    /// The link type; the upper half of its word is about frame check sequences.
    fn link(self, header: &[u8]) -> LinkType {
        let word = header.last_chunk::<4>().copied().unwrap_or_default();
        LinkType((self.order.u32(word) & 0xffff) as u16)
    }

    #[inline]
    fn words(self, head: &[u8]) -> [u32; 4] {
        match head.as_chunks::<4>().0 {
            [a, b, c, d, ..] => [*a, *b, *c, *d].map(|word| self.order.u32(word)),
            _ => [0; 4],
        }
    }

    #[inline]
    fn instant(self, seconds: u32, fraction: u32) -> Timestamp {
        Timestamp::from_nanos(i64::from(seconds) * NANOS_PER_SECOND + i64::from(fraction) * self.fraction)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::reader::read_packets;

    /// A file with the packet `abc`, cut from 9 bytes, at 1.5 s and an empty one at 2 s.
    fn file(magic: u32, fraction: u32, more: usize, bytes: fn(u32) -> [u8; 4]) -> Vec<u8> {
        let words = |words: &[u32]| words.iter().flat_map(|word| bytes(*word)).collect::<Vec<u8>>();
        let record = |head: [u32; 4], packet: &[u8]| [&words(&head), &vec![7; more][..], packet].concat();
        // The upper half of the link type says: frame check sequences of four bytes.
        let mut file = words(&[magic, 0, 0, 0, 262_144, 0x5400_0071]);
        file.extend(record([1, fraction, 3, 9], b"abc"));
        file.extend(record([2, 0, 0, 0], b""));
        file
    }

    fn variants() -> Vec<Vec<u8>> {
        let mut files = Vec::new();
        for bytes in [u32::to_le_bytes, u32::to_be_bytes] {
            files.push(file(0xa1b2_c3d4, 500_000, 0, bytes));
            files.push(file(0xa1b2_3c4d, 500_000_000, 0, bytes));
            files.push(file(0xa1b2_cd34, 500_000, 8, bytes));
        }
        files
    }

    #[test]
    fn all_variants() {
        for file in variants() {
            let mut seen = Vec::new();
            let end = read_packets(file.as_slice(), |packet| {
                assert_eq!((packet.link, packet.interface, packet.description), (LinkType::LINUX_SLL, 0, ""));
                seen.push((packet.number, packet.at.as_nanos(), packet.data.to_vec(), packet.original_len));
                Ok(())
            });
            assert_eq!(end.unwrap(), FileEnd { packets: 2, cut: false });
            assert_eq!(seen, [(1, 1_500_000_000, b"abc".to_vec(), 9), (2, 2_000_000_000, vec![], 0)]);
        }
    }

    #[test]
    fn a_cut_file_ends_at_the_last_whole_record() {
        for file in variants() {
            let (modified, len) = (file.len() > 60, file.len());
            let (head, first) = if modified { (24, 27) } else { (16, 19) };
            for cut in 4..len {
                let end = read_packets(&file[..cut], |_| Ok(())).unwrap();
                let whole = u64::from(cut >= HEADER + first);
                assert_eq!(end, FileEnd { packets: whole, cut: cut != HEADER && cut != len - head }, "{cut}");
            }
        }
    }

    #[test]
    fn a_length_that_can_not_be_is_damage() {
        let mut file = file(0xa1b2_c3d4, 0, 0, u32::to_le_bytes);
        file[HEADER + 19 + 8..][..4].copy_from_slice(&262_145_u32.to_le_bytes());
        let mut packets = 0;
        let error = read_packets(file.as_slice(), |_| {
            packets += 1;
            Ok(())
        })
        .unwrap_err();
        assert_eq!(error.to_string(), "not a valid capture at byte 43: a packet of 262145 bytes");
        assert_eq!(packets, 1);
    }
}
