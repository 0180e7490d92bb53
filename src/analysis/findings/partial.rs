//! What is said where a capture holds a part of a session only, or media that no SETUP or description in it named.

use crate::analysis::findings::{Finding, FindingCode, ProtocolChecks};
use crate::time::{NANOS_PER_SECOND, Timestamp};
use crate::trace::Direction;

/// Media this long after a TEARDOWN shows that the TEARDOWN did not end it.
const ENDING_NS: i64 = 5 * NANOS_PER_SECOND;

impl ProtocolChecks {
    /// The session was set up before the capture began, which is nobody's fault.
    #[cold]
    pub(in crate::analysis) fn begins_late(&mut self) -> Option<Finding> {
        // That is said at the end, and nothing is known to have been before.
        if self.only_side.is_some() {
            return None;
        }
        let detail = "the capture began when the session stood already: what was agreed upon before is not known";
        self.first(FindingCode::CaptureBeginsLate, 0)
            .then(|| Finding::new(FindingCode::CaptureBeginsLate, None, detail))
    }
}

impl ProtocolChecks {
    /// The capture lacks bytes of a direction that may have been messages.
    #[cold]
    pub(in crate::analysis) fn lacks(&mut self, direction: Direction, at: Timestamp) {
        if let Some(latest) = self.unheard.get_mut(direction.index()) {
            *latest = (*latest).max(Some(at));
        }
        self.set_unheard_last(direction, true);
    }

    /// A message of a direction came.
    pub(in crate::analysis) fn hears(&mut self, direction: Direction) {
        self.set_unheard_last(direction, false);
    }

    fn set_unheard_last(&mut self, direction: Direction, last: bool) {
        if let Some(known) = self.unheard_last.get_mut(direction.index()) {
            *known = last;
        }
    }

    /// Whether a TEARDOWN or BYE may be among the missing bytes, `last` being the time of the last media: no message of
    /// their direction came behind them, and media for a short time, or none.
    pub(in crate::analysis) fn may_have_ended(&self, last: Timestamp) -> bool {
        let lacks = |direction: Direction, behind_ns: i64| {
            let unheard = self.unheard.get(direction.index()).copied().flatten();
            let is_last = self.unheard_last.get(direction.index()).is_some_and(|is_last| *is_last);
            is_last && unheard.is_some_and(|at| last.nanos_since(at) < behind_ns)
        };
        lacks(Direction::ClientToServer, ENDING_NS) || lacks(Direction::ServerToClient, 0)
    }

    /// Whether it lacks bytes that may have been messages.
    pub(in crate::analysis) fn lacks_messages(&self) -> bool {
        self.unheard != [None; 2]
    }

    /// Whether a request, which went in this direction, may have an answer that the capture lacks.
    pub(in crate::analysis) fn may_have_been_answered(&self, direction: Direction, asked: Timestamp) -> bool {
        self.unheard.get(direction.reverse().index()).is_some_and(|latest| latest.is_some_and(|latest| latest >= asked))
    }
}

impl Finding {
    /// Half of a connection: requests without answers, or answers without requests; and so many packets of media that came
    /// beside it from who is not heard on it.
    #[cold]
    pub(in crate::analysis) fn one_direction(there: Direction, others_packets: u64) -> Self {
        let (there, lacking) = match there {
            Direction::ClientToServer => ("client", "server"),
            Direction::ServerToClient => ("server", "client"),
        };
        let media = match (others_packets, lacking) {
            (0, "server") => "; no media that the server sent was found".to_owned(),
            (0, _) => String::new(),
            (1, _) => format!("; 1 RTP packet that the {lacking} sent over UDP is in it"),
            (packets, _) => format!("; {packets} RTP packets that the {lacking} sent over UDP are in it"),
        };
        let detail = format!("of the RTSP connection the capture has only what the {there} sent{media}");
        Self::new(FindingCode::OneDirection, None, detail)
    }
}
