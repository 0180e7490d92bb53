//! Numbers of pcapng (draft-ietf-opsawg-pcapng, sections 3 and 4), for all that reads, writes or rewrites blocks.

/// Types of blocks. The first reads the same in both byte orders.
pub(super) const SECTION_HEADER: u32 = 0x0a0d_0d0a;
pub(super) const INTERFACE: u32 = 1;
pub(super) const OBSOLETE_PACKET: u32 = 2;
pub(super) const SIMPLE_PACKET: u32 = 3;
pub(super) const ENHANCED_PACKET: u32 = 6;
/// A block of somebody's own, which no copy need keep.
pub(super) const CUSTOM: u32 = 0x4000_0bad;

/// In a section header: tells the order of the bytes.
pub(super) const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;

/// Type and total length before a block's body, the length again behind it.
pub(super) const BLOCK_HEAD: usize = 8;
pub(super) const TRAILER: usize = 4;
/// Fields of a packet block before the packet, unless it is a simple one: interface, two halves of the time, captured and
/// original length.
pub(super) const PACKET_FIELDS: usize = 20;

/// Options of any block.
pub(super) const END_OF_OPTIONS: u16 = 0;
pub(super) const COMMENT: u16 = 1;
/// Options of an interface: its description, the resolution of its times, and what they count from.
pub(super) const IF_DESCRIPTION: u16 = 3;
pub(super) const IF_TSRESOL: u16 = 9;
pub(super) const IF_TSOFFSET: u16 = 14;
/// Option of an enhanced packet: its direction, among others.
pub(super) const PACKET_FLAGS: u16 = 2;
