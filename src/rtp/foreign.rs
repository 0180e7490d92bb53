//! What comes on a path of media and is not meant as RTP: other protocols share ports with it (RFC 7983), and some servers
//! send MPEG-TS bare.

use std::fmt;

/// Bytes of a packet of MPEG-TS (ISO/IEC 13818-1, section 2.4.3.2).
pub const TS_PACKET: usize = 188;
/// What each begins with.
const TS_SYNC: u8 = 0x47;

/// A kind of packets that are no RTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ForeignPacket {
    /// MPEG-TS without RTP, as `MP2T/H2221/UDP` and `RAW/RAW/UDP` promise it.
    TransportStream,
    /// STUN (RFC 8489), which looks for the way through a NAT.
    Stun,
    /// DTLS (RFC 6347), which agrees upon the keys of SRTP.
    Dtls,
    /// ZRTP (RFC 6189), which does the same.
    Zrtp,
    /// Text, such as a keep-alive in datagrams.
    Text,
    /// Zeros, which keep a way through a NAT open.
    Zeros,
    /// A version that is not RTP's, and nothing that is known here.
    Unknown,
}

impl ForeignPacket {
    /// What a packet is that is no RTP. `None` where it has the version of RTP: it was meant as such.
    pub fn of(packet: &[u8]) -> Option<Self> {
        let (first, behind) = packet.split_first()?;
        Some(match first {
            0x80..=0xbf => return None,
            _ if is_transport_stream(packet) => Self::TransportStream,
            0..=3 if packet.get(4..8) == Some(&[0x21, 0x12, 0xa4, 0x42]) => Self::Stun,
            20..=63 if matches!(behind, [0xfe, 0xff | 0xfd | 0xfc, ..]) => Self::Dtls,
            0x10 if packet.get(4..8) == Some(b"ZRTP") => Self::Zrtp,
            0 if packet.iter().all(|byte| *byte == 0) => Self::Zeros,
            _ if packet.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\r' | b'\n' | b'\t')) => Self::Text,
            _ => Self::Unknown,
        })
    }
}

impl fmt::Display for ForeignPacket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TransportStream => "MPEG-TS without RTP",
            Self::Stun => "STUN",
            Self::Dtls => "DTLS",
            Self::Zrtp => "ZRTP",
            Self::Text => "text",
            Self::Zeros => "zeros",
            Self::Unknown => "packets of another version than RTP's",
        })
    }
}

fn is_transport_stream(packet: &[u8]) -> bool {
    let (packets, rest) = packet.as_chunks::<TS_PACKET>();
    rest.is_empty() && !packets.is_empty() && packets.iter().all(|[sync, ..]| *sync == TS_SYNC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds() {
        let ts: Vec<u8> =
            [[&[TS_SYNC, 1, 0, 0x10][..], &[9; 184]].concat(), [&[TS_SYNC, 1, 0, 0x11][..], &[9; 184]].concat()]
                .concat();
        let cases: [(&[u8], Option<ForeignPacket>); 10] = [
            (&ts, Some(ForeignPacket::TransportStream)),
            (&ts[..300], Some(ForeignPacket::Unknown)),
            (&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2], Some(ForeignPacket::Stun)),
            (&[22, 0xfe, 0xfd, 0, 0], Some(ForeignPacket::Dtls)),
            (b"\x10\0\0\x01ZRTP\0", Some(ForeignPacket::Zrtp)),
            (b"OPTIONS * RTSP/1.0\r\n", Some(ForeignPacket::Text)),
            (&[0; 8], Some(ForeignPacket::Zeros)),
            (&[0xc0, 1, 2, 3], Some(ForeignPacket::Unknown)),
            (&[0x80, 96, 0], None),
            (&[], None),
        ];
        for (packet, kind) in cases {
            assert_eq!(ForeignPacket::of(packet), kind, "{packet:?}");
        }
    }
}
