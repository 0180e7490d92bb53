//! What RTCP adds to the tables.

use std::io;

use crate::analysis::cell::{Fixed, Ssrc, Utc, ticks_ms};
use crate::analysis::findings::{Finding, FindingCode};
use crate::analysis::location::Location;
use crate::analysis::out::RowEmitter;
use crate::analysis::report_blocks::delay_s;
use crate::analysis::rows::{ReportBlockRow, Row, SenderReportRow, Sink};
use crate::analysis::session::Session;
use crate::rtp::rtcp::{Compound, ReportBlock, RtcpPacket, SenderReport};
use crate::session::dialog::{MediaPath, PacketSigns};

impl<S: Sink> RowEmitter<S> {
    pub(super) fn rtcp(
        &mut self,
        session: &mut Session,
        place: Location,
        path: MediaPath,
        payload: &[u8],
        cut: bool,
    ) -> io::Result<()> {
        if let Some(finding) = session.rtcp_channel_finding(path) {
            self.finding(place, &finding)?;
        }
        let signs = PacketSigns::new(path, place.direction, payload);
        let track = session.track_of(&signs);
        if session.dialog.secure_profile(track).is_some() || !cut && session.seems_encrypted(&signs, payload) {
            session.encrypted_report(place.at, &signs, payload);
            return Ok(());
        }
        let is_stranger = session.is_of_stranger(&signs);
        for packet in Compound::new(payload) {
            match packet {
                Ok(RtcpPacket::SenderReport(report)) if is_stranger => {
                    self.sender_report(session, place, path, payload, &report)?;
                }
                // What others say of media is not about this session's.
                Ok(_) if is_stranger => {}
                Ok(RtcpPacket::SenderReport(report)) => {
                    self.sender_report(session, place, path, payload, &report)?;
                    for block in report.report_blocks() {
                        session.reported(&place, path, report.ssrc(), &block);
                        self.report_block(session, place, path, report.ssrc(), &block)?;
                    }
                }
                Ok(RtcpPacket::ReceiverReport(report)) => {
                    if report.report_blocks().next().is_none() {
                        session.reported_nothing(&place, path, report.ssrc());
                    }
                    for block in report.report_blocks() {
                        session.reported(&place, path, report.ssrc(), &block);
                        self.report_block(session, place, path, report.ssrc(), &block)?;
                    }
                }
                Ok(RtcpPacket::SourceDescription(description)) => {
                    if !cut && let Some(finding) = session.watch.description(&description, track) {
                        self.finding(place, &finding)?;
                    }
                }
                Ok(RtcpPacket::Goodbye(goodbye)) => session.said_goodbye(&place, path, &goodbye),
                Ok(_) => {}
                // The capture has no more of it.
                Err(_) if cut => {}
                Err(error) => {
                    self.finding(place, &Finding::new(FindingCode::RtcpMalformed, track, error.to_string()))?;
                }
            }
        }
        Compound::new(payload).flatten().for_each(|packet| session.names(place.direction, path, &packet));
        Ok(())
    }

    fn sender_report(
        &mut self,
        session: &mut Session,
        place: Location,
        path: MediaPath,
        compound: &[u8],
        report: &SenderReport<'_>,
    ) -> io::Result<()> {
        session.recent.passed(place.direction, report.ntp().middle(), place.at);
        let Some((stream, interval_s, offset_ms)) =
            session.sender_report(place.at, place.direction, path, report, &mut self.budget)
        else {
            return Ok(());
        };
        let cname = cname_of(compound, report.ssrc()).or_else(|| stream.cname.clone());
        let (delay_ms, key) = (stream.delay_ms(), stream.key);
        let track_skew_ms = session.track_skew_ms(key, delay_ms, cname.as_deref());
        let index = session.known(&PacketSigns::of_report(path, place.direction, report.ssrc()));
        let Some(stream) = index.and_then(|index| session.streams.get(index)) else { return Ok(()) };
        let row = SenderReportRow {
            capture: &self.capture,
            frame_number: place.frame_number,
            time_utc: Utc(place.at),
            time_s: self.time_s(place.at),
            session: place.session,
            track: stream.key.track,
            channel: path.number(),
            direction: place.direction,
            ssrc: Ssrc(report.ssrc()),
            ntp_seconds: report.ntp().seconds,
            ntp_fraction: report.ntp().fraction,
            ntp_utc: report.ntp().to_timestamp().map(Utc),
            rtp_timestamp: report.rtp_timestamp(),
            sender_packets: report.packet_count(),
            sender_octets: report.octet_count(),
            interval_s: interval_s.map(Fixed),
            received_packets: stream.sequence.packets,
            received_octets: stream.payload_bytes,
            offset_ms: offset_ms.map(Fixed),
            cname: cname.as_deref(),
            delay_ms: delay_ms.map(Fixed),
            track_skew_ms: track_skew_ms.map(Fixed),
        };
        self.sink.row(&Row::SenderReport(row))?;
        if self.judges.is_some() {
            self.judge_report(session, place, path, report);
        }
        if self.findings {
            for finding in session.report_findings(place.at, place.direction, path, report) {
                self.finding(place, &finding)?;
            }
        }
        Ok(())
    }

    fn report_block(
        &mut self,
        session: &mut Session,
        place: Location,
        path: MediaPath,
        reporter: u32,
        block: &ReportBlock,
    ) -> io::Result<()> {
        // The block speaks of what the other side sends.
        let signs = PacketSigns::of_report(path, place.direction.reverse(), block.source_ssrc);
        let (rate, track) = (session.clock_rate_of(&signs), session.track_of(&signs));
        self.sink.row(&Row::ReportBlock(ReportBlockRow {
            capture: &self.capture,
            frame_number: place.frame_number,
            time_utc: Utc(place.at),
            time_s: self.time_s(place.at),
            session: place.session,
            track,
            channel: path.number(),
            direction: place.direction,
            reporter_ssrc: Ssrc(reporter),
            source_ssrc: Ssrc(block.source_ssrc),
            fraction_lost: block.fraction_lost,
            cumulative_lost: block.cumulative_lost,
            ext_highest_seq: block.ext_highest_seq,
            jitter_ticks: block.jitter,
            jitter_ms: rate.map(|rate| Fixed(ticks_ms(f64::from(block.jitter), rate))),
            lsr: block.lsr,
            dlsr_s: Fixed(delay_s(block)),
            rtt_ms: session.recent.round_trip_ms(place.direction, block, place.at).map(Fixed),
        }))
    }
}

/// The name that a source has in the same compound packet.
fn cname_of(compound: &[u8], ssrc: u32) -> Option<String> {
    Compound::new(compound).flatten().find_map(|packet| match packet {
        RtcpPacket::SourceDescription(description) => {
            description.cname_of(ssrc).map(|cname| String::from_utf8_lossy(cname).into_owned())
        }
        _ => None,
    })
}
