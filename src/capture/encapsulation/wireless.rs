//! 802.11, and what receivers tell of a frame before it.

use crate::capture::encapsulation::header::{Header, Inside, KeptHeader, Unreadable};
use crate::capture::link::LinkType;
use crate::fields::{be32, le16, le32};

/// Where frames have addresses; the second one is the sender's.
const ADDRESSES: &[usize] = &[10, 4, 16];
/// With a fourth one, as between two access points.
const FOUR_ADDRESSES: &[usize] = &[10, 4, 16, 24];
/// What a frame begins with that carries an Ethernet type.
const SNAP: [u8; 6] = [0xaa, 0xaa, 3, 0, 0, 0];

/// A data frame (IEEE 802.11, section 9.3.2).
pub(super) fn frame(data: &[u8], padded: bool) -> Option<Header> {
    let [control, flags, ..] = *data else { return None };
    // Version 0, data; the third bit of the subtype stands for none.
    if control & 0x4f != 0x08 {
        return None;
    }
    let four = flags & 0x03 == 0x03;
    let (mut len, addresses) = if four { (30, FOUR_ADDRESSES) } else { (24, ADDRESSES) };
    let quality = if control & 0x80 == 0 { None } else { Some(*data.get(len)?) };
    if quality.is_some() {
        len += if flags & 0x80 == 0 { 2 } else { 6 };
    }
    if padded {
        len = len.next_multiple_of(4);
    }
    let body = data.get(len..)?;
    // More fragments follow, or this is a later one.
    let fragment = flags & 0x04 != 0 || data.get(22)? & 0x0f != 0;
    let inside = match quality {
        // Some decrypt frames and leave the mark.
        _ if flags & 0x40 != 0 && !body.starts_with(&SNAP) => Inside::Unreadable(Unreadable::Wifi),
        _ if fragment => return None,
        Some(control) if control & 0x80 != 0 => Inside::Msdu,
        _ => Inside::Llc,
    };
    Some(Header::new(len, KeptHeader::Addresses(addresses), inside))
}

/// A frame of an aggregate: receiver, sender, length.
pub(super) fn msdu(data: &[u8]) -> Option<Header> {
    data.first_chunk::<14>()?;
    Some(Header::new(14, KeptHeader::Addresses(&[6, 0]), Inside::Llc))
}

/// Version, length, which fields there are, and the fields (radiotap.org). Of them one matters: whether the frame's header
/// is padded.
pub(super) fn radiotap(data: &[u8]) -> Option<Header> {
    let len = usize::from(le16(data, 2).filter(|_| data.first() == Some(&0))?);
    let present = le32(data, 4)?;
    let (words, _) = data.get(4..len)?.as_chunks::<4>();
    let more = words.iter().take_while(|[.., last]| last & 0x80 != 0).count();
    let fields = 8 + more * 4;
    // A time of eight bytes may come before the flags.
    let flags = if present & 1 == 0 { fields } else { fields.next_multiple_of(8) + 8 };
    let flags = Some(flags).filter(|at| present & 2 != 0 && *at < len);
    let padded = flags.and_then(|at| data.get(at)).is_some_and(|flags| flags & 0x20 != 0);
    let kept = flags.map_or(fields, |at| at + 1).min(len);
    Some(Header::new(len, KeptHeader::First(kept), Inside::Wifi { padded }))
}

/// Per-packet information: version 0, length, link type.
pub(super) fn ppi(data: &[u8]) -> Option<Header> {
    let len = usize::from(le16(data, 2).filter(|_| data.first() == Some(&0))?);
    let link = LinkType(u16::try_from(le32(data, 4)?).ok()?);
    (len >= 8).then_some(Header::new(len, KeptHeader::First(8), Inside::Link(link)))
}

/// The header of Prism chips, or that of AVS in its place.
pub(super) fn prism(data: &[u8]) -> Option<Header> {
    if be32(data, 0)? >> 16 == 0x8021 {
        return avs(data);
    }
    let len = [le32(data, 4)?, be32(data, 4)?].into_iter().find(|len| (8..4096).contains(len))?;
    Some(Header::new(usize::try_from(len).ok()?, KeptHeader::First(8), Inside::Wifi { padded: false }))
}

/// Version and length.
pub(super) fn avs(data: &[u8]) -> Option<Header> {
    let len = Some(be32(data, 4)?).filter(|len| (8..4096).contains(len))?;
    Some(Header::new(usize::try_from(len).ok()?, KeptHeader::First(8), Inside::Wifi { padded: false }))
}

/// The header of Apple's packet tap: its length, a type, and the link type of what follows.
pub(super) fn pktap(data: &[u8]) -> Option<Header> {
    let len = usize::from(le16(data, 0)?);
    let link = LinkType(u16::try_from(le32(data, 8)?).ok()?);
    (le16(data, 2)? == 0 && len >= 12).then_some(Header::new(len, KeptHeader::First(12), Inside::Link(link)))
}
