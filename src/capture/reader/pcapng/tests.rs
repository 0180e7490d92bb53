use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::capture::link::LinkType;
use crate::capture::reader::read_packets;

/// A file in one byte order.
#[derive(Clone, Copy)]
struct Writer {
    u16: fn(u16) -> [u8; 2],
    u32: fn(u32) -> [u8; 4],
}

const LITTLE: Writer = Writer { u16: u16::to_le_bytes, u32: u32::to_le_bytes };
const BIG: Writer = Writer { u16: u16::to_be_bytes, u32: u32::to_be_bytes };

impl Writer {
    fn words(self, words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| (self.u32)(*word)).collect()
    }

    fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len().next_multiple_of(4) + MIN_BLOCK).unwrap();
        let padding = vec![0; body.len().next_multiple_of(4) - body.len()];
        [&self.words(&[kind, length]), body, &padding, &self.words(&[length])].concat()
    }

    fn section(self) -> Vec<u8> {
        let version = [(self.u16)(1), (self.u16)(0)].concat();
        self.block(SECTION_HEADER, &[self.words(&[BYTE_ORDER_MAGIC]), version, vec![0xff; 8]].concat())
    }

    fn interface(self, link: LinkType, snaplen: u32, description: &str) -> Vec<u8> {
        let head = [(self.u16)(link.0), [0; 2]].concat();
        let length = u16::try_from(description.len()).unwrap();
        let option = [&(self.u16)(3)[..], &(self.u16)(length), description.as_bytes()].concat();
        self.block(INTERFACE, &[head, self.words(&[snaplen]), option].concat())
    }

    fn enhanced(self, interface: u32, micros: u32, packet: &[u8]) -> Vec<u8> {
        let length = u32::try_from(packet.len()).unwrap();
        self.block(ENHANCED_PACKET, &[&self.words(&[interface, 0, micros, length, length]), packet].concat())
    }

    fn simple(self, original: u32, packet: &[u8]) -> Vec<u8> {
        self.block(SIMPLE_PACKET, &[&self.words(&[original]), packet].concat())
    }

    fn obsolete(self, interface: u16, micros: u32, packet: &[u8]) -> Vec<u8> {
        let length = u32::try_from(packet.len()).unwrap();
        let head = [(self.u16)(interface), (self.u16)(0xffff)].concat();
        self.block(OBSOLETE_PACKET, &[&head, &self.words(&[0, micros, length, 77]), packet].concat())
    }
}

/// Number, microseconds, interface, description, bytes, original length.
type Seen = (u64, i64, u32, String, Vec<u8>, u32);

fn read_all(file: &[u8]) -> (Vec<Seen>, Result<FileEnd, CaptureError>) {
    let mut seen = Vec::new();
    let end = read_packets(file, |packet| {
        let Packet { number, at, interface, description, data, original_len, .. } = *packet;
        seen.push((number, at.as_nanos() / 1_000, interface, description.to_owned(), data.to_vec(), original_len));
        Ok(())
    });
    (seen, end)
}

fn seen(number: u64, micros: i64, interface: u32, description: &str, data: &[u8], original_len: u32) -> Seen {
    (number, micros, interface, description.to_owned(), data.to_vec(), original_len)
}

fn sections() -> Vec<Vec<u8>> {
    let mut blocks = Vec::new();
    for writer in [LITTLE, BIG, LITTLE] {
        blocks.push(writer.section());
        blocks.push(writer.interface(LinkType::ETHERNET, 4, "a"));
        blocks.push(writer.enhanced(0, 10, b"first"));
        blocks.push(writer.block(0x1234, b"unknown block"));
        blocks.push(writer.interface(LinkType::RAW, 0, "b"));
        blocks.push(writer.simple(9, b"simp"));
        blocks.push(writer.obsolete(1, 30, b"old"));
        blocks.push(writer.enhanced(1, 20, b"last!"));
    }
    blocks
}

#[test]
fn sections_in_both_byte_orders_with_all_kinds_of_packets() {
    let (packets, end) = read_all(&sections().concat());
    assert_eq!(end.unwrap(), FileEnd { packets: 12, cut: false });
    let expected: Vec<Seen> = [0_u32, 1, 2]
        .into_iter()
        .flat_map(|section| {
            let (before, first) = (u64::from(section) * 4, section * 2);
            [
                seen(before + 1, 10, first, "a", b"first", 5),
                seen(before + 2, i64::MIN / 1_000, first, "a", b"simp", 9),
                seen(before + 3, 30, first + 1, "b", b"old", 77),
                seen(before + 4, 20, first + 1, "b", b"last!", 5),
            ]
        })
        .collect();
    assert_eq!(packets, expected);
}

#[test]
fn a_cut_file_ends_at_the_last_whole_block() {
    let blocks = sections();
    let file = blocks.concat();
    let ends: Vec<usize> =
        blocks.iter().scan(0, |end, block| Some(*end + block.len()).inspect(|at| *end = *at)).collect();
    let (all, _) = read_all(&file);
    for cut in 4..file.len() {
        let (packets, end) = read_all(&file[..cut]);
        assert!(all.starts_with(&packets));
        let whole = ends.iter().filter(|end| **end <= cut).count();
        let expected =
            blocks.iter().take(whole).filter(|block| matches!(block.iter().find(|b| **b != 0), Some(2 | 3 | 6)));
        let count = expected.count() as u64;
        assert_eq!(end.unwrap(), FileEnd { packets: count, cut: !ends.contains(&cut) }, "{cut}");
    }
}

#[test]
fn packets_of_unknown_interfaces_are_counted_only() {
    let head = [LITTLE.section(), LITTLE.simple(4, b"none"), LITTLE.interface(LinkType::RAW, 0, "")].concat();
    let (packets, end) = read_all(&[head, LITTLE.enhanced(1, 5, b"x"), LITTLE.enhanced(0, 6, b"y")].concat());
    assert_eq!(end.unwrap(), FileEnd { packets: 3, cut: false });
    assert_eq!(packets, [seen(3, 6, 0, "", b"y", 1)]);
}

#[test]
fn custom_blocks_have_numbers_in_wireshark() {
    let head = [LITTLE.section(), LITTLE.interface(LinkType::RAW, 0, "")].concat();
    let custom = [LITTLE.block(0xbad, b"PEN!"), LITTLE.block(0x4000_0bad, b"PEN!"), LITTLE.block(5, b"statistics")];
    let (packets, end) = read_all(&[head, custom.concat(), LITTLE.enhanced(0, 6, b"y")].concat());
    assert_eq!(packets, [seen(3, 6, 0, "", b"y", 1)]);
    assert_eq!(end.unwrap().packets, 1);
}

#[test]
fn lengths_that_are_no_multiple_of_four_are_filled_up() {
    let mut odd = LITTLE.block(0x1234, b"four");
    odd[4] = 15;
    let file = [LITTLE.section(), LITTLE.interface(LinkType::RAW, 0, ""), odd, LITTLE.enhanced(0, 6, b"y")].concat();
    assert_eq!(read_all(&file).0.len(), 1);
}

#[test]
fn a_block_of_no_use_may_be_long() {
    let file = [LITTLE.section(), LITTLE.interface(LinkType::RAW, 0, ""), LITTLE.block(0x1234, &vec![1; MAX_BLOCK])];
    let end = [LITTLE.enhanced(0, 6, &vec![9; 262_144]), LITTLE.enhanced(0, 6, b"y")];
    let file = [file.concat(), end.concat()].concat();
    assert_eq!(read_all(&file).0.len(), 2);
    let (_, end) = read_all(&file[..1 << 20]);
    assert!(end.unwrap().cut);
}

#[test]
fn damage_is_an_error_with_its_place() {
    let head = [LITTLE.section(), LITTLE.interface(LinkType::RAW, 0, "")].concat();
    let long = LITTLE.enhanced(0, 6, &vec![9; 262_145]);
    let mut beyond = LITTLE.enhanced(0, 6, b"y");
    beyond[20] = 200;
    let mut short = LITTLE.enhanced(0, 6, b"y");
    short[4] = 8;
    let mut huge = LITTLE.enhanced(0, 6, b"y");
    huge[7] = 0x7f;
    let magic = LITTLE.block(SECTION_HEADER, &[7; 16]);
    for (block, why) in [
        (long, "a packet of more than 262,144 bytes"),
        (beyond, "a packet is longer than its block"),
        (short, "a block of impossible length"),
        (huge, "a block of impossible length"),
        (LITTLE.block(ENHANCED_PACKET, &[0; 16]), "a packet block is too short"),
        (LITTLE.block(INTERFACE, &[0; 4]), "an interface description block is too short"),
        (magic, "a section header without its byte-order magic"),
    ] {
        let (_, end) = read_all(&[&head[..], &block].concat());
        assert_eq!(end.unwrap_err().to_string(), format!("not a valid capture at byte {}: {why}", head.len()));
    }
}

#[test]
fn descriptions_are_kept_within_bounds() {
    let interface = LITTLE.interface(LinkType::RAW, 0, &"x".repeat(65_000));
    let file = [LITTLE.section(), interface.repeat(200), LITTLE.enhanced(0, 1, b"y"), LITTLE.enhanced(199, 1, b"y")];
    let lengths: Vec<usize> = read_all(&file.concat()).0.iter().map(|seen| seen.3.len()).collect();
    assert_eq!(lengths, [65_000, 0]);
    let file = [LITTLE.section(), LITTLE.interface(LinkType::RAW, 0, "").repeat(MAX_INTERFACES + 1)].concat();
    assert!(read_all(&file).1.is_err());
}

#[test]
fn blocks_that_only_have_a_number_count_wherever_they_lie() {
    let custom = |len: usize| LITTLE.block(0x0bad, &vec![1; len]);
    let head = [LITTLE.section(), LITTLE.interface(LinkType::RAW, 0, "")].concat();
    // The second one is longer than what is read at once.
    let file = [head, custom(8), custom(600_000), LITTLE.enhanced(0, 1, b"x")].concat();
    let mut numbers = Vec::new();
    read_packets(file.as_slice(), |packet| {
        numbers.push(packet.number);
        Ok(())
    })
    .unwrap();
    assert_eq!(numbers, [3]);
}

#[test]
fn what_is_no_capture_is_told_so() {
    for (bytes, why) in [(&b""[..], "it is empty"), (b"RTSP/1.0 200 OK", "it is neither"), (b"\n\r", "it is neither")] {
        let error = read_all(bytes).1.unwrap_err().to_string();
        assert!(error.starts_with(&format!("not a valid capture at byte 0: {why}")), "{error}");
    }
}

proptest! {
    #[test]
    fn damaged_files_end(
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        cut in any::<prop::sample::Index>(),
        tail in vec(any::<u8>(), 0..64),
    ) {
        let mut file = sections().concat();
        for (at, byte) in changes {
            let at = at.index(file.len());
            file[at] = byte;
        }
        file.truncate(cut.index(file.len()));
        file.extend(tail);
        let (packets, end) = read_all(&file);
        let bytes: usize = packets.iter().map(|seen| seen.4.len()).sum();
        prop_assert!(bytes <= file.len());
        prop_assert!(end.is_err() || end.is_ok_and(|end| end.packets >= packets.len() as u64));
    }

    #[test]
    fn no_bytes_panic(magic in 0..7usize, bytes in vec(any::<u8>(), 0..300)) {
        let magics = [
            vec![],
            LITTLE.section(),
            BIG.section(),
            vec![0xd4, 0xc3, 0xb2, 0xa1],
            vec![0xa1, 0xb2, 0xcd, 0x34],
            vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0],
            vec![0x28, 0xb5, 0x2f, 0xfd],
        ];
        let _ = read_all(&[&magics[magic][..], &bytes].concat());
    }
}
