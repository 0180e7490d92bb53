//! One RTP packet (RFC 3550, section 5.1) as a view over its bytes.

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
        Ok(Self { header, csrcs, extension, payload, padding_len })
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
        let [_, _, a, b, ..] = *self.header;
        u16::from_be_bytes([a, b])
    }

    /// The timestamp in ticks of the format's clock, which wraps at 2^32.
    #[inline]
    pub fn timestamp(&self) -> u32 {
        let [_, _, _, _, a, b, c, d, ..] = *self.header;
        u32::from_be_bytes([a, b, c, d])
    }

    /// The synchronization source: who sends this stream.
    #[inline]
    pub fn ssrc(&self) -> u32 {
        let [.., a, b, c, d] = *self.header;
        u32::from_be_bytes([a, b, c, d])
    }

    /// The contributing sources that a mixer lists, at most 15.
    pub fn csrcs(&self) -> impl Iterator<Item = u32> + use<'a> {
        self.csrcs.as_chunks().0.iter().map(|&csrc| u32::from_be_bytes(csrc))
    }

    /// The header extension (RFC 3550, section 5.3.1): its profile-defined 16 bits, and its data without the length.
    #[inline]
    pub fn extension(&self) -> Option<(u16, &'a [u8])> {
        self.extension
    }

    /// The payload, without padding. May be empty.
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
        first & 0x20 == 0 || self.padding_len != 0
    }
}

/// The extension and what follows it. `len` is the size of the packet, for the error.
fn split_extension(bytes: &[u8], len: usize) -> Result<(Option<Extension<'_>>, &[u8]), RtpError> {
    let before = len - bytes.len();
    let Some((&[p, q, a, b], rest)) = bytes.split_first_chunk::<EXTENSION_HEADER_LEN>() else {
        return Err(RtpError::ExtensionTruncated { needed: before + EXTENSION_HEADER_LEN, len });
    };
    let data_len = usize::from(u16::from_be_bytes([a, b])) * 4;
    let Some((data, rest)) = rest.split_at_checked(data_len) else {
        return Err(RtpError::ExtensionTruncated { needed: before + EXTENSION_HEADER_LEN + data_len, len });
    };
    Ok((Some((u16::from_be_bytes([p, q]), data)), rest))
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

/// Whether a datagram of a client is meant only to let the media in through a NAT: an RTP packet of zeros without payload
/// (ffmpeg), or four bytes that are no RTP (live555, GStreamer).
#[inline]
pub fn is_nat_punch(payload: &[u8]) -> bool {
    const EMPTY: [u8; 12] = [0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    payload == EMPTY || payload.len() <= 4 && payload.first().is_none_or(|first| first >> 6 != 2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The first video packet of a Darwin Streaming Server: payload type 96, sequence number 8280.
    const DSS: [u8; 14] = [0x80, 0x60, 0x20, 0x58, 0x11, 0xcb, 0xad, 0x80, 0x68, 0x65, 0xee, 0x91, 0x67, 0x42];

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

        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = RtpPacket::parse(&bytes);
            let _ = is_rtcp(&bytes);
        }
    }
}
