//! Who sends the streams of a session: its server, another source of it, or a stranger.

use crate::analysis::findings::{Finding, FindingCode};
use crate::analysis::session::Session;
use crate::analysis::stream::StreamState;
use crate::analysis::verdicts::SourceChange;
use crate::rtp::packet::RtpPacket;
use crate::rtp::rtcp::SenderReport;
use crate::session::dialog::announced::AnnouncedParts;
use crate::session::dialog::{MediaPath, PacketSigns};
use crate::time::Timestamp;
use crate::trace::Direction;

impl Session {
    /// What is odd about the report just taken.
    pub(in crate::analysis) fn report_findings(
        &mut self,
        at: Timestamp,
        direction: Direction,
        path: MediaPath,
        report: &SenderReport<'_>,
    ) -> Vec<Finding> {
        let index = self.known(&PacketSigns::of_report(path, direction, report.ssrc()));
        let Self { watch, streams, dialog, .. } = self;
        let Some(stream) = index.and_then(|index| streams.get(index)) else { return Vec::new() };
        match stream.key.stranger {
            None => watch.report(at, report, stream),
            // Of a server with several addresses reports may come before the media.
            Some(address) if dialog.has_sender(path) => {
                watch.stranger(address, stream.key.channel).into_iter().collect()
            }
            Some(_) => Vec::new(),
        }
    }

    /// Whether a packet is that of a stranger.
    pub(in crate::analysis) fn is_of_stranger(&mut self, signs: &PacketSigns) -> bool {
        signs.path.stranger().is_some() && !self.dialog.admits(signs)
    }

    /// Strangers of whom only reports came, on paths where nobody else sent.
    pub(in crate::analysis) fn reporting_strangers(&mut self) -> Vec<(Direction, Finding)> {
        let Self { watch, streams, .. } = self;
        let reporting = streams.iter().filter(|stream| stream.reports.count > 0);
        let found = |stream: &StreamState| {
            let finding = watch.stranger(stream.key.stranger?, stream.key.channel)?;
            Some((stream.key.direction, finding))
        };
        reporting.filter_map(found).collect()
    }

    /// The source before that of the stream that has just begun, unless a PLAY announced that media begins anew.
    #[cold]
    pub(in crate::analysis) fn take_source_change(
        &mut self,
        at: Timestamp,
        packet: &RtpPacket<'_>,
        found: &[Finding],
    ) -> Option<SourceChange> {
        let before = self.watch.changed.take()?;
        let finding = found.iter().find(|finding| finding.code == FindingCode::SsrcChange)?;
        let stream = self.streams.get_mut(before)?;
        if stream.announced.are_due(at, packet.sequence()) {
            stream.announced = AnnouncedParts::default();
            return None;
        }
        let (track, detail) = (finding.track, finding.detail.clone());
        Some(SourceChange { before, packets: stream.sequence.packets, track, detail })
    }
}
