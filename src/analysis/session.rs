//! One RTSP connection: its dialogue, and the streams that it carries.

use std::collections::HashMap;

use crate::analysis::rows::StreamRow;
use crate::analysis::stream::{Stream, StreamKey};
use crate::rtp::packet::RtpPacket;
use crate::rtp::rtcp::{RtcpPacket, SenderReport};
use crate::rtsp::message::Message;
use crate::session::Dialog;
use crate::session::dialog::Request;
use crate::time::Timestamp;
use crate::trace::{Direction, Flow};

/// Streams that one connection is allowed: a capture that changes its SSRC with each packet must not eat the memory.
const MAX_STREAMS: usize = 4096;

/// A connection under analysis.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) flow: Flow,
    pub(super) dialog: Dialog,
    pub(super) streams: Vec<Stream>,
    by_key: HashMap<StreamKey, usize>,
    /// For each channel the stream of its latest packet.
    latest: Box<[Option<usize>; 256]>,
    quantiles: bool,
}

impl Session {
    pub(super) fn new(flow: &Flow, quantiles: bool) -> Self {
        Self {
            flow: flow.clone(),
            dialog: Dialog::new(),
            streams: Vec::new(),
            by_key: HashMap::new(),
            latest: Box::new([None; 256]),
            quantiles,
        }
    }

    /// The session's URL without credentials.
    pub(super) fn url(&self) -> &str {
        self.dialog.url().unwrap_or(&self.flow.url)
    }

    /// Takes a message; gives the request that it answers. Streams on a channel that it sets up become its track's:
    /// some servers send before they answer SETUP.
    pub(super) fn message(&mut self, at: Timestamp, direction: Direction, message: &Message<'_>) -> Option<Request> {
        let set_up = self.dialog.setups().len();
        let request = self.dialog.observe(at, direction, message);
        if self.dialog.setups().len() != set_up {
            self.latest.fill(None);
            (0..self.streams.len()).for_each(|index| self.adopt(index));
        }
        request
    }

    /// Gives an unnamed stream to the track that has its channel by now, unless that has one of this source.
    fn adopt(&mut self, index: usize) {
        let Some(old) = self.streams.get(index).map(|stream| stream.key) else { return };
        let key = self.key(old.direction, old.channel, old.ssrc);
        if old.track.is_some() || self.by_key.contains_key(&key) {
            return;
        }
        self.by_key.remove(&old);
        self.by_key.insert(key, index);
        if let Some(stream) = self.streams.get_mut(index) {
            stream.name(key);
        }
    }

    /// Takes an RTP packet on a channel.
    pub(super) fn rtp(&mut self, at: Timestamp, direction: Direction, channel: u8, packet: &RtpPacket<'_>) {
        let Some(index) = self.stream(direction, channel, packet.ssrc()) else { return };
        let Self { dialog, streams, .. } = self;
        let Some(stream) = streams.get_mut(index) else { return };
        if stream.payload_type() != Some(packet.payload_type()) {
            let encoding = dialog.encoding(stream.key.track, packet.payload_type());
            stream.set_encoding(packet.payload_type(), encoding);
        }
        stream.packet(at, packet);
    }

    /// Takes a sender report; gives its stream, the seconds since the one before and the offset in milliseconds.
    pub(super) fn sender_report(
        &mut self,
        at: Timestamp,
        direction: Direction,
        channel: u8,
        report: &SenderReport<'_>,
    ) -> Option<(&mut Stream, Option<f64>, Option<f64>)> {
        let index = self.stream(direction, channel, report.ssrc())?;
        let Self { dialog, streams, .. } = self;
        let stream = streams.get_mut(index)?;
        let rate = stream.clock_rate_hz().or_else(|| announced_rate(dialog, stream.key.track));
        let (interval_s, offset_ms) = stream.reports.report(at, report, rate);
        Some((stream, interval_s, offset_ms))
    }

    /// The names of sources, from the source descriptions of a compound packet.
    pub(super) fn names(&mut self, direction: Direction, channel: u8, packet: &RtcpPacket<'_>) {
        let RtcpPacket::SourceDescription(description) = packet else { return };
        for chunk in description.chunks() {
            let Some(cname) = chunk.cname() else { continue };
            let key = self.key(direction, channel, chunk.ssrc());
            let stream = self.by_key.get(&key).and_then(|index| self.streams.get_mut(*index));
            if let Some(stream) = stream.filter(|stream| stream.cname.is_none()) {
                stream.cname = Some(String::from_utf8_lossy(cname).into_owned());
            }
        }
    }

    fn key(&self, direction: Direction, channel: u8, ssrc: u32) -> StreamKey {
        match self.dialog.channel(channel) {
            Some((setup, _)) => {
                let channel = setup.channels.map_or(channel, |(rtp, _)| rtp);
                StreamKey { track: setup.track, channel, direction, ssrc }
            }
            // By custom RTCP has the odd channel.
            None => StreamKey { track: None, channel: channel & !1, direction, ssrc },
        }
    }

    /// The place of a stream, which is made if it is new.
    fn stream(&mut self, direction: Direction, channel: u8, ssrc: u32) -> Option<usize> {
        let latest = self.latest.get(usize::from(channel)).copied().flatten();
        let same = |stream: &Stream| stream.key.ssrc == ssrc && stream.key.direction == direction;
        if let Some(index) = latest.filter(|index| self.streams.get(*index).is_some_and(same)) {
            return Some(index);
        }
        let key = self.key(direction, channel, ssrc);
        let index = match self.by_key.get(&key) {
            Some(index) => *index,
            None if self.streams.len() >= MAX_STREAMS => return None,
            None => {
                self.streams.push(Stream::new(key, self.quantiles));
                self.by_key.insert(key, self.streams.len() - 1);
                self.streams.len() - 1
            }
        };
        if let Some(latest) = self.latest.get_mut(usize::from(channel)) {
            *latest = Some(index);
        }
        Some(index)
    }

    /// The rows of the `streams` table.
    pub(super) fn rows<'a>(&'a self, capture: &'a str) -> impl Iterator<Item = StreamRow<'a>> {
        self.streams.iter().map(move |stream| {
            let media = self.dialog.media(stream.key.track).map(|media| media.kind.as_str());
            stream.row(capture, &self.flow, self.url(), media)
        })
    }
}

/// The clock rate of a track before its first packet came.
fn announced_rate(dialog: &Dialog, track: Option<usize>) -> Option<u32> {
    let payload_type = dialog.media(track)?.formats.first()?.payload_type;
    dialog.encoding(track, payload_type)?.clock_rate_hz
}
