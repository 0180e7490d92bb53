//! One RTP packet (RFC 3550, section 5.1) as a view over its bytes.

use byteorder::{ByteOrder, NetworkEndian};

use crate::fields::{be16, be32};

/// Why bytes are not an RTP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RtpError {
    /// Fewer bytes than the fixed header.
    #[error("{len} bytes are too few for an RTP header of 12")]
    HeaderTruncated {
        /// Bytes there are.
        len: usize,
    },
    /// The version field is not 2.
    #[error("RTP version {version}, not 2")]
    Version {
        /// The two version bits.
        version: u8,
    },
    /// The CSRC count promises more than there is.
    #[error("{len} bytes are too few for a header with its CSRC list of {needed}")]
    CsrcsTruncated {
        /// Bytes of the header and its CSRC list.
        needed: usize,
        /// Bytes there are.
        len: usize,
    },
    /// The header extension promises more than there is.
    #[error("{len} bytes are too few for a header with its extension of {needed}")]
    ExtensionTruncated {
        /// Bytes of the header, its CSRC list and its extension.
        needed: usize,
        /// Bytes there are.
        len: usize,
    },
}

/// Bytes of the fixed header.
const HEADER_LEN: usize = 12;
/// Bytes of the extension's own header: profile and length.
const EXTENSION_HEADER_LEN: usize = 4;

/// A header extension: profile and data.
type Extension<'a> = (u16, &'a [u8]);

/// An RTP packet. Copies nothing; the fields are read when asked for.
///
/// ```
/// use rtsp_rec::rtp::packet::RtpPacket;
///
/// let bytes = [0x80, 0xe0, 0x12, 0x34, 0, 0, 0x0b, 0xb8, 0xca, 0xfe, 0xba, 0xbe, 0x65, 0x88];
/// let packet = RtpPacket::parse(&bytes)?;
/// assert_eq!((packet.sequence(), packet.timestamp(), packet.ssrc()), (0x1234, 3000, 0xcafe_babe));
/// assert_eq!((packet.payload_type(), packet.marker()), (96, true));
/// assert_eq!(packet.payload(), [0x65, 0x88]);
/// assert!(RtpPacket::parse(&bytes[..11]).is_err());
/// # Ok::<(), rtsp_rec::rtp::packet::RtpError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtpPacket<'a> {
    header: &'a [u8; HEADER_LEN],
    csrcs: &'a [u8],
    extension: Option<Extension<'a>>,
    payload: &'a [u8],
    padding_len: usize,
    extent: PayloadExtent,
}

/// How much of a payload there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PayloadExtent {
    /// All of it.
    Whole,
    /// The capture cut so many bytes off its end.
    Cut(usize),
    /// The capture cut the header before it could tell where the payload begins.
    Unknown,
}

impl<'a> RtpPacket<'a> {
    /// Reads a packet that fills `bytes`.
    ///
    /// # Errors
    /// Where the bytes end inside the header, CSRC list or extension, or the version is not 2. Bad padding is not
    /// an error: see [`has_valid_padding`](Self::has_valid_padding).
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, RtpError> {
        let len = bytes.len();
        let Some((header, rest)) = bytes.split_first_chunk::<HEADER_LEN>() else {
            return Err(RtpError::HeaderTruncated { len });
        };
        let [first, ..] = *header;
        if first >> 6 != 2 {
            return Err(RtpError::Version { version: first >> 6 });
        }
        let csrcs_len = usize::from(first & 0x0f) * 4;
        let Some((csrcs, rest)) = rest.split_at_checked(csrcs_len) else {
            return Err(RtpError::CsrcsTruncated { needed: HEADER_LEN + csrcs_len, len });
        };
        let (extension, rest) = if first & 0x10 == 0 { (None, rest) } else { split_extension(rest, len)? };
        let padding_len = if first & 0x20 == 0 { 0 } else { padding_len(rest) };
        let payload = rest.get(..rest.len() - padding_len).unwrap_or(rest);
        Ok(Self { header, csrcs, extension, payload, padding_len, extent: PayloadExtent::Whole })
    }

    /// Reads the beginning of a packet: `missing` bytes of it followed on the wire, which the capture cut off. Its fixed
    /// header has to be there.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    #[inline]
    pub fn parse_cut(bytes: &'a [u8], missing: usize) -> Result<Self, RtpError> {
        if missing == 0 { Self::parse(bytes) } else { Self::parse_beginning(bytes, missing) }
    }

    #[cold]
    fn parse_beginning(bytes: &'a [u8], missing: usize) -> Result<Self, RtpError> {
        let len = bytes.len().saturating_add(missing);
        let Some((header, rest)) = bytes.split_first_chunk::<HEADER_LEN>() else {
            return Err(RtpError::HeaderTruncated { len: bytes.len() });
        };
        let [first, ..] = *header;
        if first >> 6 != 2 {
            return Err(RtpError::Version { version: first >> 6 });
        }
        let csrcs_len = usize::from(first & 0x0f) * 4;
        let needed = HEADER_LEN + csrcs_len;
        if needed > len {
            return Err(RtpError::CsrcsTruncated { needed, len });
        }
        let (csrcs, rest) = rest.split_at_checked(csrcs_len).unwrap_or((&[], &[]));
        let mut packet =
            Self { header, csrcs, extension: None, payload: &[], padding_len: 0, extent: PayloadExtent::Unknown };
        let extension_len = match (first & 0x10, rest) {
            (0, _) => 0,
            (_, rest) => match be16(rest, 2) {
                Some(words) => EXTENSION_HEADER_LEN + usize::from(words) * 4,
                None => return Ok(packet),
            },
        };
        let needed = needed + extension_len;
        if needed > len {
            return Err(RtpError::ExtensionTruncated { needed, len });
        }
        packet.payload = bytes.get(needed..).unwrap_or_default();
        packet.extent = PayloadExtent::Cut(len - needed - packet.payload.len());
        Ok(packet)
    }

    /// Whether the capture has only the beginning of the packet.
    #[inline]
    pub fn is_cut(&self) -> bool {
        self.extent != PayloadExtent::Whole
    }

    /// Bytes of the payload on the wire, without padding. `None` where the capture cut off what tells: the header's
    /// extension, or the count behind the padding.
    #[inline]
    pub fn payload_len(&self) -> Option<usize> {
        let [first, ..] = *self.header;
        match self.extent {
            PayloadExtent::Whole => Some(self.payload.len()),
            PayloadExtent::Cut(missing) if first & 0x20 == 0 => Some(self.payload.len() + missing),
            PayloadExtent::Cut(_) | PayloadExtent::Unknown => None,
        }
    }

    /// The 7-bit payload type.
    #[inline]
    pub fn payload_type(&self) -> u8 {
        let [_, second, ..] = *self.header;
        second & 0x7f
    }

    /// The marker bit: for most video formats the last packet of a frame.
    #[inline]
    pub fn marker(&self) -> bool {
        let [_, second, ..] = *self.header;
        second & 0x80 != 0
    }

    /// The sequence number, which wraps at 2^16.
    #[inline]
    pub fn sequence(&self) -> u16 {
        NetworkEndian::read_u16(&self.header[2..4])
    }

    /// The timestamp in ticks of the format's clock, which wraps at 2^32.
    #[inline]
    pub fn timestamp(&self) -> u32 {
        NetworkEndian::read_u32(&self.header[4..8])
    }

    /// The synchronization source: who sends this stream.
    #[inline]
    pub fn ssrc(&self) -> u32 {
        NetworkEndian::read_u32(&self.header[8..12])
    }

    /// The contributing sources that a mixer lists, at most 15.
    pub fn csrcs(&self) -> impl Iterator<Item = u32> + use<'a> {
        self.csrcs.chunks_exact(4).map(NetworkEndian::read_u32)
    }

    /// The header extension (RFC 3550, section 5.3.1): its profile-defined 16 bits, and its data without the length.
    #[inline]
    pub fn extension(&self) -> Option<(u16, &'a [u8])> {
        self.extension
    }

    /// The payload, without padding. May be empty. Of a packet that was [cut](Self::is_cut) as much as there is.
    #[inline]
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// Bytes of padding at the end, its count byte included; 0 without the padding bit, or with an invalid count.
    #[inline]
    pub fn padding_len(&self) -> usize {
        self.padding_len
    }

    /// Whether the padding bit and the padding agree. `false` where the bit is set and the count is 0 or more than
    /// there is; the payload is then everything up to the end.
    #[inline]
    pub fn has_valid_padding(&self) -> bool {
        let [first, ..] = *self.header;
        first & 0x20 == 0 || self.padding_len != 0 || self.is_cut()
    }
}

/// The extension and what follows it. `len` is the size of the packet, for the error.
fn split_extension(bytes: &[u8], len: usize) -> Result<(Option<Extension<'_>>, &[u8]), RtpError> {
    let before = len - bytes.len();
    let Some((header, rest)) = bytes.split_first_chunk::<EXTENSION_HEADER_LEN>() else {
        return Err(RtpError::ExtensionTruncated { needed: before + EXTENSION_HEADER_LEN, len });
    };
    let data_len = usize::from(NetworkEndian::read_u16(&header[2..4])) * 4;
    let Some((data, rest)) = rest.split_at_checked(data_len) else {
        return Err(RtpError::ExtensionTruncated { needed: before + EXTENSION_HEADER_LEN + data_len, len });
    };
    Ok((Some((NetworkEndian::read_u16(&header[0..2]), data)), rest))
}

/// The padding count in the last byte, 0 where it can't be right. Never more than the length of `bytes`.
fn padding_len(bytes: &[u8]) -> usize {
    let count = bytes.last().copied().map_or(0, usize::from);
    if count > bytes.len() { 0 } else { count }
}

/// Whether a payload is RTCP rather than RTP, for devices that send both on one channel (RFC 5761, section 4).
///
/// Looks at the version and the second byte: 200 to 204 are the packet types of RFC 3550, 205 to 207 feedback and
/// extended reports. An RTP packet would need the marker and one of the payload types 72 to 79, which RFC 3551 keeps
/// clear for this reason.
#[inline]
pub fn is_rtcp(payload: &[u8]) -> bool {
    matches!(payload, [first, 200..=207, _, _, ..] if first >> 6 == 2)
}

/// Source and sequence number of an RTP packet (RFC 3550, section 5.1). RTCP has none.
#[inline]
pub(crate) fn rtp_source(payload: &[u8]) -> Option<(u32, u16)> {
    let rtp = payload.first()? >> 6 == 2 && !is_rtcp(payload);
    be32(payload, 8).zip(be16(payload, 2)).filter(|_| rtp)
}

/// The same of bytes that nothing but their shape makes RTP: no packet of a type that RTCP may ever have (RFC 5761, section 4).
pub(crate) fn rtp_source_by_shape(payload: &[u8]) -> Option<(u32, u16)> {
    rtp_source(payload).filter(|_| !payload.get(1).is_some_and(|second| (192..=223).contains(second)))
}

/// An RTP packet of zeros without payload, as ffmpeg sends it: it opens the way through a NAT for what comes back.
pub const NAT_PUNCH: [u8; 12] = [0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// Whether a datagram of a client is meant only to let the media in through a NAT: [`NAT_PUNCH`], or four bytes that are
/// no RTP (live555, GStreamer).
#[inline]
pub fn is_nat_punch(payload: &[u8]) -> bool {
    payload == NAT_PUNCH || payload.len() <= 4 && payload.first().is_none_or(|first| first >> 6 != 2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The first video packet of a Darwin Streaming Server: payload type 96, sequence number 8280.
    const DSS: [u8; 14] = [0x80, 0x60, 0x20, 0x58, 0x11, 0xcb, 0xad, 0x80, 0x68, 0x65, 0xee, 0x91, 0x67, 0x42];

    /// What a header of a cut packet says: its payload's length on the wire, and how much of it there is.
    fn cut(bytes: &[u8], missing: usize) -> Result<(Option<usize>, usize), RtpError> {
        let packet = RtpPacket::parse_cut(bytes, missing)?;
        assert!(packet.is_cut() && packet.has_valid_padding() && packet.padding_len() == 0);
        Ok((packet.payload_len(), packet.payload().len()))
    }

    #[test]
    fn a_cut_packet_tells_what_its_header_tells() {
        assert_eq!(cut(&DSS, 1000), Ok((Some(1002), 2)));
        assert_eq!(cut(&DSS[..12], 7), Ok((Some(7), 0)));
        assert_eq!(cut(&DSS[..11], 1000), Err(RtpError::HeaderTruncated { len: 11 }));
        let with = |first: u8, behind: &[u8]| [&[first], &DSS[1..12], behind].concat();
        assert_eq!(cut(&with(0xa0, b"ab"), 9), Ok((None, 2)), "padding ends with its count");
        assert_eq!(cut(&with(0x82, b"1234"), 9), Ok((Some(5), 0)), "one of two CSRCs");
        assert_eq!(cut(&with(0x82, b"1234"), 3), Err(RtpError::CsrcsTruncated { needed: 20, len: 19 }));
        assert_eq!(cut(&with(0x90, &[0xbe, 0xde, 0]), 100), Ok((None, 0)), "the extension's length lacks");
        assert_eq!(cut(&with(0x90, &[0xbe, 0xde, 0, 2, 1]), 100), Ok((Some(93), 0)));
        assert_eq!(cut(&with(0x90, &[0xbe, 0xde, 0, 0, 1]), 100), Ok((Some(101), 1)));
        let too_long = Err(RtpError::ExtensionTruncated { needed: 24, len: 18 });
        assert_eq!(cut(&with(0x90, &[0xbe, 0xde, 0, 2]), 2), too_long);
        assert_eq!(RtpPacket::parse_cut(&DSS, 0), RtpPacket::parse(&DSS));
    }

    #[test]
    fn reads_the_fixed_header() {
        let packet = RtpPacket::parse(&DSS).unwrap();
        assert_eq!((packet.payload_type(), packet.marker()), (96, false));
        assert_eq!((packet.sequence(), packet.timestamp(), packet.ssrc()), (8280, 298_560_896, 0x6865_ee91));
        assert_eq!(packet.payload(), [0x67, 0x42]);
        assert_eq!((packet.csrcs().count(), packet.extension(), packet.padding_len()), (0, None, 0));
        assert!(packet.has_valid_padding());
    }

    /// Marker, two CSRCs, an extension of one word, three payload bytes, and padding as given.
    fn full(padding: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0xb2, 0xe0, 0xff, 0xff, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4];
        bytes.extend([0xbe, 0xde, 0, 1, 0x10, 0xaa, 0, 0, 7, 8, 9]);
        bytes.extend(padding);
        bytes
    }

    #[test]
    fn reads_csrcs_extension_and_padding() {
        let bytes = full(&[0, 0, 3]);
        let packet = RtpPacket::parse(&bytes).unwrap();
        assert!(packet.marker());
        assert_eq!(packet.csrcs().collect::<Vec<_>>(), [3, 4]);
        assert_eq!(packet.extension(), Some((0xbede, &[0x10, 0xaa, 0, 0][..])));
        assert_eq!((packet.payload(), packet.padding_len()), (&[7, 8, 9][..], 3));
        assert!(packet.has_valid_padding());
    }

    #[test]
    fn padding_that_cannot_be_leaves_the_payload_whole() {
        for padding in [[0, 0], [0, 200]] {
            let bytes = full(&padding);
            let packet = RtpPacket::parse(&bytes).unwrap();
            assert!(!packet.has_valid_padding());
            assert_eq!((packet.payload().len(), packet.padding_len()), (5, 0));
        }
        let nothing_to_pad = [&[0xa0], &DSS[1..12]].concat();
        assert!(!RtpPacket::parse(&nothing_to_pad).unwrap().has_valid_padding());
    }

    #[test]
    fn all_padding_is_an_empty_payload() {
        let bytes = full(&[6]);
        let packet = RtpPacket::parse(&[&bytes[..28], &[0, 0, 0, 4][..]].concat()).map(|packet| packet.payload().len());
        assert_eq!(packet, Ok(0));
    }

    #[test]
    fn says_what_is_missing() {
        let bytes = full(&[]);
        assert_eq!(RtpPacket::parse(&bytes[..11]), Err(RtpError::HeaderTruncated { len: 11 }));
        assert_eq!(RtpPacket::parse(&bytes[..19]), Err(RtpError::CsrcsTruncated { needed: 20, len: 19 }));
        assert_eq!(RtpPacket::parse(&bytes[..23]), Err(RtpError::ExtensionTruncated { needed: 24, len: 23 }));
        assert_eq!(RtpPacket::parse(&bytes[..27]), Err(RtpError::ExtensionTruncated { needed: 28, len: 27 }));
        assert_eq!(RtpPacket::parse(b"RTSP/1.0 200 OK"), Err(RtpError::Version { version: 1 }));
    }

    #[test]
    fn tells_rtcp_from_rtp() {
        assert!(is_rtcp(&[0x80, 200, 0, 6]));
        assert!(is_rtcp(&[0x81, 207, 0, 6]));
        assert!(!is_rtcp(&DSS));
        assert!(!is_rtcp(&[0x80, 199, 0, 6]));
        assert!(!is_rtcp(&[0x00, 200, 0, 6]));
        assert!(!is_rtcp(&[0x80, 200]));
    }

    proptest! {
        #[test]
        fn the_parts_add_up(mut bytes in prop::collection::vec(any::<u8>(), 0..200), first: u8) {
            // Random bytes seldom have version 2: help half of them over it.
            if let Some(byte) = bytes.first_mut() {
                *byte = 0x80 | (first & 0x3f);
            }
            let _ = is_rtcp(&bytes);
            if let Ok(packet) = RtpPacket::parse(&bytes) {
                let extension = packet.extension().map_or(0, |(_, data)| data.len() + 4);
                let parts = 12 + packet.csrcs().count() * 4 + extension + packet.payload().len() + packet.padding_len();
                prop_assert_eq!(parts, bytes.len());
            }
        }

        /// Wherever a packet is cut, what is still told is what the whole packet tells.
        #[test]
        fn a_cut_changes_nothing_that_is_told(mut bytes in prop::collection::vec(any::<u8>(), 13..200), at: prop::sample::Index) {
            if let Some(byte) = bytes.first_mut() {
                *byte = 0x80 | (*byte & 0x3f);
            }
            let at = 12 + at.index(bytes.len() - 12);
            match (RtpPacket::parse(&bytes), RtpPacket::parse_cut(&bytes[..at], bytes.len() - at)) {
                (Ok(whole), Ok(cut)) => {
                    prop_assert_eq!((whole.sequence(), whole.ssrc()), (cut.sequence(), cut.ssrc()));
                    prop_assert!(cut.payload_len().is_none_or(|len| len == whole.payload().len()));
                    let padded = bytes[0] & 0x20 != 0;
                    prop_assert!(padded || whole.payload().starts_with(cut.payload()));
                }
                (Err(whole), cut) => prop_assert!(cut.is_ok_and(|cut| cut.payload_len().is_none()) || cut == Err(whole)),
                (Ok(_), Err(cut)) => prop_assert!(false, "{}", cut),
            }
        }

        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..64), missing: usize) {
            let _ = RtpPacket::parse(&bytes);
            let _ = RtpPacket::parse_cut(&bytes, missing);
            let _ = is_rtcp(&bytes);
        }
    }
}
