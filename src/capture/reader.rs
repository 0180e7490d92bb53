//! Packets out of anybody's capture file, one after the other, numbered as Wireshark numbers them.
//!
//! Reads pcap and pcapng in all their variants, gzip and zstd around either, from anything that can only be read
//! forwards. What a capture holds is hostile: lengths are believed only as far as the formats allow, and whatever
//! else is odd costs the packet, not the file.

mod compressed;
mod input;
mod interface;
mod pcap;
mod pcapng;

use std::io::{self, Read};

use byteorder::{BigEndian, ByteOrder, LittleEndian};
use thiserror::Error;

use self::compressed::Members;
use self::input::Input;
pub use crate::capture::link::LinkType;
use crate::time::Timestamp;

/// The longest packet that Wireshark and libpcap take; a greater length is damage.
const MAX_PACKET: u32 = 262_144;

/// Why a capture could not be read on.
#[derive(Debug, Error)]
pub enum CaptureError {
    /// The input could not be read.
    #[error("can't read the capture at byte {offset}: {source}")]
    Io {
        /// Bytes read before; those of the uncompressed capture if it is compressed.
        offset: u64,
        /// The system's words.
        source: io::Error,
    },
    /// No capture, or damaged.
    #[error("not a valid capture at byte {offset}: {why}")]
    Format {
        /// Where the block or record begins that is wrong; in the uncompressed capture if it is compressed.
        offset: u64,
        /// What is wrong.
        why: String,
    },
    /// A consumer of the events failed.
    #[error(transparent)]
    Tap(io::Error),
}

impl CaptureError {
    fn format(offset: u64, why: impl Into<String>) -> Self {
        Self::Format { offset, why: why.into() }
    }
}

/// A captured packet.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// Wireshark's number for it, from 1.
    pub number: u64,
    /// When it was captured. A simple packet block tells no time: it has that of the packet before it.
    pub at: Timestamp,
    /// Number of its interface, from 0, counted over all sections of the file.
    pub interface: u32,
    /// The link layer of its interface.
    pub link: LinkType,
    /// The description of its interface; empty if it has none.
    pub description: &'a str,
    /// The comment that holds [notes](crate::trace::Note) of its recorder; empty if it has none.
    pub notes: &'a str,
    /// The bytes captured.
    pub data: &'a [u8],
    /// How many bytes the packet had on the wire, as the file tells it.
    pub original_len: u32,
}

/// What a file held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileEnd {
    /// Packets in the file, with those of no known interface, which were passed over.
    pub packets: u64,
    /// The file ends in the middle of a record, as after a crash.
    pub cut: bool,
}

/// Reads a capture and hands its packets over in their order. A record that the end of the file cuts off is the
/// end.
///
/// # Errors
/// If the input can't be read, is no capture, or is damaged; or as `each` does.
pub fn read_packets<R: Read>(
    input: R,
    mut each: impl FnMut(&Packet<'_>) -> io::Result<()>,
) -> Result<FileEnd, CaptureError> {
    let mut input = Input::new(Box::new(input));
    let magic = magic(&mut input)?;
    if compressed::is_compressed(magic) {
        let mut inner = Input::new(Box::new(Members::new(input)));
        let magic = self::magic(&mut inner)?;
        return read_plain(inner, magic, &mut each);
    }
    read_plain(input, magic, &mut each)
}

/// The first four bytes.
fn magic(input: &mut Input<'_>) -> Result<[u8; 4], CaptureError> {
    if let Some([a, b, c, d]) = input.ahead(4)? {
        return Ok([*a, *b, *c, *d]);
    }
    Err(if input.is_drained() {
        CaptureError::format(0, "it is empty; has anything been recorded?")
    } else {
        unknown()
    })
}

fn read_plain(
    input: Input<'_>,
    magic: [u8; 4],
    each: &mut impl FnMut(&Packet<'_>) -> io::Result<()>,
) -> Result<FileEnd, CaptureError> {
    if u32::from_be_bytes(magic) == pcapng::SECTION_HEADER {
        return pcapng::read(input, each);
    }
    pcap::Variant::of(magic).ok_or_else(unknown)?.read(input, each)
}

fn unknown() -> CaptureError {
    CaptureError::format(0, "it is neither pcap nor pcapng, nor one of these in gzip or zstd; is it the right file?")
}

/// The order of the bytes in a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Order {
    #[default]
    Little,
    Big,
}

impl Order {
    fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::Little => LittleEndian::read_u32(&bytes),
            Self::Big => BigEndian::read_u32(&bytes),
        }
    }

    fn u16(self, bytes: [u8; 2]) -> u16 {
        match self {
            Self::Little => LittleEndian::read_u16(&bytes),
            Self::Big => BigEndian::read_u16(&bytes),
        }
    }
}
