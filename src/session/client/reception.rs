//! How one source is received, as its receiver reports it (RFC 3550, section 6.4.1 and appendices A.1, A.3, A.8).

use crate::rtp::jitter::smoothed_sixteenths;
use crate::rtp::packet::RtpPacket;
use crate::rtp::rtcp::{LEAST_LOST, MOST_LOST, ReportBlock, SenderReport};
use crate::rtp::{MAX_DROPOUT, MAX_MISORDER};
use crate::time::{NANOS_PER_SECOND, Timestamp};

/// The statistics of one source.
#[derive(Debug)]
pub(super) struct Reception {
    pub(super) ssrc: u32,
    /// Numbers are extended by the cycles that were counted.
    base: u32,
    highest: u32,
    received: u32,
    /// The number that would confirm a restart.
    confirms: Option<u16>,
    /// Expected and received at the report before.
    prior: (u32, u32),
    payload_type: Option<u8>,
    clock_rate_hz: Option<u32>,
    /// Arrival minus timestamp of the packet before, in ticks.
    transit: Option<u32>,
    /// In sixteenths of a tick (appendix A.8).
    jitter: u32,
    /// The middle of the NTP time of the latest sender report, and when that came.
    report: Option<(u32, Timestamp)>,
    /// Something came since the report before.
    pub(super) heard: bool,
}

impl Reception {
    /// A source whose first sign has just come.
    pub(super) fn new(ssrc: u32) -> Self {
        Self {
            ssrc,
            base: 0,
            highest: 0,
            received: 0,
            confirms: None,
            prior: (0, 0),
            payload_type: None,
            clock_rate_hz: None,
            transit: None,
            jitter: 0,
            report: None,
            heard: false,
        }
    }

    /// Takes a packet; `rate` is asked for the clock rate of a payload type that is new.
    pub(super) fn packet(&mut self, at: Timestamp, packet: &RtpPacket<'_>, rate: impl FnOnce(u8) -> Option<u32>) {
        self.heard = true;
        if !self.count(packet.sequence()) {
            return;
        }
        if self.payload_type != Some(packet.payload_type()) {
            self.payload_type = Some(packet.payload_type());
            self.clock_rate_hz = rate(packet.payload_type());
            self.transit = None;
        }
        self.estimate(at, packet.timestamp());
    }

    /// Whether a sequence number counts (appendix A.1). What is known to be a source needs no probation.
    fn count(&mut self, number: u16) -> bool {
        if self.received == 0 {
            self.begin(number);
            return true;
        }
        let [_, _, a, b] = self.highest.to_be_bytes();
        let ahead = number.wrapping_sub(u16::from_be_bytes([a, b]));
        if ahead < MAX_DROPOUT {
            self.highest = self.highest.wrapping_add(u32::from(ahead));
        } else if ahead <= MAX_MISORDER.wrapping_neg() {
            if self.confirms.replace(number.wrapping_add(1)) != Some(number) {
                return false;
            }
            self.begin(number);
            return true;
        }
        self.received = self.received.wrapping_add(1);
        true
    }

    fn begin(&mut self, number: u16) {
        (self.base, self.highest, self.received) = (number.into(), number.into(), 1);
        (self.prior, self.confirms, self.transit) = ((0, 0), None, None);
    }

    /// Interarrival jitter (appendix A.8).
    fn estimate(&mut self, at: Timestamp, timestamp: u32) {
        let Some(rate) = self.clock_rate_hz else { return };
        let transit = ticks(at, rate).wrapping_sub(timestamp);
        let Some(before) = self.transit.replace(transit) else { return };
        self.jitter = smoothed_sixteenths(self.jitter, transit.wrapping_sub(before).cast_signed());
    }

    /// Takes a report of the source.
    pub(super) fn sender_report(&mut self, at: Timestamp, report: &SenderReport<'_>) {
        self.heard = true;
        self.report = Some((report.ntp().middle(), at));
    }

    /// What is reported now (appendix A.3). The next report's interval begins here.
    pub(super) fn report(&mut self, now: Timestamp) -> ReportBlock {
        self.heard = false;
        let (expected_before, received_before) = self.prior;
        let expected = match self.received {
            0 => 0,
            _ => self.highest.wrapping_sub(self.base).wrapping_add(1),
        };
        self.prior = (expected, self.received);
        let interval = i64::from(expected.wrapping_sub(expected_before));
        let lost = interval - i64::from(self.received.wrapping_sub(received_before));
        let fraction = if interval > 0 { lost.max(0) * 256 / interval } else { 0 };
        let cumulative = (i64::from(expected) - i64::from(self.received)).clamp(LEAST_LOST.into(), MOST_LOST.into());
        let (lsr, dlsr) = self.report.map_or((0, 0), |(lsr, at)| (lsr, fraction_of_seconds(now, at)));
        ReportBlock {
            source_ssrc: self.ssrc,
            fraction_lost: u8::try_from(fraction).unwrap_or(u8::MAX),
            cumulative_lost: i32::try_from(cumulative).unwrap_or(0),
            ext_highest_seq: self.highest,
            jitter: self.jitter >> 4,
            lsr,
            dlsr,
        }
    }
}

/// A time in ticks, modulo 2^32. Divides by constants only: it is asked for with each packet.
fn ticks(at: Timestamp, rate: u32) -> u32 {
    let (seconds, rest) = (at.as_nanos().div_euclid(NANOS_PER_SECOND), at.as_nanos().rem_euclid(NANOS_PER_SECOND));
    let rate = i64::from(rate);
    let ticks = seconds.wrapping_mul(rate).wrapping_add(rest * rate / NANOS_PER_SECOND);
    u32::try_from(ticks & 0xffff_ffff).unwrap_or(0)
}

/// Time since `earlier` in 1/65536 s.
fn fraction_of_seconds(now: Timestamp, earlier: Timestamp) -> u32 {
    let units = now.duration_since(earlier).as_nanos() * 65_536 / 1_000_000_000;
    u32::try_from(units).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::rtp::rtcp::{Compound, RtcpPacket};

    const START: Timestamp = Timestamp::from_nanos(1_795_332_904_000_000_000);

    fn rtp(sequence: u16, timestamp: u32) -> Vec<u8> {
        [&[0x80, 0], &sequence.to_be_bytes()[..], &timestamp.to_be_bytes(), &[0, 0, 0, 7, 1]].concat()
    }

    fn hear(reception: &mut Reception, at: Timestamp, sequence: u16, timestamp: u32) {
        let bytes = rtp(sequence, timestamp);
        reception.packet(at, &RtpPacket::parse(&bytes).unwrap(), |_| Some(8000));
    }

    /// The block after these numbers.
    fn numbers(reception: &mut Reception, numbers: impl IntoIterator<Item = u16>) -> ReportBlock {
        numbers.into_iter().for_each(|number| hear(reception, START, number, 0));
        reception.report(START)
    }

    #[test]
    fn loss_as_in_appendix_a_3() {
        let mut reception = Reception::new(7);
        let block = numbers(&mut reception, (100..200).filter(|number| number % 4 != 1));
        assert_eq!((block.fraction_lost, block.cumulative_lost, block.ext_highest_seq), (64, 25, 199));
        let block = numbers(&mut reception, 200..300);
        assert_eq!((block.fraction_lost, block.cumulative_lost), (0, 25), "none since the report before");
        let block = numbers(&mut reception, []);
        assert_eq!((block.fraction_lost, block.cumulative_lost), (0, 25), "nothing was expected");
        let block = numbers(&mut reception, [301]);
        assert_eq!((block.fraction_lost, block.cumulative_lost), (128, 26));
        let block = numbers(&mut reception, [301; 40]);
        assert_eq!((block.fraction_lost, block.cumulative_lost), (0, -14), "duplicates");
    }

    #[test]
    fn numbers_wrap_and_come_late() {
        let mut reception = Reception::new(7);
        let block = numbers(&mut reception, [65_534, 0, 65_535, 1]);
        assert_eq!((block.ext_highest_seq, block.cumulative_lost), (65_537, 0));
    }

    #[test]
    fn a_restart_has_to_be_confirmed() {
        let mut reception = Reception::new(7);
        let block = numbers(&mut reception, (0..50).chain([30_000]).chain(50..60));
        assert_eq!((block.ext_highest_seq, block.cumulative_lost), (59, 0), "one stray packet");
        let block = numbers(&mut reception, [30_000, 30_001, 30_002]);
        assert_eq!((block.ext_highest_seq, block.cumulative_lost, block.fraction_lost), (30_002, 0, 0));
    }

    #[test]
    fn jitter_as_in_appendix_a_8() {
        let mut reception = Reception::new(7);
        for number in 0..200_u16 {
            // Every other packet is 10 ms late: |D| is 80 ticks, to which the estimate comes close.
            let late = Duration::from_millis(if number % 2 == 1 { 10 } else { 0 });
            let at = START + Duration::from_millis(20) * u32::from(number) + late;
            hear(&mut reception, at, number, u32::from(number) * 160);
        }
        let jitter = reception.report(START).jitter;
        assert!((79..=80).contains(&jitter), "{jitter}: integers are rounded");
    }

    #[test]
    fn the_round_trip_can_be_computed() {
        // The example of section 6.4.1, figure 2: the report came 5.25 s before.
        let mut reception = Reception::new(7);
        let mut sr = vec![0x80, 200, 0, 6, 0, 0, 0, 7, 0xb4, 0x4d, 0xb7, 0x05, 0x20, 0, 0, 0];
        sr.extend([0; 12]);
        let Some(Ok(RtcpPacket::SenderReport(report))) = Compound::new(&sr).next() else { panic!("an SR") };
        reception.sender_report(START, &report);
        let block = reception.report(START + Duration::from_millis(5250));
        assert_eq!((block.lsr, block.dlsr), (0xb705_2000, 0x0005_4000));
    }

    proptest! {
        #[test]
        fn ticks_are_those_of_the_definition(nanos: i64, rate: u32) {
            let exact = (i128::from(nanos) * i128::from(rate)).div_euclid(i128::from(NANOS_PER_SECOND));
            prop_assert_eq!(i128::from(ticks(Timestamp::from_nanos(nanos), rate)), exact.rem_euclid(1 << 32));
        }

        #[test]
        fn what_is_lost_is_what_did_not_come(start: u16, came in prop::collection::vec(any::<bool>(), 1..500)) {
            let mut reception = Reception::new(7);
            let came = [&[true], &came[..], &[true]].concat();
            let sent = (0..).map(|step: u16| start.wrapping_add(step)).zip(&came);
            let block = numbers(&mut reception, sent.filter(|(_, came)| **came).map(|(number, _)| number));
            let lost = came.iter().filter(|came| !**came).count();
            prop_assert_eq!(block.cumulative_lost, i32::try_from(lost).unwrap());
            prop_assert_eq!(usize::from(block.fraction_lost), lost * 256 / came.len());
        }

        #[test]
        fn no_packets_panic(packets: Vec<(i64, u16, u32)>) {
            let mut reception = Reception::new(7);
            for (at, sequence, timestamp) in packets {
                hear(&mut reception, Timestamp::from_nanos(at), sequence, timestamp);
                reception.report(Timestamp::from_nanos(at));
            }
        }
    }
}
