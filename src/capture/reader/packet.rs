//! What every format of capture files gives: packets, the parts that hold them, and what stops the reading.

use std::io;

use byteorder::{BigEndian, ByteOrder, LittleEndian};
use thiserror::Error;

use crate::capture::link::LinkType;
use crate::time::Timestamp;

/// The longest packet that Wireshark and libpcap take; a greater length is damage.
pub(super) const MAX_PACKET: u32 = 262_144;

/// Why a capture could not be read on.
#[derive(Debug, Error)]
#[non_exhaustive]
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
    pub(super) fn format(offset: u64, why: impl Into<String>) -> Self {
        Self::Format { offset, why: why.into() }
    }
}

/// A captured packet.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// Wireshark's number for it, from 1.
    pub number: u64,
    /// When it was captured; unknown of a simple packet block.
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

impl Packet<'_> {
    /// Bytes that were on the wire and not captured.
    #[inline]
    pub(in crate::capture) fn uncaptured(&self) -> u32 {
        self.original_len.saturating_sub(u32::try_from(self.data.len()).unwrap_or(u32::MAX))
    }
}

/// What a file held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileEnd {
    /// Packets in the file, with those of no known interface, which were passed over.
    pub packets: u64,
    /// The file ends in the middle of a record, as after a crash.
    pub cut: bool,
}

/// Who takes a capture in: its packets, and where it matters what holds them.
pub(in crate::capture) trait Taker {
    /// A packet, and the record or block that holds it.
    ///
    /// # Errors
    /// What stops the reading.
    fn packet(&mut self, packet: &Packet<'_>, raw: RawPart<'_>) -> io::Result<()>;

    /// What holds no packet, or one of no known interface.
    ///
    /// # Errors
    /// What stops the reading.
    fn other(&mut self, _: RawPart<'_>) -> io::Result<()> {
        Ok(())
    }
}

impl<F: FnMut(&Packet<'_>) -> io::Result<()>> Taker for F {
    #[inline]
    fn packet(&mut self, packet: &Packet<'_>, _: RawPart<'_>) -> io::Result<()> {
        self(packet)
    }
}

/// A part of a capture as it is written.
#[derive(Clone, Copy, Debug)]
pub(in crate::capture) struct RawPart<'a> {
    pub(in crate::capture) part: FilePart,
    pub(in crate::capture) order: Endianness,
    /// All of it; of a block that only has a number, nothing.
    pub(in crate::capture) bytes: &'a [u8],
}

/// What a part of a capture is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::capture) enum FilePart {
    /// The header of a pcap file.
    Header,
    /// A record of a pcap file: so many bytes, then the packet.
    Record(usize),
    /// A block of a pcapng file, of this type.
    Block(u32),
    /// One that has a packet's number and is none.
    Numbered,
}

/// The order of the bytes in a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::capture) enum Endianness {
    #[default]
    Little,
    Big,
}

impl Endianness {
    pub(in crate::capture) fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::Little => LittleEndian::read_u32(&bytes),
            Self::Big => BigEndian::read_u32(&bytes),
        }
    }

    pub(in crate::capture) fn u16(self, bytes: [u8; 2]) -> u16 {
        match self {
            Self::Little => LittleEndian::read_u16(&bytes),
            Self::Big => BigEndian::read_u16(&bytes),
        }
    }

    pub(super) fn i64(self, bytes: [u8; 8]) -> i64 {
        match self {
            Self::Little => LittleEndian::read_i64(&bytes),
            Self::Big => BigEndian::read_i64(&bytes),
        }
    }

    pub(in crate::capture) fn of_u32(self, number: u32) -> [u8; 4] {
        let mut bytes = [0; 4];
        match self {
            Self::Little => LittleEndian::write_u32(&mut bytes, number),
            Self::Big => BigEndian::write_u32(&mut bytes, number),
        }
        bytes
    }

    pub(in crate::capture) fn of_u16(self, number: u16) -> [u8; 2] {
        let mut bytes = [0; 2];
        match self {
            Self::Little => LittleEndian::write_u16(&mut bytes, number),
            Self::Big => BigEndian::write_u16(&mut bytes, number),
        }
        bytes
    }
}
