//! Who stopped the media of a track. The first that fits decides; docs/verdicts.md has the rules.

use crate::analysis::report_counts::SenderProgress;
use crate::analysis::verdicts::Cause;
use crate::time::Timestamp;

/// What the capture holds behind the last packet of a track.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct StopEvidence {
    /// Its media comes on the RTSP connection.
    pub(super) over_tcp: bool,
    pub(super) progress: Option<SenderProgress>,
    /// Its receiver reports later packets than the capture has.
    pub(super) heard_beyond: bool,
    /// For how many seconds another track went on, and what it is.
    pub(super) other: Option<(f64, &'static str)>,
    /// When the server last answered a request.
    pub(super) answered: Option<Timestamp>,
}

impl StopEvidence {
    /// Whether more was sent than came: then nobody fell silent.
    pub(super) const fn is_lost(&self) -> bool {
        self.heard_beyond || matches!(self.progress, Some(SenderProgress::GoesOn(_)))
    }

    /// The cause, how many packets are counted somewhere, and why in words; `last`: when the last packet came.
    pub(super) fn judge(&self, last: Timestamp) -> (Cause, u64, String) {
        let over_tcp = self.over_tcp;
        if self.heard_beyond && !over_tcp {
            let why = "its receiver reports later packets than the capture has";
            return (Cause::MissingInTheCapture, 0, why.to_owned());
        }
        match self.progress {
            Some(SenderProgress::GoesOn(packets)) if over_tcp => {
                let why =
                    format!("the sender reports count {packets} more: the server dropped them behind the counting");
                return (Cause::LostBeforeSending, packets, why);
            }
            Some(SenderProgress::GoesOn(packets)) => {
                return (Cause::LostOnTheWay, packets, format!("the sender reports count {packets} more"));
            }
            Some(SenderProgress::Stands(packets)) => {
                let why = format!("the sender reports stay at {packets} packets: the source gives nothing");
                return (Cause::NothingSent, 0, why);
            }
            None => {}
        }
        if let Some((seconds, name)) = self.other {
            let why = format!("{name} went on for {seconds:.1} s: the way was open");
            return (Cause::NothingSent, 0, why);
        }
        if let Some(answered) = self.answered.filter(|_| over_tcp) {
            let after = answered.seconds_since(last);
            let why = format!("the server answered {after:.1} s later, and TCP loses nothing: it sent no more");
            return (Cause::NothingSent, 0, why);
        }
        (Cause::MediaStopped, 0, "nothing tells why".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_decides() {
        let last = Timestamp::from_nanos(0);
        let none = StopEvidence::default();
        let tcp = StopEvidence { over_tcp: true, ..none };
        let counts = |progress| StopEvidence { progress: Some(progress), ..none };
        let (more, same) = (SenderProgress::GoesOn(25), SenderProgress::Stands(100));
        let other = Some((6.0, "audio"));
        let answered = Some(Timestamp::from_nanos(7_000_000_000));
        let all = [
            none,
            tcp,
            StopEvidence { heard_beyond: true, ..counts(more) },
            StopEvidence { heard_beyond: true, ..tcp },
            StopEvidence { other, ..counts(more) },
            StopEvidence { over_tcp: true, ..counts(more) },
            StopEvidence { other, ..counts(same) },
            StopEvidence { other, answered, ..none },
            StopEvidence { answered, ..none },
            StopEvidence { answered, ..tcp },
        ];
        let line = |evidence: &StopEvidence| {
            let (verdict, packets, why) = evidence.judge(last);
            format!("{} {packets}: {why}", verdict.as_str())
        };
        insta::assert_snapshot!(all.iter().map(line).collect::<Vec<_>>().join("\n"));
    }
}
