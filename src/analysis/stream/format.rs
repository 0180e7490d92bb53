//! What a stream's payload types mean: as described, as RFC 3551 has them, or as the packets show.

use crate::analysis::budget::Budget;
use crate::analysis::cell::millis;
use crate::analysis::location::Location;
use crate::analysis::media_clock::{ClockEvidence, MediaClock, about_hz};
use crate::analysis::rows::InferredColumns;
use crate::analysis::sequence::Status;
use crate::analysis::stream::{PacketFigures, SetupTime, StreamKey, StreamState};
use crate::analysis::undescribed::Undescribed;
use crate::rtp::packet::RtpPacket;
use crate::rtp::payload::PayloadFormat;
use crate::session::dialog::{Encoding, PayloadRole};

impl StreamState {
    /// Its track has become known, and with it what its payload types mean; or it turned out to be none of the track's.
    pub(in crate::analysis) fn name(&mut self, key: StreamKey) {
        self.key = key;
        self.inferred = None;
        self.inferred_rate = None;
        if key.track.is_some() {
            self.payload_type = None;
        } else {
            self.encoding = None;
        }
        self.clock = None;
    }

    /// Only reports came of it, and over UDP the capture may lack the port of its packets: which one that is was agreed upon
    /// before.
    pub(in crate::analysis) fn may_come_elsewhere(&self) -> bool {
        self.set_up == SetupTime::Before && self.sequence.packets == 0 && !self.is_over_tcp()
    }

    /// From here on packets have this payload type, which the session describes or not. The table shows the first one.
    pub(in crate::analysis) fn set_encoding(
        &mut self,
        payload_type: u8,
        encoding: Option<Encoding>,
        described: bool,
        budget: &mut Budget,
    ) {
        let clock_rate_hz = encoding.as_ref().and_then(|encoding| encoding.clock_rate_hz);
        if self.payload_type.is_none() {
            return self.begin_encoding(payload_type, encoding, described, budget);
        }
        if self.payload_type == Some(payload_type) && self.inferred.is_some() {
            return self.set_clock(payload_type, self.inferred_rate.or(self.described_rate()), self.payload_format());
        }
        let payload = encoding.as_ref().map(|encoding| encoding.payload).unwrap_or_default();
        self.set_clock(payload_type, clock_rate_hz, payload);
    }

    /// The first payload type; or it has become known what it means, also for packets that wait for that.
    #[cold]
    fn begin_encoding(&mut self, payload_type: u8, encoding: Option<Encoding>, described: bool, budget: &mut Budget) {
        self.payload_type = Some(payload_type);
        let clock_rate_hz = encoding.as_ref().and_then(|encoding| encoding.clock_rate_hz);
        // RFC 3551 knows the static ones.
        let known = !described && clock_rate_hz.is_some();
        self.inferred = InferredColumns::of(known, known);
        self.encoding.clone_from(&encoding);
        self.set_clock(payload_type, clock_rate_hz, self.payload_format());
        match self.undescribed.take() {
            Some(undescribed) if clock_rate_hz.is_some() => self.count_those_that_waited(*undescribed, budget),
            Some(undescribed) => self.undescribed = Some(undescribed),
            None if clock_rate_hz.is_none() && self.role != PayloadRole::Beside => {
                self.undescribed = Some(Box::new(Undescribed::new(payload_type, encoding)));
            }
            None => {}
        }
    }

    fn set_clock(&mut self, payload_type: u8, clock_rate_hz: Option<u32>, payload: PayloadFormat) {
        if self.clock_rate_hz().zip(clock_rate_hz).is_some_and(|(before, rate)| before != rate) {
            (self.media_clock, self.wrong_clock) = (MediaClock::default(), false);
        }
        self.clock = Some((payload_type, clock_rate_hz));
        if let Some(frames) = &mut self.frames {
            frames.set_format(payload);
        }
    }

    /// The rate at which timestamps really run, where that is another one than described.
    pub(in crate::analysis) fn wrong_clock_hz(&self) -> Option<f64> {
        let described = self.clock_rate_hz().filter(|_| !self.inferred.is_some_and(InferredColumns::has_clock_rate));
        let reported = self.reports.rate_hz();
        self.media_clock.wrong_hz(ClockEvidence { described, reported, on_demand: self.on_demand })
    }

    /// What is said of a clock whose rate is another one.
    pub(in crate::analysis) fn wrong_clock_detail(&self) -> Option<String> {
        let (hz, described) = self.wrong_clock_hz().zip(self.clock_rate_hz())?;
        Some(format!("timestamps run at about {} Hz, the description says {described}", about_hz(hz)))
    }

    /// Whether the clock of the packet just taken, which is so far off, may have another rate than described.
    pub(in crate::analysis) fn may_tick_otherwise(&self, figures: &PacketFigures) -> bool {
        let Some((passed, rate)) = figures.delta.zip(self.clock_rate_hz()) else { return false };
        let ticks = (millis(passed) - figures.difference_ms.unwrap_or(0.0)) * f64::from(rate) / 1e3;
        self.media_clock.may_explain(passed, ticks)
    }

    pub(super) fn described_rate(&self) -> Option<u32> {
        self.encoding.as_ref().and_then(|encoding| encoding.clock_rate_hz)
    }

    fn payload_format(&self) -> PayloadFormat {
        self.encoding.as_ref().map(|encoding| encoding.payload).unwrap_or_default()
    }

    /// Whether it is still open what the packets carry, which nothing describes.
    pub(in crate::analysis) fn is_open(&self) -> bool {
        self.undescribed.is_some()
    }

    /// Takes a packet of which it is not known yet what it carries.
    #[cold]
    pub(super) fn wait(
        &mut self,
        place: &Location,
        packet: &RtpPacket<'_>,
        figures: &PacketFigures,
        budget: &mut Budget,
    ) {
        let Some(undescribed) = &mut self.undescribed else { return };
        let before = undescribed.held();
        let goes_on = undescribed.wait(*place, packet, *figures);
        if !budget.waits(before, undescribed.held()) || !goes_on {
            self.settle(budget);
        }
    }

    /// No more will tell what the packets carry: those that waited are counted.
    pub(in crate::analysis) fn settle(&mut self, budget: &mut Budget) {
        let Some(undescribed) = self.undescribed.take() else { return };
        let concluded = undescribed.conclude();
        // What ciphertext seems to be is no encoding.
        if !(self.is_encrypted() && concluded.0.is_some()) {
            (self.encoding, self.inferred_rate, self.inferred) = concluded;
        }
        self.count_those_that_waited(*undescribed, budget);
    }

    fn count_those_that_waited(&mut self, undescribed: Undescribed, budget: &mut Budget) {
        budget.waits(undescribed.held(), 0);
        let own = (undescribed.payload_type(), self.described_rate().or(self.inferred_rate));
        let latest = self.clock.filter(|(payload_type, _)| *payload_type != own.0).unwrap_or(own);
        for waiting in undescribed.into_waiting() {
            let Some(packet) = waiting.packet() else { continue };
            self.set_clock_among(own, packet.payload_type());
            if waiting.figures.status != Status::Duplicate {
                self.pace(waiting.place.at, packet.timestamp(), &waiting.figures, budget);
            }
            self.add_to_frame(&waiting.place, &packet, &waiting.figures);
        }
        self.set_clock_among(own, latest.0);
    }

    /// The clock and format of a payload type: its own, or those of one that nothing is known of.
    fn set_clock_among(&mut self, own: (u8, Option<u32>), payload_type: u8) {
        if own.0 == payload_type {
            self.set_clock(payload_type, own.1, self.payload_format());
        } else {
            self.set_clock(payload_type, None, PayloadFormat::default());
        }
    }
}
