//! Faults in the headers: another source, other timestamps, no sender reports.

use super::plan::TrackPlan;
use super::random::stream_of;
use crate::rtp::edit::{
    ReportShift, map_ssrcs, set_ssrc, shift_sender_reports, shift_timestamp, without_sender_reports,
};
use crate::rtp::packet::RtpPacket;
use crate::rtp::payload_type::static_format;
use crate::rtp::rtcp::{Compound, RtcpPacket};
use crate::rtp::unwrap::Unwrapper;

/// The clock of a payload type that neither the description nor RFC 3551 explains: that of video.
const USUAL_RATE: u32 = 90_000;

/// Changes the headers of one track.
#[derive(Debug)]
pub(super) struct Rewriter {
    ssrc_rng: fastrand::Rng,
    /// Changes made so far, and what the SSRC is combined with since.
    ssrc_changes: usize,
    ssrc_mask: u32,
    jumps: usize,
    jumped_nanos: i64,
    /// The recorded timestamps, and the first of them.
    timestamps: Unwrapper<u32>,
    first: Option<i64>,
    rate: u32,
}

impl Rewriter {
    pub(super) fn new(seed: u64, track: usize) -> Self {
        Self {
            ssrc_rng: stream_of(seed, track, "ssrc-change"),
            ssrc_changes: 0,
            ssrc_mask: 0,
            jumps: 0,
            jumped_nanos: 0,
            timestamps: Unwrapper::default(),
            first: None,
            rate: USUAL_RATE,
        }
    }

    pub(super) fn rtp(&mut self, plan: &TrackPlan, after: i64, bytes: &mut [u8]) {
        let Ok(packet) = RtpPacket::parse(bytes) else { return };
        self.rate = rate_of(plan, packet.payload_type());
        while plan.ssrc_changes.get(self.ssrc_changes).is_some_and(|at| *at <= after) {
            self.ssrc_changes += 1;
            self.ssrc_mask ^= self.ssrc_rng.u32(1..);
        }
        let before = self.timestamps.last();
        let extended = self.timestamps.extend(packet.timestamp());
        self.first.get_or_insert(extended);
        // The packets of one picture share a timestamp: they jump together.
        if before != Some(extended) {
            while let Some((_, by)) = plan.jumps.get(self.jumps).filter(|(at, _)| *at <= after) {
                self.jumps += 1;
                self.jumped_nanos = self.jumped_nanos.saturating_add(*by);
            }
        }
        let (ssrc, shift) = (packet.ssrc() ^ self.ssrc_mask, self.shift(plan, extended));
        set_ssrc(bytes, ssrc);
        shift_timestamp(bytes, shift);
    }

    pub(super) fn rtcp(&mut self, plan: &TrackPlan, bytes: &mut Vec<u8>) {
        let report = Compound::new(bytes).flatten().find_map(|packet| match packet {
            RtcpPacket::SenderReport(report) => Some(report.rtp_timestamp()),
            _ => None,
        });
        if let Some(timestamp) = report {
            let rtp_timestamp = self.shift(plan, self.timestamps.peek(timestamp));
            shift_sender_reports(bytes, &ReportShift { rtp_timestamp, ..ReportShift::default() });
        }
        if self.ssrc_mask != 0 {
            map_ssrcs(bytes, |ssrc| ssrc ^ self.ssrc_mask);
        }
        if plan.no_sender_reports {
            let len = without_sender_reports(bytes);
            bytes.truncate(len);
        }
    }

    /// Ticks to add to a timestamp, modulo 2^32.
    fn shift(&self, plan: &TrackPlan, extended: i64) -> u32 {
        let jumped = i128::from(self.jumped_nanos) * i128::from(self.rate) / 1_000_000_000;
        let since_first = self.first.map_or(0, |first| extended.wrapping_sub(first));
        let drifted = plan.drift.map_or(0, |drift| drift.of(since_first));
        u32::try_from((jumped - i128::from(drifted)).rem_euclid(1 << 32)).unwrap_or(0)
    }
}

fn rate_of(plan: &TrackPlan, payload_type: u8) -> u32 {
    let announced = plan.clock_rates.iter().find(|(number, _)| *number == payload_type).map(|(_, rate)| *rate);
    announced.or_else(|| static_format(payload_type).map(|format| format.clock_rate_hz)).unwrap_or(USUAL_RATE)
}
