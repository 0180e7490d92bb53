//! The columns of `findings` and `verdicts`.

use crate::analysis::cell::{Millis, Seconds, Ssrc, Utc};
use crate::analysis::findings::{FindingCode, Severity};
use crate::analysis::rows::column::row;
use crate::analysis::verdicts::{Cause, EventKind, FaultSide};
use crate::trace::Direction;

row! {
    /// Something odd. docs/findings.md lists the codes.
    FindingRow {
        capture,
        frame_number,
        time_utc,
        time_s,
        /// Number of the RTSP session in the capture, from 1.
        session: Option<usize>,
        track,
        /// `c2s` from client to server, `s2c` from server to client.
        direction: Option<Direction>,
        /// `error`, `warning` or `note`.
        severity: Severity,
        /// A stable word for what is odd; findings.md lists all.
        code: FindingCode,
        /// What is odd, in words.
        detail: &'a str,
        /// Position in this direction's TCP stream; + 1 is Wireshark's relative sequence number. From client to
        /// server in an HTTP tunnel, in chunks and in a WebSocket: how many bytes that were carried stand before it.
        stream_offset ["bytes"]: Option<u64>,
    }
}

row! {
    /// What a viewer may notice, and what the evidence says of its cause. docs/verdicts.md has the rules.
    VerdictRow {
        capture,
        /// Wireshark's number of the packet where it shows first: behind the gap or the silence; empty for what a
        /// stream shows as a whole.
        frame_number: Option<u64>,
        /// Arrival of that packet, in UTC.
        time_utc: Utc,
        /// The same, since the first packet of the session that comes first.
        time_s ["s"]: Seconds,
        session,
        /// Track; empty where it concerns the session.
        track: Option<usize>,
        /// Channel; empty where it concerns no single stream.
        channel: Option<u16>,
        /// `c2s` from client to server, `s2c` from server to client.
        direction: Option<Direction>,
        /// SSRC; empty where it concerns no single stream.
        ssrc: Option<Ssrc>,
        /// What a viewer can notice.
        event: EventKind,
        /// Cause of the event.
        verdict: Cause,
        /// Number of packets for a `gap`, else how often it was.
        count: u64,
        /// Wireshark's number of the packet where it shows last; empty if it is in a later file than `capture`.
        last_frame_number: Option<u64>,
        /// Arrival of that packet.
        last_time_s ["s"]: Seconds,
        /// Duration of the longest silence or freeze.
        duration_ms ["ms"]: Option<Millis>,
        /// The evidence, in words.
        detail: &'a str,
        /// Who has to look for the fault.
        side: FaultSide,
        /// Number of the incident in the session, from 1: events that overlap, or are at most 1 s apart, are one; empty for
        /// what lasts, and for what is counted from beginning to end.
        incident: Option<usize>,
        /// When it began: for a silence or a freeze the packet before it, of several the first.
        from_s ["s"]: Seconds,
        /// When it ended.
        to_s ["s"]: Seconds,
        /// Kind of media of the track, as the description has it: `video`, `audio`, `application`.
        media: Option<&'a str>,
        /// What to do next, in one sentence.
        advice: &'static str,
    }
}
