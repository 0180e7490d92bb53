//! The columns of `tcp`.

use crate::analysis::cell::{Millis, Seconds, Utc};
use crate::analysis::rows::column::row;

row! {
    /// One second of one direction of a TCP connection that carries RTSP, by the headers of its segments (RFC 9293).
    TcpRow {
        capture,
        /// Time of the second's first segment, in UTC. Seconds are those of UTC.
        time_utc: Utc,
        /// The same, since the first packet of the session that comes first.
        time_s ["s"]: Seconds,
        /// Number of the RTSP session in the capture, from 1; of several on one connection the first.
        session: usize,
        /// Address and port of the client on this connection.
        client: String,
        /// Address and port of the server on this connection.
        server: String,
        direction,
        /// Segments, with and without payload. What a mirror port put into the capture twice counts once.
        segments: u64,
        /// Payload of all of them, also of what was sent again.
        bytes ["bytes"]: u64,
        /// Segments that were sent again: Wireshark's `tcp.analysis.retransmission`.
        retransmitted_segments: u64,
        /// Payload of these.
        retransmitted_bytes ["bytes"]: u64,
        /// Acknowledgements that repeat the one before: Wireshark's `tcp.analysis.duplicate_ack`.
        duplicate_acks: u64,
        /// Blocks of selective acknowledgements (RFC 2018): what came behind a hole.
        sack_blocks: u64,
        /// Segments whose sender has no room: Wireshark's `tcp.analysis.zero_window`.
        zero_windows: u64,
        /// Segments that fill the window of their receiver: Wireshark's `tcp.analysis.window_full`; empty where the
        /// handshake, which has the scale of the window, is not in the capture.
        window_full: Option<u64>,
        /// The shortest time from a segment of this direction to its acknowledgement, both where the capture was taken.
        rtt_min_ms ["ms"]: Option<Millis>,
        /// The mean of these times.
        rtt_mean_ms ["ms"]: Option<Millis>,
        /// The most that was sent in this direction and not yet acknowledged.
        in_flight_max_bytes ["bytes"]: Option<u64>,
        /// Segments that a later one overtook: Wireshark's `tcp.analysis.out_of_order`.
        out_of_order_segments: u64,
        /// Wireshark's number of the second's first segment; empty if it is in a file before `capture`.
        first_frame_number: Option<u64>,
    }
}
