//! RTCP (RFC 3550, section 6) as views over a compound packet's bytes.

use std::iter;

use crate::time::NtpTime;

/// Why a compound packet can't be read on. Each names the byte, from the start of the compound, where the packet that
/// is wrong begins; those before it have been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
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
        let &[first, packet_type, a, b, ..] = self.rest else {
            return Err(RtcpError::HeaderTruncated { offset, available });
        };
        if first >> 6 != 2 {
            return Err(RtcpError::Version { offset, version: first >> 6 });
        }
        let len = (usize::from(u16::from_be_bytes([a, b])) + 1) * 4;
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

/// Only the last packet of a compound may be padded (RFC 3550, section 6.4.1). A count that can't be is no padding.
fn without_padding(body: &[u8]) -> &[u8] {
    let count = body.last().copied().map_or(0, usize::from);
    body.len().checked_sub(count).and_then(|len| body.get(..len)).unwrap_or(body)
}

impl<'a> RtcpPacket<'a> {
    /// `count` is the five bits behind the padding bit: a count of blocks, chunks or sources, or the subtype.
    fn read(packet_type: u8, count: u8, body: &'a [u8]) -> Option<Self> {
        Some(match packet_type {
            200 => Self::SenderReport(SenderReport::read(count, body)?),
            201 => Self::ReceiverReport(ReceiverReport::read(count, body)?),
            202 => Self::SourceDescription(SourceDescription { count, body }),
            203 => Self::Goodbye(Goodbye { count, body }),
            204 => Self::App(App::read(count, body)?),
            _ => Self::Other { packet_type, body },
        })
    }
}

/// A sender report (RFC 3550, section 6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderReport<'a> {
    ssrc: u32,
    ntp: NtpTime,
    rtp_timestamp: u32,
    packet_count: u32,
    octet_count: u32,
    blocks: Blocks<'a>,
}

impl<'a> SenderReport<'a> {
    fn read(count: u8, mut body: &'a [u8]) -> Option<Self> {
        Some(Self {
            ssrc: take_u32(&mut body)?,
            ntp: NtpTime { seconds: take_u32(&mut body)?, fraction: take_u32(&mut body)? },
            rtp_timestamp: take_u32(&mut body)?,
            packet_count: take_u32(&mut body)?,
            octet_count: take_u32(&mut body)?,
            blocks: Blocks { count, bytes: body },
        })
    }

    /// Who reports.
    pub const fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Wall-clock time of the report; zero where the sender has none.
    pub const fn ntp(&self) -> NtpTime {
        self.ntp
    }

    /// The same instant on the clock of the RTP timestamps, in ticks.
    pub const fn rtp_timestamp(&self) -> u32 {
        self.rtp_timestamp
    }

    /// RTP packets sent so far, modulo 2^32.
    pub const fn packet_count(&self) -> u32 {
        self.packet_count
    }

    /// Payload bytes sent so far, without headers and padding, modulo 2^32.
    pub const fn octet_count(&self) -> u32 {
        self.octet_count
    }

    /// What the sender says of streams it receives; usually nothing.
    pub fn report_blocks(&self) -> impl Iterator<Item = ReportBlock> + use<'a> {
        self.blocks.iter()
    }
}

/// A receiver report (RFC 3550, section 6.4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiverReport<'a> {
    ssrc: u32,
    blocks: Blocks<'a>,
}

impl<'a> ReceiverReport<'a> {
    fn read(count: u8, mut body: &'a [u8]) -> Option<Self> {
        Some(Self { ssrc: take_u32(&mut body)?, blocks: Blocks { count, bytes: body } })
    }

    /// Who reports.
    pub const fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// One block for each stream received.
    pub fn report_blocks(&self) -> impl Iterator<Item = ReportBlock> + use<'a> {
        self.blocks.iter()
    }
}

/// Reception of one stream, as the reporter saw it (RFC 3550, section 6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportBlock {
    /// The stream reported on.
    pub source_ssrc: u32,
    /// Part of the packets lost since the report before, in 1/256.
    pub fraction_lost: u8,
    /// Packets lost since the beginning, 24 bits signed: duplicates make it negative.
    pub cumulative_lost: i32,
    /// Highest sequence number received, in the low 16 bits; cycles in the high 16.
    pub ext_highest_seq: u32,
    /// Interarrival jitter in ticks of the stream's clock.
    pub jitter: u32,
    /// Middle 32 bits of the NTP time of the last SR received; 0 without one.
    pub lsr: u32,
    /// Delay since that SR, in 1/65536 s; 0 without one.
    pub dlsr: u32,
}

impl ReportBlock {
    fn read(mut bytes: &[u8]) -> Option<Self> {
        let source_ssrc = take_u32(&mut bytes)?;
        let loss = take_u32(&mut bytes)?;
        let [fraction_lost, ..] = loss.to_be_bytes();
        Some(Self {
            source_ssrc,
            fraction_lost,
            // Up to the top and down again: the sign of 24 bits becomes that of 32.
            cumulative_lost: (loss << 8).cast_signed() >> 8,
            ext_highest_seq: take_u32(&mut bytes)?,
            jitter: take_u32(&mut bytes)?,
            lsr: take_u32(&mut bytes)?,
            dlsr: take_u32(&mut bytes)?,
        })
    }
}

/// Report blocks: those that the count names and the bytes hold. What follows is a profile's extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Blocks<'a> {
    count: u8,
    bytes: &'a [u8],
}

impl<'a> Blocks<'a> {
    fn iter(self) -> impl Iterator<Item = ReportBlock> + use<'a> {
        self.bytes.chunks_exact(24).take(usize::from(self.count)).filter_map(ReportBlock::read)
    }
}

/// A source description (RFC 3550, section 6.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceDescription<'a> {
    count: u8,
    body: &'a [u8],
}

/// Item type of the canonical name (RFC 3550, section 6.5.1).
const CNAME: u8 = 1;

impl<'a> SourceDescription<'a> {
    /// One chunk for each source. A chunk without its END item reaches to the end of the packet; the zeros that align
    /// the next one may be missing.
    pub fn chunks(&self) -> impl Iterator<Item = SdesChunk<'a>> + use<'a> {
        let mut rest = self.body;
        iter::from_fn(move || SdesChunk::take(&mut rest)).take(usize::from(self.count))
    }

    /// The canonical name of the first chunk that has one.
    pub fn cname(&self) -> Option<&'a [u8]> {
        self.chunks().find_map(|chunk| chunk.cname())
    }

    /// The canonical name of `ssrc`.
    pub fn cname_of(&self, ssrc: u32) -> Option<&'a [u8]> {
        self.chunks().filter(|chunk| chunk.ssrc == ssrc).find_map(|chunk| chunk.cname())
    }
}

/// What an SDES packet says of one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SdesChunk<'a> {
    ssrc: u32,
    items: &'a [u8],
}

impl<'a> SdesChunk<'a> {
    fn take(rest: &mut &'a [u8]) -> Option<Self> {
        let ssrc = take_u32(rest)?;
        let whole = *rest;
        while take_item(rest).is_some() {}
        let items = whole.get(..whole.len() - rest.len()).unwrap_or_default();
        // What stopped the reading is an END, or an item cut short: nothing can follow that.
        if rest.first() != Some(&0) {
            *rest = &[];
        }
        let to_boundary = 4 - items.len() % 4;
        let zeros = rest.iter().take(to_boundary).take_while(|&&byte| byte == 0).count();
        *rest = rest.get(zeros..).unwrap_or_default();
        Some(Self { ssrc, items })
    }

    /// The source described.
    pub const fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// The items: type (1 is CNAME, 2 NAME, ... RFC 3550, section 6.5) and text, which should be UTF-8.
    pub fn items(&self) -> impl Iterator<Item = (u8, &'a [u8])> + use<'a> {
        let mut rest = self.items;
        iter::from_fn(move || take_item(&mut rest))
    }

    /// The source's canonical name.
    pub fn cname(&self) -> Option<&'a [u8]> {
        self.items().find_map(|(kind, text)| (kind == CNAME).then_some(text))
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
        self.body.as_chunks().0.iter().take(usize::from(self.count)).map(|&ssrc| u32::from_be_bytes(ssrc))
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
        let ssrc = take_u32(&mut body)?;
        let (&name, data) = body.split_first_chunk()?;
        Some(Self { ssrc, name, subtype, data })
    }
}

fn take_u32(bytes: &mut &[u8]) -> Option<u32> {
    let (number, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(u32::from_be_bytes(*number))
}

/// The next SDES item; `None`, and nothing taken, at an END, at the end, or where the item is cut short.
fn take_item<'a>(bytes: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (&[kind, len], rest) = bytes.split_first_chunk()?;
    let (text, rest) = rest.split_at_checked(usize::from(len))?;
    if kind == 0 {
        return None;
    }
    *bytes = rest;
    Some((kind, text))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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

    fn packets(bytes: &[u8]) -> Vec<Result<RtcpPacket<'_>, RtcpError>> {
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

    /// One report block with three packets lost, as a negative number if `sign` is set.
    fn receiver_report(sign: u8) -> Vec<u8> {
        let mut bytes = vec![0x81, 201, 0, 7, 0, 0, 0, 1, 0, 0, 0, 2, 64, sign, sign, sign ^ 3];
        bytes.extend([0, 1, 0, 5, 0, 0, 0, 90, 0xb7, 0x05, 0x20, 0x00, 0, 5, 0x40, 0]);
        bytes
    }

    #[test]
    fn reads_report_blocks() {
        let bytes = receiver_report(0);
        let [Ok(RtcpPacket::ReceiverReport(rr))] = packets(&bytes)[..] else { panic!("{:?}", packets(&bytes)) };
        let block = ReportBlock {
            source_ssrc: 2,
            fraction_lost: 64,
            cumulative_lost: 3,
            ext_highest_seq: 0x0001_0005,
            jitter: 90,
            lsr: 0xb705_2000,
            dlsr: 0x0005_4000,
        };
        assert_eq!((rr.ssrc(), rr.report_blocks().collect::<Vec<_>>()), (1, vec![block]));
        let bytes = receiver_report(0xff);
        let [Ok(RtcpPacket::ReceiverReport(rr))] = packets(&bytes)[..] else { panic!("{:?}", packets(&bytes)) };
        assert_eq!(rr.report_blocks().next().unwrap().cumulative_lost, -4);
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
    fn a_count_beyond_the_packet_is_cut() {
        let mut bytes = receiver_report(0);
        bytes[0] = 0x9f;
        let [Ok(RtcpPacket::ReceiverReport(rr))] = packets(&bytes)[..] else { panic!("{:?}", packets(&bytes)) };
        assert_eq!(rr.report_blocks().count(), 1);
    }

    type Items = Vec<(u8, Vec<u8>)>;

    fn chunks(count: u8, body: &[u8]) -> Vec<(u32, Items)> {
        let items = |chunk: SdesChunk<'_>| chunk.items().map(|(kind, text)| (kind, text.to_vec())).collect();
        SourceDescription { count, body }.chunks().map(|chunk| (chunk.ssrc(), items(chunk))).collect()
    }

    #[test]
    fn reads_source_descriptions_with_and_without_end() {
        let one = |ssrc, text: &[u8]| (ssrc, vec![(CNAME, text.to_vec())]);
        let two = [one(7, b"ab"), one(8, b"c")];
        assert_eq!(chunks(2, b"\0\0\0\x07\x01\x02ab\0\0\0\0\0\0\0\x08\x01\x01c\0"), two, "as it should be");
        assert_eq!(
            chunks(2, b"\x01\0\0\x07\x01\x03abc\0\x01\0\0\x08\x01\x01c"),
            [one(0x0100_0007, b"abc"), one(0x0100_0008, b"c")],
            "not aligned"
        );
        assert_eq!(chunks(1, b"\0\0\0\x07\x01\x02ab"), two[..1], "no END");
        assert_eq!(chunks(1, b"\0\0\0\x07\x01\x02ab\x02\x09x"), two[..1], "item cut short");
        assert_eq!(chunks(3, b"\0\0\0\x07\0\0\0\0"), [(7, vec![])], "no items");
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
