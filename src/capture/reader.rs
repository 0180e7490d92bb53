//! Packets out of a pcapng file, one after the other, numbered as Wireshark numbers them.

use std::io::{self, Read};

use byteorder::{BigEndian, ByteOrder, LittleEndian};
use pcap_file::pcapng::blocks::interface_description::{InterfaceDescriptionBlock, InterfaceDescriptionOption};
use pcap_file::pcapng::{PcapNgReadError, PcapNgReader, PcapNgState};
use pcap_file::{DataLink, Endianness};
use thiserror::Error;

use crate::capture::block::ENHANCED_PACKET;
use crate::time::{NANOS_PER_SECOND, Timestamp};

/// The longest block read: Wireshark takes packets of up to 262,144 bytes.
const BUFFER: usize = 320 << 10;

/// Why a capture could not be read on.
#[derive(Debug, Error)]
pub enum CaptureError {
    /// The input could not be read.
    #[error("can't read the capture at byte {offset}: {source}")]
    Io {
        /// Bytes read before.
        offset: u64,
        /// The system's words.
        source: io::Error,
    },
    /// Not pcapng, or damaged.
    #[error("not a valid pcapng file at byte {offset}: {why}")]
    Format {
        /// Where the block begins that is wrong.
        offset: u64,
        /// What is wrong.
        why: String,
    },
    /// A consumer of the events failed.
    #[error(transparent)]
    Tap(io::Error),
}

/// A captured packet.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// Wireshark's number for it, from 1.
    pub number: u64,
    /// When it was captured.
    pub at: Timestamp,
    /// Number of its interface within the section.
    pub interface: u32,
    /// The link layer of its interface.
    pub link: DataLink,
    /// The description of its interface; empty if it has none.
    pub description: &'a str,
    /// The bytes captured.
    pub data: &'a [u8],
}

/// What a file held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileEnd {
    /// Packets read.
    pub packets: u64,
    /// The file ends in the middle of a block, as after a crash.
    pub cut: bool,
}

/// Reads a pcapng file and hands its packets over in their order. A block that the end of the file cuts off is the
/// end.
///
/// # Errors
/// If the input can't be read, is no pcapng file, or is damaged; or as `each` does.
pub fn read_packets<R: Read>(
    input: R,
    mut each: impl FnMut(&Packet<'_>) -> io::Result<()>,
) -> Result<FileEnd, CaptureError> {
    let mut blocks = PcapNgReader::with_capacity(input, BUFFER).map_err(no_section)?;
    let mut end = FileEnd::default();
    loop {
        let offset = blocks.bytes_parsed();
        let (block, state) = match blocks.next_raw_block() {
            None => return Ok(end),
            Some(Ok(next)) => next,
            Some(Err(PcapNgReadError::Io(error))) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Ok(FileEnd { cut: true, ..end });
            }
            Some(Err(error)) => return Err(failure(error, offset)),
        };
        if block.type_ != ENHANCED_PACKET {
            continue;
        }
        end.packets += 1;
        let packet = match state.endianness() {
            Endianness::Big => packet::<BigEndian>(&block.body, state),
            Endianness::Little => packet::<LittleEndian>(&block.body, state),
        };
        let packet = packet.map_err(|why| CaptureError::Format { offset, why: why.to_owned() })?;
        each(&Packet { number: end.packets, ..packet }).map_err(CaptureError::Tap)?;
    }
}

/// Takes an enhanced packet block apart (pcapng, section 4.3).
fn packet<'a, B: ByteOrder>(body: &'a [u8], state: &'a PcapNgState) -> Result<Packet<'a>, &'static str> {
    let (head, rest) = body.split_at_checked(20).ok_or("an enhanced packet block is too short")?;
    let (words, _) = head.as_chunks::<4>();
    let [interface, high, low, captured, _] = words else { return Err("an enhanced packet block is too short") };
    let word = |bytes: &[u8; 4]| B::read_u32(bytes);
    let data = rest.get(..word(captured) as usize).ok_or("a packet is longer than its block")?;
    let block =
        state.interfaces().get(word(interface) as usize).ok_or("a packet names an interface that is not there")?;
    Ok(Packet {
        number: 0,
        at: timestamp(block, u64::from(word(high)) << 32 | u64::from(word(low))),
        interface: word(interface),
        link: block.linktype,
        description: description(block),
        data,
    })
}

/// Ticks of an interface as an instant (`if_tsresol`, `if_tsoffset`).
fn timestamp(interface: &InterfaceDescriptionBlock<'_>, ticks: u64) -> Timestamp {
    let resolution = interface.ts_resolution();
    let digits = u32::from(resolution.resolution());
    let nanos = if resolution.is_bin() {
        (u128::from(ticks) * u128::from(NANOS_PER_SECOND.unsigned_abs())) >> digits
    } else {
        u128::from(ticks) * 10u128.pow(9u32.saturating_sub(digits))
    };
    let offset = interface.ts_offset().saturating_mul(NANOS_PER_SECOND);
    Timestamp::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX).saturating_add(offset))
}

fn description<'a>(interface: &'a InterfaceDescriptionBlock<'_>) -> &'a str {
    interface
        .options
        .iter()
        .find_map(|option| match option {
            InterfaceDescriptionOption::IfDescription(text) => Some(text.as_ref()),
            _ => None,
        })
        .unwrap_or_default()
}

/// The input does not begin as a pcapng file does.
fn no_section(error: PcapNgReadError) -> CaptureError {
    match error {
        PcapNgReadError::Io(source) if source.kind() != io::ErrorKind::UnexpectedEof => {
            CaptureError::Io { offset: 0, source }
        }
        _ => CaptureError::Format { offset: 0, why: "it has no section header".to_owned() },
    }
}

fn failure(error: PcapNgReadError, offset: u64) -> CaptureError {
    match error {
        PcapNgReadError::Io(source) => CaptureError::Io { offset, source },
        other => CaptureError::Format { offset, why: other.to_string() },
    }
}
