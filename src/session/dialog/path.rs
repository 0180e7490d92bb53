//! On what packets come, and what else they show of their track.

use crate::rtp::packet::{RtpPacket, is_rtcp};
use crate::rtp::rtcp::{Compound, RtcpPacket};
use crate::rtsp::demux::PduKind;
use crate::session::dialog::Setup;
use crate::trace::{Direction, Payload, UdpPath};

/// On what a packet came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MediaPath {
    /// An interleaved channel.
    Channel(u8),
    /// The UDP ports of a SETUP.
    Udp(UdpPath),
}

impl MediaPath {
    /// The path and the bytes of an event that is an RTP or RTCP packet, and how many more of them the capture cut off.
    pub fn of<'a>(payload: &Payload<'a>) -> Option<(Self, &'a [u8], usize)> {
        match *payload {
            Payload::Datagram { path, payload, missing, .. } => Some((Self::Udp(path), payload, missing)),
            Payload::Pdu(pdu) => match pdu.kind {
                PduKind::Interleaved { channel, payload } => Some((Self::Channel(channel), payload, 0)),
                PduKind::CutFrame { channel, payload, missing } => Some((Self::Channel(channel), payload, missing)),
                _ => None,
            },
            _ => None,
        }
    }

    /// The number in the column `channel` where no SETUP is known.
    pub const fn number(self) -> u16 {
        match self {
            Self::Channel(channel) => channel as u16,
            Self::Udp(path) => path.number(),
        }
    }

    /// Who sends, if that is not the other side of the dialogue.
    pub const fn stranger(self) -> Option<std::net::IpAddr> {
        match self {
            Self::Channel(_) => None,
            Self::Udp(path) => path.stranger,
        }
    }

    /// Whether a SETUP agreed upon it.
    pub(super) fn is_of(self, setup: &Setup) -> bool {
        match self {
            Self::Channel(channel) => setup.channels.is_some_and(|(rtp, rtcp)| channel == rtp || channel == rtcp),
            Self::Udp(path) => setup.path.is_some_and(|own| own.fits(path)),
        }
    }
}

/// What a packet shows of whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PacketSigns {
    /// On what it came.
    pub path: MediaPath,
    /// Who sent it.
    pub direction: Direction,
    /// Its payload type; RTCP has none.
    pub payload_type: Option<u8>,
    /// Its source; of RTCP the one that it speaks of.
    pub ssrc: Option<u32>,
    /// Its number, where its sender has another address than the server: it tells whether this is the media of PLAY.
    pub number: Option<u16>,
}

impl PacketSigns {
    /// Reads them off a packet. A receiver report speaks of the other side's source: its direction is that one's.
    pub fn new(path: MediaPath, direction: Direction, bytes: &[u8]) -> Self {
        if !is_rtcp(bytes) {
            let unread = Self { path, direction, payload_type: None, ssrc: None, number: None };
            return RtpPacket::parse(bytes).map_or(unread, |packet| Self::of_rtp(path, direction, &packet));
        }
        let (ssrc, direction) = match Compound::new(bytes).flatten().next() {
            Some(RtcpPacket::SenderReport(report)) => (Some(report.ssrc()), direction),
            Some(RtcpPacket::ReceiverReport(report)) => match report.report_blocks().next() {
                Some(block) => (Some(block.source_ssrc), direction.reverse()),
                None => (None, direction),
            },
            _ => (None, direction),
        };
        Self { path, direction, payload_type: None, ssrc, number: None }
    }

    /// Those of a report on this source.
    pub fn of_report(path: MediaPath, direction: Direction, ssrc: u32) -> Self {
        Self { path, direction, payload_type: None, ssrc: Some(ssrc), number: None }
    }

    /// Those of an RTP packet.
    pub fn of_rtp(path: MediaPath, direction: Direction, packet: &RtpPacket<'_>) -> Self {
        let number = path.stranger().map(|_| packet.sequence());
        Self { path, direction, payload_type: Some(packet.payload_type()), ssrc: Some(packet.ssrc()), number }
    }
}
