//! What proves where the media of a silent track was lost. The first that fits decides; docs/verdicts.md has the rules.

use crate::analysis::unreachable::UnreachablePath;
use crate::analysis::verdicts::Cause;
use crate::trace::UnreachableReason;

/// What the capture holds about a track of which no packet came.
#[derive(Clone, Debug, Default)]
pub(super) struct SilenceEvidence {
    /// It should have come on the RTSP connection.
    pub(super) over_tcp: bool,
    /// Where it should have come, such as `UDP port 5000`.
    pub(super) route: String,
    /// Who should have sent it: `server` or `client`.
    pub(super) sender: &'static str,
    /// The highest sequence numbers that its receiver reported, first and last.
    pub(super) received: Option<(u32, u32)>,
    /// Its receiver reported, when media was long due, that nothing came.
    pub(super) denied: bool,
    pub(super) reports: Option<ReportedCounts>,
    /// ICMP errors about its datagrams.
    pub(super) refusal: Option<UnreachablePath>,
    /// RTP that came elsewhere: where, and how many packets.
    pub(super) elsewhere: Option<(String, u64)>,
    /// Bytes of the connection that the capture lacks, and that are neither a message nor a frame.
    pub(super) missing_bytes: u64,
    pub(super) junk_bytes: u64,
}

/// What the sender reports of a silent track counted meanwhile.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReportedCounts {
    /// How many reports came.
    pub(super) reports: u64,
    /// The packet count of the first of them, or of the last one before; `None` with a single report.
    pub(super) before: Option<u32>,
    /// That of the last.
    pub(super) last: u32,
}

impl SilenceEvidence {
    /// The cause, how many packets are counted somewhere, and why in words.
    pub(super) fn judge(&self) -> (Cause, u64, String) {
        let Self { route, sender, .. } = self;
        if let Some((first, last)) = self.received.filter(|_| !self.over_tcp) {
            let went_on = if first == last { String::new() } else { format!(", then {last}") };
            let went_on = format!("(highest sequence number {first}{went_on})");
            let why = format!("its receiver reports that packets came {went_on}: the capture lacks them");
            return (Cause::MissingInTheCapture, 0, why);
        }
        if self.over_tcp && self.missing_bytes > 0 {
            let why = format!("{} bytes of the connection are missing from the capture", self.missing_bytes);
            return (Cause::MissingInTheCapture, 0, why);
        }
        if let Some(path) = &self.refusal {
            return refused(path);
        }
        if let Some((place, packets)) = &self.elsewhere {
            let why = format!("{packets} packets of RTP came {place}, agreed was {route}");
            return (Cause::SentElsewhere, *packets, why);
        }
        if let Some(counts) = self.reports
            && let Some(judged) = self.by_counts(counts)
        {
            return judged;
        }
        if !self.over_tcp {
            let rtcp = self.only_rtcp();
            let why = if self.denied {
                format!(
                    "its receiver reports that nothing came: the {sender} sent nothing to {route}, or a firewall or NAT keeps it off{rtcp}"
                )
            } else {
                format!("a firewall or NAT may keep it off {route}, or the capture lacks it{rtcp}")
            };
            (Cause::NoMedia, 0, why)
        } else if self.junk_bytes > 0 {
            let why = format!("{} bytes came that are neither a message nor a frame", self.junk_bytes);
            (Cause::NoMedia, 0, why)
        } else {
            let why = format!("TCP loses nothing, so the {sender} sent nothing on {route}");
            (Cause::NothingSent, 0, why)
        }
    }

    /// What the sender says of itself. A single count above 0 tells nothing: it may be that of all receivers.
    fn by_counts(&self, counts: ReportedCounts) -> Option<(Cause, u64, String)> {
        let (sender, last) = (self.sender, counts.last);
        let sent = u64::from(last.wrapping_sub(counts.before.unwrap_or(last)));
        let stay = if counts.reports == 1 { "report stands" } else { "reports stay" };
        if sent > 0 {
            let verdict = if self.over_tcp { Cause::LostBeforeSending } else { Cause::LostOnTheWay };
            let where_to =
                if self.over_tcp { "it dropped them behind the counting" } else { "they were lost on the way" };
            return Some((verdict, sent, format!("the {sender}'s sender reports count {sent} packets: {where_to}")));
        }
        if last == 0 || counts.before.is_some() {
            let why = format!("the {sender}'s sender {stay} at {last} packets: its source gives nothing");
            return Some((Cause::NothingSent, 0, why));
        }
        None
    }

    fn only_rtcp(&self) -> String {
        self.reports
            .map_or_else(String::new, |counts| format!("; a sender report came and counts {} packets", counts.last))
    }
}

/// Who refuses the datagrams of a path.
pub(super) fn refused(path: &UnreachablePath) -> (Cause, u64, String) {
    let UnreachablePath { to, by, reason, count, .. } = path;
    let errors = if *count == 1 { "ICMP error" } else { "ICMP errors" };
    let said = format!("{count} {errors} of {by}, {reason}");
    match reason {
        UnreachableReason::Port => (Cause::NobodyListens, *count, format!("{said}: no program listens at {to}")),
        _ => (Cause::BlockedOnTheWay, *count, format!("{said}, on what is sent to {to}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;
    use crate::trace::Direction;

    fn udp() -> SilenceEvidence {
        SilenceEvidence { route: "UDP port 5000".to_owned(), sender: "server", ..SilenceEvidence::default() }
    }

    fn counts(reports: u64, before: Option<u32>, last: u32) -> SilenceEvidence {
        SilenceEvidence { reports: Some(ReportedCounts { reports, before, last }), ..udp() }
    }

    #[test]
    fn what_decides() {
        let tcp = || SilenceEvidence { over_tcp: true, route: "channel 0".to_owned(), ..udp() };
        let sent = counts(2, Some(0), 19).reports;
        let elsewhere = Some(("to UDP port 5002".to_owned(), 9));
        let refused = |reason| {
            let (at, to) = (Timestamp::default(), "10.0.0.1:5000".parse().unwrap());
            let (from, by) = ("10.0.0.2:6000".parse().unwrap(), "10.0.0.1".parse().unwrap());
            let direction = Direction::ClientToServer;
            let path = UnreachablePath { track: None, direction, from, to, by, reason, since: at, last: at, count: 3 };
            SilenceEvidence { refusal: Some(path), ..udp() }
        };
        let all = [
            udp(),
            refused(UnreachableReason::Port),
            refused(UnreachableReason::Prohibited),
            SilenceEvidence { received: Some((7, 19)), reports: sent, ..udp() },
            SilenceEvidence { elsewhere: elsewhere.clone(), reports: sent, ..udp() },
            SilenceEvidence { denied: true, ..udp() },
            SilenceEvidence { denied: true, reports: sent, ..udp() },
            counts(3, Some(10), 19),
            counts(3, Some(u32::MAX), 1),
            counts(3, Some(10), 10),
            counts(1, None, 0),
            counts(1, None, 10),
            tcp(),
            SilenceEvidence { received: Some((7, 19)), ..tcp() },
            SilenceEvidence { missing_bytes: 5, reports: sent, ..tcp() },
            SilenceEvidence { junk_bytes: 5, ..tcp() },
            SilenceEvidence { reports: sent, ..tcp() },
            SilenceEvidence { elsewhere, ..tcp() },
        ];
        let line = |evidence: &SilenceEvidence| {
            let (verdict, packets, why) = evidence.judge();
            format!("{} {packets}: {why}", verdict.as_str())
        };
        insta::assert_snapshot!(all.iter().map(line).collect::<Vec<_>>().join("\n"));
    }
}
