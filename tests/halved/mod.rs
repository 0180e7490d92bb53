//! The second half of a capture alone, as somebody has it who came late.

use std::collections::BTreeMap;
use std::io::{self, Read};

use rtsp_rec::analysis::{Analyzer, AnalyzerOptions, Row, Sink, Table};
use rtsp_rec::capture::Source;
use rtsp_rec::capture::reader::{LinkType, read_packets};
use rtsp_rec::rtp::packet::{RtpPacket, is_rtcp};
use rtsp_rec::rtsp::demux::PduKind;
use rtsp_rec::trace::{Payload, Tap, TraceEvent};

/// So many interleaved packets of one source on one channel show RTSP to those who saw no message.
const ENOUGH: usize = 3;

/// How many RTP packets came of each SSRC.
type Packets = BTreeMap<u32, u64>;

/// A capture without what only its recorder could know: nothing but packets, and when they came.
struct Bare {
    link: LinkType,
    packets: Vec<(i64, Vec<u8>)>,
}

impl Bare {
    fn of(capture: impl Read) -> Self {
        let mut bare = Self { link: LinkType::ETHERNET, packets: Vec::new() };
        read_packets(capture, |packet| {
            bare.link = packet.link;
            bare.packets.push((packet.at.as_nanos(), packet.data.to_vec()));
            Ok(())
        })
        .unwrap();
        bare
    }

    /// A pcap file of the packets from this one on.
    fn from(&self, first: usize) -> Vec<u8> {
        let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
        let mut file = words(&[0xa1b2_3c4d, 0x0004_0002, 0, 0, 262_144, u32::from(self.link.0)]);
        for (at, packet) in self.packets.get(first..).unwrap_or_default() {
            let [seconds, nanos] = [at / 1_000_000_000, at % 1_000_000_000].map(|part| u32::try_from(part).unwrap());
            let len = u32::try_from(packet.len()).unwrap();
            file.extend(words(&[seconds, nanos, len, len]));
            file.extend(packet);
        }
        file
    }
}

/// What each session has behind a packet, told by those who have seen what came before.
#[derive(Default)]
struct Behind {
    first: u64,
    sessions: BTreeMap<usize, Rest>,
}

#[derive(Default)]
struct Rest {
    messages: usize,
    packets: Packets,
    /// How many interleaved packets came of each channel and SSRC.
    interleaved: BTreeMap<(u8, u32), usize>,
    /// Packets that junk came behind before anything showed what they are: nobody could place them.
    doubtful: Packets,
}

impl Rest {
    /// Who has only this can know that it is RTSP.
    fn shows_itself(&self) -> bool {
        self.messages > 0 || self.interleaved.values().any(|packets| *packets >= ENOUGH)
    }

    fn doubt(&mut self) {
        if !self.shows_itself() {
            self.interleaved.clear();
            self.doubtful.append(&mut self.packets);
        }
    }
}

/// The SSRC of an RTP packet.
fn source(payload: &[u8]) -> Option<u32> {
    RtpPacket::parse(payload).ok().filter(|_| !is_rtcp(payload)).map(|packet| packet.ssrc())
}

impl Tap for Behind {
    fn event(&mut self, event: &TraceEvent<'_>) -> io::Result<()> {
        if event.frame_number.is_none_or(|number| number <= self.first) {
            return Ok(());
        }
        let rest = self.sessions.entry(event.flow.session).or_default();
        let payload = match event.payload {
            Payload::Pdu(pdu) => match pdu.kind {
                PduKind::Message { .. } => {
                    rest.messages += 1;
                    return Ok(());
                }
                PduKind::Junk if pdu.raw.iter().all(u8::is_ascii_whitespace) => return Ok(()),
                PduKind::CutFrame { .. } | PduKind::Junk | PduKind::Gap { .. } => {
                    rest.doubt();
                    return Ok(());
                }
                PduKind::Interleaved { channel, payload } => {
                    if let Some(ssrc) = source(payload) {
                        *rest.interleaved.entry((channel, ssrc)).or_default() += 1;
                    }
                    payload
                }
            },
            Payload::Datagram { payload, .. } => payload,
            _ => return Ok(()),
        };
        if let Some(ssrc) = source(payload) {
            *rest.packets.entry(ssrc).or_default() += 1;
        }
        Ok(())
    }
}

/// What `analyze` tells of a capture.
#[derive(Default)]
struct Found {
    packets: Packets,
    messages: usize,
}

impl Sink for Found {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        match row {
            Row::Stream(row) => *self.packets.entry(row.ssrc.0).or_default() += row.packets,
            Row::Message(_) => self.messages += 1,
            _ => {}
        }
        Ok(())
    }

    fn wants(&self, table: Table) -> bool {
        matches!(table, Table::Streams | Table::Messages)
    }
}

/// What is in the second half of this capture is found without the first. Whether there is anything to be found.
#[track_caller]
pub(crate) fn check(name: &str, capture: impl Read) -> bool {
    let bare = Bare::of(capture);
    let half = bare.packets.len() / 2;
    let mut behind = Behind { first: u64::try_from(half).unwrap(), ..Behind::default() };
    Source::read(&bare.from(0)[..], &mut behind).unwrap();
    let mut analyzer = Analyzer::new(AnalyzerOptions::default(), Found::default());
    Source::read(&bare.from(half)[..], &mut analyzer).unwrap();
    let mut found = analyzer.finish().unwrap();

    let (mut wanted, mut doubtful) = (Found::default(), Packets::new());
    for rest in behind.sessions.into_values().filter(Rest::shows_itself) {
        wanted.messages += rest.messages;
        add(&mut wanted.packets, rest.packets);
        add(&mut doubtful, rest.doubtful);
    }
    let is_there = wanted.messages > 0 || !wanted.packets.is_empty();
    for (ssrc, packets) in &mut found.packets {
        let more = packets.saturating_sub(wanted.packets.get(ssrc).copied().unwrap_or_default());
        *packets -= more.min(doubtful.get(ssrc).copied().unwrap_or_default());
    }
    found.packets.retain(|_, packets| *packets > 0);
    assert_eq!(
        (found.messages, found.packets),
        (wanted.messages, wanted.packets),
        "{name}: messages, packets of each SSRC"
    );
    is_there
}

fn add(packets: &mut Packets, more: Packets) {
    for (ssrc, more) in more {
        *packets.entry(ssrc).or_default() += more;
    }
}
