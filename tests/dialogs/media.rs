//! Makes the media of a recorded session anew: RTP frames that count on from where they began, and the recorded RTCP.

use std::collections::VecDeque;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::transcript::{Oddity, Transcript, number_behind};

/// An RTP packet that ends with these payload bytes must not confuse anybody.
const BAIT: &[u8] = b"$\x00\x00\x04RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n";

/// The frames of a session.
pub(crate) struct Media {
    channels: Vec<Rtp>,
    /// The first frame of each channel and the RTCP, in their recorded order.
    opening: VecDeque<Opening>,
    byes: Vec<Vec<u8>>,
    next: usize,
}

enum Opening {
    Rtp(usize),
    Rtcp(Vec<u8>),
}

/// An RTP stream.
#[derive(Clone, Debug)]
pub(crate) struct Rtp {
    pub(crate) channel: u8,
    pub(crate) payload_type: u8,
    pub(crate) ssrc: u32,
    pub(crate) first_seq: u16,
    timestamp: u32,
    sent: u16,
    oddities: Vec<Oddity>,
}

/// A sender report of a transcript.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) channel: u8,
    pub(crate) ssrc: u32,
    pub(crate) ntp: (u32, u32),
    pub(crate) rtp: u32,
    pub(crate) packets: u32,
    pub(crate) octets: u32,
}

impl Media {
    /// The media of a transcript.
    pub(crate) fn new(transcript: &Transcript) -> Self {
        let channels: Vec<Rtp> =
            transcript.rtp.iter().map(|line| Rtp::parse(line).with(&transcript.oddities)).collect();
        let is_bye = |line: &&String| line.contains("BYE(");
        let rtp = transcript.rtp.iter().enumerate().map(|(index, line)| (millis(line), Opening::Rtp(index)));
        let rtcp = transcript.rtcp.iter().filter(|line| !is_bye(line));
        let rtcp = rtcp.map(|line| (millis(line), Opening::Rtcp(rtcp_frame(line))));
        let mut opening: Vec<(u32, Opening)> = rtp.chain(rtcp).collect();
        opening.sort_by_key(|(at, _)| *at);
        Self {
            channels,
            opening: opening.into_iter().map(|(_, frame)| frame).collect(),
            byes: transcript.rtcp.iter().filter(is_bye).map(|line| rtcp_frame(line)).collect(),
            next: 0,
        }
    }

    /// The next frame; `None` where the session has no media.
    pub(crate) fn next_frame(&mut self) -> Option<Vec<u8>> {
        match self.opening.pop_front() {
            Some(Opening::Rtcp(frame)) => return Some(frame),
            Some(Opening::Rtp(index)) => return Some(self.channels[index].next_frame()),
            None => {}
        }
        let count = self.channels.len().max(1);
        let frame = self.channels.get_mut(self.next % count)?.next_frame();
        self.next += 1;
        Some(frame)
    }

    /// How many frames make a round.
    pub(crate) fn round(&self) -> usize {
        self.channels.len()
    }

    /// The BYEs that have not been sent.
    pub(crate) fn take_byes(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.byes)
    }
}

impl Rtp {
    /// A line like ` ch 0: n=9 bytes=900 first@+0.001s pt={96: 9} ssrc=['587ffa3b'] seq 7..15 gaps=0 ts 90..450 `.
    pub(crate) fn parse(line: &str) -> Self {
        Self {
            channel: number_behind(line, "ch "),
            payload_type: number_behind(line, "pt={"),
            ssrc: hex(line, "ssrc=['"),
            first_seq: number_behind(line, "seq "),
            timestamp: number_behind(line, " ts "),
            sent: 0,
            oddities: Vec::new(),
        }
    }

    fn with(self, oddities: &[Oddity]) -> Self {
        Self { oddities: oddities.to_vec(), ..self }
    }

    fn is(&self, oddity: Oddity) -> bool {
        self.oddities.contains(&oddity)
    }

    /// `$`, channel, length and a packet; its length and content depend on its number alone.
    fn next_frame(&mut self) -> Vec<u8> {
        let (flags, extension, padding) = self.extras();
        let marker = if self.sent % 4 == 3 && !self.is(Oddity::NoMarker) { 0x80 } else { 0 };
        let ssrc = if self.is(Oddity::NewSsrc) { self.ssrc + u32::from(self.sent / 20) } else { self.ssrc };
        let mut packet = vec![0x80 | flags, marker | self.payload_type];
        packet.extend_from_slice(&self.first_seq.wrapping_add(self.sent).to_be_bytes());
        packet.extend_from_slice(&self.timestamp_now().to_be_bytes());
        packet.extend_from_slice(&ssrc.to_be_bytes());
        packet.extend_from_slice(extension);
        if !(self.is(Oddity::EmptyPayloads) && self.sent % 4 == 2) {
            // As H.264 has it: the header of a slice, whatever it holds.
            packet.push(0x41);
            packet.extend((0..self.sent * 37 % 1400).map(|byte| byte.to_le_bytes()[0]));
            // Where the place in the stream is lost, the bait would be taken for what it looks like.
            packet.extend_from_slice(if self.is(Oddity::CutFrames) { &[7; 33] } else { BAIT });
        }
        packet.extend_from_slice(padding);
        self.sent += 1;
        frame(self.channel, &packet)
    }

    /// Flags of the first byte, what stands behind the header, and what behind the payload.
    fn extras(&self) -> (u8, &'static [u8], &'static [u8]) {
        if self.is(Oddity::Padding) {
            (0x20, &[], &[0, 0, 3])
        } else if self.is(Oddity::Extensions) {
            (0x10, &[0xbe, 0xde, 0, 1, 0x10, 7, 0, 0], &[])
        } else {
            (0, &[], &[])
        }
    }

    /// Four packets to a picture of 40 ms.
    fn timestamp_now(&self) -> u32 {
        let picture = u32::from(self.sent / 4);
        // Coded order: the picture that others are predicted from comes before them.
        let shown = if self.is(Oddity::BFrames) && self.payload_type >= 96 {
            [3, 1, 2].map(|at| picture / 3 * 3 + at)[picture as usize % 3]
        } else {
            picture
        };
        let reset = if self.is(Oddity::TimestampReset) && self.sent >= 20 { 3600 * 90_000 } else { 0 };
        self.timestamp.wrapping_add(shown * 3600).wrapping_sub(reset)
    }
}

impl Report {
    /// The sender reports of a transcript.
    pub(crate) fn all(transcript: &Transcript) -> Vec<Self> {
        transcript.rtcp.iter().filter(|line| line.contains("SR(")).map(|line| Self::parse(line)).collect()
    }

    fn parse(line: &str) -> Self {
        Self {
            channel: number_behind(line, " ch"),
            ssrc: hex(line, "ssrc="),
            ntp: if line.contains("ntp=now") { ntp_now() } else { ntp(line) },
            rtp: number_behind(line, "rtp="),
            packets: number_behind(line, "pkts="),
            octets: number_behind(line, "oct="),
        }
    }

    fn packet(&self) -> Vec<u8> {
        let words = [self.ssrc, self.ntp.0, self.ntp.1, self.rtp, self.packets, self.octets];
        rtcp_packet(0, 200, &words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>())
    }
}

fn ntp(line: &str) -> (u32, u32) {
    let seconds = number_behind(line, "ntp=");
    (seconds, hex(line, &format!("ntp={seconds}.")))
}

/// The time as NTP counts it, from 1900.
fn ntp_now() -> (u32, u32) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs();
    (u32::try_from(now + 2_208_988_800).expect("before 2036"), 0x8000_0000)
}

/// The frame of a line like ` +0.001 ch1 SR(ssrc=587ffa3b ...)+SDES(cname='x')+APP(b'qtsi')` or ` ... ch1 BYE(ssrc=...)`.
fn rtcp_frame(line: &str) -> Vec<u8> {
    if let Some((_, digits)) = line.split_once("HEX(") {
        let bytes: Vec<u8> = digits
            .trim_end_matches(')')
            .split(' ')
            .map(|byte| u8::from_str_radix(byte, 16).expect("hexadecimal"))
            .collect();
        return frame(number_behind(line, " ch"), &bytes);
    }
    let ssrc = hex(line, "ssrc=").to_be_bytes();
    let mut compound = Vec::new();
    if line.contains("SR(") {
        compound.extend(Report::parse(line).packet());
    }
    if let Some((_, cname)) = line.split_once("cname='") {
        let cname = cname.split('\'').next().unwrap_or_default();
        let length = u8::try_from(cname.len()).expect("short");
        compound.extend(rtcp_packet(1, 202, &[&ssrc[..], &[1, length], cname.as_bytes(), &[0]].concat()));
    }
    if let Some((_, name)) = line.split_once("APP(b'") {
        compound.extend(rtcp_packet(0, 204, &[&ssrc[..], &name.as_bytes()[..4]].concat()));
    }
    if line.contains("BYE(") {
        compound.extend(rtcp_packet(1, 203, &ssrc));
    }
    frame(number_behind(line, " ch"), &compound)
}

/// An RTCP packet, filled up with zeros to whole words.
fn rtcp_packet(count: u8, kind: u8, content: &[u8]) -> Vec<u8> {
    let words = u16::try_from(content.len().div_ceil(4)).expect("short");
    let mut packet = vec![0x80 | count, kind];
    packet.extend_from_slice(&words.to_be_bytes());
    packet.extend_from_slice(content);
    packet.resize(4 + usize::from(words) * 4, 0);
    packet
}

fn frame(channel: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).expect("a short packet").to_be_bytes();
    [&[b'$', channel], &length[..], payload].concat()
}

/// The hexadecimal number behind `mark`.
fn hex(line: &str, mark: &str) -> u32 {
    let rest = line.split_once(mark).map_or("", |(_, rest)| rest);
    let digits = rest.split(|letter: char| !letter.is_ascii_hexdigit()).next().unwrap_or_default();
    u32::from_str_radix(digits, 16).unwrap_or_else(|_| panic!("no hexadecimal number behind {mark:?} in {line:?}"))
}

/// Behind the first `+`, seconds as milliseconds.
fn millis(line: &str) -> u32 {
    number_behind::<u32>(line, "+") * 1000
        + number_behind::<u32>(line.split_once('+').map_or("", |(_, rest)| rest), ".")
}
