//! rtpdump, the format of rtptools: a text line, then each packet with its size and the milliseconds since the first.

use std::net::IpAddr;

use byteorder::{ByteOrder, NetworkEndian};

use crate::export::tracks::{MediaPacket, Track};
use crate::time::{NANOS_PER_SECOND, Timestamp};
use crate::trace::Direction;

/// Bytes of `RD_packet_t` before the packet.
const PACKET_HEADER: usize = 8;
/// Bytes of RTCP that may come before the first RTP packet tells who sends the track.
const MAX_EARLY: usize = 4 << 10;
const NANOS_PER_MILLI: i64 = 1_000_000;

/// One track on its way into a file.
#[derive(Debug, Default)]
pub struct RtpDump {
    started: Option<Timestamp>,
    /// Who sends its RTP packets.
    sender: Option<Direction>,
    early: Vec<(Timestamp, Direction, Vec<u8>)>,
    early_bytes: usize,
    /// RTP packets that were written.
    pub rtp_packets: u64,
    /// RTCP packets that were written.
    pub rtcp_packets: u64,
}

impl RtpDump {
    /// Appends what a packet adds to the file: nothing where the receiver sent it.
    pub fn packet(&mut self, track: &Track, packet: &MediaPacket<'_>, out: &mut Vec<u8>) {
        match self.sender {
            None if packet.rtcp => {
                self.early_bytes += packet.bytes.len();
                if self.early_bytes <= MAX_EARLY {
                    self.early.push((packet.at, packet.direction, packet.bytes.to_vec()));
                }
                return;
            }
            None => self.sender = Some(packet.direction),
            Some(_) => {}
        }
        for (at, direction, bytes) in std::mem::take(&mut self.early) {
            self.write(track, &MediaPacket { at, direction, rtcp: true, bytes: &bytes }, out);
        }
        self.write(track, packet, out);
    }

    fn write(&mut self, track: &Track, packet: &MediaPacket<'_>, out: &mut Vec<u8>) {
        if self.sender != Some(packet.direction) {
            return;
        }
        // The file can't tell of longer ones; over TCP there are none of RTP.
        let Ok(length) = u16::try_from(packet.bytes.len() + PACKET_HEADER) else { return };
        let started = *self.started.get_or_insert_with(|| {
            header(track, packet.at, out);
            packet.at
        });
        let millis = packet.at.nanos_since(started).max(0) / NANOS_PER_MILLI;
        let rtp_length = if packet.rtcp { 0 } else { length - 8 };
        let mut header = [0; PACKET_HEADER];
        NetworkEndian::write_u16(&mut header[0..2], length);
        NetworkEndian::write_u16(&mut header[2..4], rtp_length);
        NetworkEndian::write_u32(&mut header[4..8], u32::try_from(millis).unwrap_or(u32::MAX));
        out.extend(header);
        out.extend_from_slice(packet.bytes);
        *(if packet.rtcp { &mut self.rtcp_packets } else { &mut self.rtp_packets }) += 1;
    }
}

/// The text line and `RD_hdr_t`: whole seconds and microseconds, source address and port.
fn header(track: &Track, at: Timestamp, out: &mut Vec<u8>) {
    let (address, port) = (track.source.ip(), track.source.port());
    out.extend(format!("#!rtpplay1.0 {address}/{port}\n").into_bytes());
    let nanos = at.as_nanos().max(0);
    let times = [nanos / NANOS_PER_SECOND, nanos % NANOS_PER_SECOND / 1000];
    let mut header = [0; 16];
    NetworkEndian::write_u32_into(&times.map(|part| u32::try_from(part).unwrap_or(u32::MAX)), &mut header[0..8]);
    // There is no room for an IPv6 address.
    if let IpAddr::V4(address) = address {
        header[8..12].copy_from_slice(&address.octets());
    }
    NetworkEndian::write_u16(&mut header[12..14], port);
    out.extend(header);
}
