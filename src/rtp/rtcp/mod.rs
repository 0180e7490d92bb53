//! RTCP (RFC 3550, section 6) as views over a compound packet's bytes.

use std::iter;

use byteorder::{ByteOrder, NetworkEndian, ReadBytesExt};

use crate::fields::be16;

pub mod compose;
mod reports;
mod sdes;

pub(crate) use reports::{LEAST_LOST, MOST_LOST};
pub use reports::{ReceiverReport, ReportBlock, SenderReport};
pub use sdes::{SdesChunk, SourceDescription};

/// RFC 3550, section 12.1.
pub(crate) mod packet_type {
    pub(crate) const SENDER_REPORT: u8 = 200;
    pub(in crate::rtp) const RECEIVER_REPORT: u8 = 201;
    pub(in crate::rtp) const SOURCE_DESCRIPTION: u8 = 202;
    pub(in crate::rtp) const GOODBYE: u8 = 203;
    pub(in crate::rtp) const APP: u8 = 204;
}

/// Why a compound packet can't be read on. Each names the byte, from the start of the compound, where the packet that
/// is wrong begins; those before it have been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RtcpError {
    /// Fewer bytes than a header are left.
    #[error("RTCP ends in a stray {available} bytes at byte {offset}")]
    HeaderTruncated {
        /// Where the packet begins.
        offset: usize,
        /// Bytes that are left.
        available: usize,
    },
    /// The version field is not 2.
    #[error("RTCP version {version}, not 2, at byte {offset}")]
    Version {
        /// Where the packet begins.
        offset: usize,
        /// The two version bits.
        version: u8,
    },
    /// The length field promises more than there is.
    #[error("RTCP packet of type {packet_type} at byte {offset} needs {needed} bytes, {available} are there")]
    Truncated {
        /// Where the packet begins.
        offset: usize,
        /// Its packet type.
        packet_type: u8,
        /// Bytes it says it has.
        needed: usize,
        /// Bytes that are left.
        available: usize,
    },
    /// The length field leaves no room for the fields that the packet type has.
    #[error("RTCP packet of type {packet_type} at byte {offset} is too short with {len} bytes")]
    TooShort {
        /// Where the packet begins.
        offset: usize,
        /// Its packet type.
        packet_type: u8,
        /// Bytes it says it has.
        len: usize,
    },
}

impl RtcpError {
    /// Where the packet that is wrong begins, in bytes from the start of the compound.
    pub const fn offset(&self) -> usize {
        match *self {
            Self::HeaderTruncated { offset, .. }
            | Self::Version { offset, .. }
            | Self::Truncated { offset, .. }
            | Self::TooShort { offset, .. } => offset,
        }
    }
}

/// One packet of a compound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RtcpPacket<'a> {
    /// SR, packet type 200.
    SenderReport(SenderReport<'a>),
    /// RR, packet type 201.
    ReceiverReport(ReceiverReport<'a>),
    /// SDES, packet type 202.
    SourceDescription(SourceDescription<'a>),
    /// BYE, packet type 203.
    Goodbye(Goodbye<'a>),
    /// APP, packet type 204.
    App(App<'a>),
    /// Any other packet type, such as feedback (RFC 4585) and extended reports (RFC 3611).
    Other {
        /// The packet type.
        packet_type: u8,
        /// What follows the first four bytes.
        body: &'a [u8],
    },
}

/// The packets of a compound, one after the other. An error is the last item.
///
/// ```
/// use rtsp_rec::rtp::rtcp::{Compound, RtcpPacket};
///
/// // A receiver report without blocks, then BYE of the same source.
/// let bytes = [0x80, 201, 0, 1, 0, 0, 0, 7, 0x81, 203, 0, 1, 0, 0, 0, 7];
/// let mut packets = Compound::new(&bytes);
/// assert!(matches!(packets.next(), Some(Ok(RtcpPacket::ReceiverReport(report))) if report.ssrc() == 7));
/// assert!(matches!(packets.next(), Some(Ok(RtcpPacket::Goodbye(_)))));
/// assert!(packets.next().is_none());
/// // What is cut is told, behind what is whole.
/// assert!(matches!(Compound::new(&bytes[..12]).last(), Some(Err(_))));
/// ```
#[derive(Clone, Debug)]
pub struct Compound<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Compound<'a> {
    /// The packets in `bytes`: one interleaved frame's, or one datagram's, payload.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, offset: 0 }
    }

    fn read(&mut self) -> Result<RtcpPacket<'a>, RtcpError> {
        let (offset, available) = (self.offset, self.rest.len());
        let (Some(&[first, packet_type]), Some(len)) = (self.rest.first_chunk(), announced_len(self.rest)) else {
            return Err(RtcpError::HeaderTruncated { offset, available });
        };
        if first >> 6 != 2 {
            return Err(RtcpError::Version { offset, version: first >> 6 });
        }
        let Some((packet, rest)) = self.rest.split_at_checked(len) else {
            return Err(RtcpError::Truncated { offset, packet_type, needed: len, available });
        };
        let padded = first & 0x20 != 0 && rest.is_empty();
        let body = packet.get(4..).unwrap_or_default();
        let body = if padded { without_padding(body) } else { body };
        self.rest = rest;
        self.offset += len;
        RtcpPacket::read(packet_type, first & 0x1f, body).ok_or(RtcpError::TooShort { offset, packet_type, len })
    }
}

impl<'a> Iterator for Compound<'a> {
    type Item = Result<RtcpPacket<'a>, RtcpError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let packet = self.read();
        if packet.is_err() {
            self.rest = &[];
        }
        Some(packet)
    }
}

impl iter::FusedIterator for Compound<'_> {}

/// Bytes of the packet that `bytes` begin with, by the words behind the first one that its header counts (RFC 3550,
/// section 6.4.1).
pub(crate) fn announced_len(bytes: &[u8]) -> Option<usize> {
    be16(bytes, 2).map(|words| (usize::from(words) + 1) * 4)
}

/// Bytes of the packet that a compound's rest begins with, where it is there as a whole.
pub(super) fn packet_len(rest: &[u8]) -> Option<usize> {
    let version = rest.first()? >> 6;
    announced_len(rest).filter(|len| version == 2 && *len <= rest.len())
}

/// Only the last packet of a compound may be padded (RFC 3550, section 6.4.1). A count that can't be is no padding.
fn without_padding(body: &[u8]) -> &[u8] {
    let count = body.last().copied().map_or(0, usize::from);
    body.len().checked_sub(count).and_then(|len| body.get(..len)).unwrap_or(body)
}

impl<'a> RtcpPacket<'a> {
    /// `count` is the five bits behind the padding bit: a count of blocks, chunks or sources, or the subtype.
    fn read(packet_type: u8, count: u8, body: &'a [u8]) -> Option<Self> {
        Some(match packet_type {
            packet_type::SENDER_REPORT => Self::SenderReport(SenderReport::read(count, body)?),
            packet_type::RECEIVER_REPORT => Self::ReceiverReport(ReceiverReport::read(count, body)?),
            packet_type::SOURCE_DESCRIPTION => Self::SourceDescription(SourceDescription { count, body }),
            packet_type::GOODBYE => Self::Goodbye(Goodbye { count, body }),
            packet_type::APP => Self::App(App::read(count, body)?),
            _ => Self::Other { packet_type, body },
        })
    }
}

/// A goodbye (RFC 3550, section 6.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Goodbye<'a> {
    count: u8,
    body: &'a [u8],
}

impl<'a> Goodbye<'a> {
    /// The sources that leave.
    pub fn ssrcs(&self) -> impl Iterator<Item = u32> + use<'a> {
        self.body.chunks_exact(4).take(usize::from(self.count)).map(NetworkEndian::read_u32)
    }

    /// Why, as text that should be UTF-8.
    pub fn reason(&self) -> Option<&'a [u8]> {
        let (&len, text) = self.body.get(usize::from(self.count) * 4..)?.split_first()?;
        text.get(..usize::from(len)).filter(|reason| !reason.is_empty())
    }
}

/// An application's own packet (RFC 3550, section 6.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct App<'a> {
    /// Who sends it.
    pub ssrc: u32,
    /// Four characters that name the application, such as `qtsi`.
    pub name: [u8; 4],
    /// Five bits of the application's choice.
    pub subtype: u8,
    /// The application's data.
    pub data: &'a [u8],
}

impl<'a> App<'a> {
    fn read(subtype: u8, mut body: &'a [u8]) -> Option<Self> {
        let ssrc = body.read_u32::<NetworkEndian>().ok()?;
        let (&name, data) = body.split_first_chunk()?;
        Some(Self { ssrc, name, subtype, data })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::NtpTime;

    /// The compound that a Darwin Streaming Server 6.0.3 sends each 7 s: SR, SDES and APP `qtsi`.
    fn dss() -> Vec<u8> {
        let mut bytes = vec![0x80, 200, 0, 6, 0x00, 0xc1, 0xad, 0x9a, 0xee, 0xad, 0x24, 0x9f, 0x33, 0xb6, 0x45, 0xa1];
        bytes.extend([0x30, 0xfd, 0xcb, 0x7b, 0, 0, 0, 1, 0, 0, 0, 11]);
        bytes.extend([0x81, 202, 0, 6, 0x00, 0xc1, 0xad, 0x9a, 1, 14]);
        bytes.extend(b"QTSS1795335711\0\0\0\0");
        bytes.extend([0x80, 204, 0, 6, 0x00, 0xc1, 0xad, 0x9a]);
        bytes.extend(b"qtsi0123456789abcdef");
        bytes
    }

    pub(super) fn packets(bytes: &[u8]) -> Vec<Result<RtcpPacket<'_>, RtcpError>> {
        Compound::new(bytes).collect()
    }

    #[test]
    fn reads_a_compound() {
        let bytes = dss();
        let [Ok(RtcpPacket::SenderReport(sr)), Ok(RtcpPacket::SourceDescription(sdes)), Ok(RtcpPacket::App(app))] =
            packets(&bytes)[..]
        else {
            panic!("{:?}", packets(&bytes))
        };
        assert_eq!((sr.ssrc(), sr.rtp_timestamp()), (0x00c1_ad9a, 821_939_067));
        assert_eq!((sr.packet_count(), sr.octet_count(), sr.report_blocks().count()), (1, 11, 0));
        assert_eq!(sr.ntp(), NtpTime { seconds: 4_004_324_511, fraction: 0x33b6_45a1 });
        assert_eq!((sdes.cname(), sdes.cname_of(0)), (Some(&b"QTSS1795335711"[..]), None));
        assert_eq!((app.ssrc, &app.name, app.subtype, app.data.len()), (0x00c1_ad9a, b"qtsi", 0, 16));
    }

    #[test]
    fn a_bad_length_spares_the_packets_before_it() {
        let mut bytes = dss();
        bytes[31] = 60;
        let error = RtcpError::Truncated { offset: 28, packet_type: 202, needed: 244, available: bytes.len() - 28 };
        assert_eq!(packets(&bytes)[1..], [Err(error)]);
        assert_eq!(error.offset(), 28);
        let too_short = [0x80, 200, 0, 1, 0, 0, 0, 1, 0x80, 203, 0, 0];
        assert_eq!(packets(&too_short), [Err(RtcpError::TooShort { offset: 0, packet_type: 200, len: 8 })]);
        assert_eq!(packets(&[0x80, 200, 0]), [Err(RtcpError::HeaderTruncated { offset: 0, available: 3 })]);
        assert_eq!(packets(b"RTSP/1.0"), [Err(RtcpError::Version { offset: 0, version: 1 })]);
        assert_eq!(packets(&[]), []);
    }

    #[test]
    fn reads_goodbyes_and_drops_padding() {
        let bytes = b"\xa1\xcb\0\x04\0\0\0\x09\x03end\0\0\0\0\0\0\0\x04";
        let [Ok(RtcpPacket::Goodbye(bye))] = packets(bytes)[..] else { panic!("{:?}", packets(bytes)) };
        assert_eq!((bye.ssrcs().collect::<Vec<_>>(), bye.reason()), (vec![9], Some(&b"end"[..])));
        assert_eq!(bye.body.len(), 12);
        let bare = [0x80, 203, 0, 0, 0x80, 206, 0, 0];
        let [Ok(RtcpPacket::Goodbye(bye)), Ok(other)] = packets(&bare)[..] else { panic!("{:?}", packets(&bare)) };
        assert_eq!((bye.ssrcs().count(), bye.reason()), (0, None));
        assert_eq!(other, RtcpPacket::Other { packet_type: 206, body: &[] });
    }

    /// Reads all there is to read.
    fn walk(bytes: &[u8]) -> usize {
        Compound::new(bytes)
            .map(|packet| match packet {
                Ok(RtcpPacket::SenderReport(sr)) => sr.report_blocks().count(),
                Ok(RtcpPacket::ReceiverReport(rr)) => rr.report_blocks().count(),
                Ok(RtcpPacket::SourceDescription(sdes)) => {
                    sdes.cname().map_or(0, <[u8]>::len)
                        + sdes.chunks().map(|chunk| chunk.items().count()).sum::<usize>()
                }
                Ok(RtcpPacket::Goodbye(bye)) => bye.ssrcs().count() + bye.reason().map_or(0, <[u8]>::len),
                Ok(RtcpPacket::App(_) | RtcpPacket::Other { .. }) | Err(_) => 0,
            })
            .sum()
    }

    proptest! {
        #[test]
        fn never_panics(bytes: Vec<u8>, packet_type in 200..=205_u8, first: u8, body in prop::collection::vec(any::<u8>(), 0..80)) {
            walk(&bytes);
            let words = u8::try_from(body.len() / 4).unwrap();
            walk(&[&[0x80 | (first & 0x3f), packet_type, 0, words], &body[..], &[0; 4]].concat());
        }

        #[test]
        fn one_changed_byte_never_panics(at in 0..80_usize, byte: u8) {
            let mut bytes = dss();
            bytes[at] = byte;
            walk(&bytes);
        }
    }
}
