//! How TCP connections fare.

use std::io;
use std::time::Duration;

use crate::analysis::cell::{Fixed, Millis, Utc};
use crate::analysis::location::Location;
use crate::analysis::out::RowEmitter;
use crate::analysis::rows::{Row, Sink, Table, TcpRow};
use crate::trace::{ConnectionSecond, SegmentCounts};

impl<S: Sink> RowEmitter<S> {
    /// A second of a connection is over.
    pub(in crate::analysis) fn second(&mut self, place: Location, second: &ConnectionSecond) -> io::Result<()> {
        if !self.sink.wants(Table::Tcp) {
            return Ok(());
        }
        let SegmentCounts { round_trips, window_full, in_flight_max, .. } = second.counts;
        self.sink.row(&Row::Tcp(TcpRow {
            capture: &self.capture,
            time_utc: Utc(place.at),
            time_s: self.time_s(place.at),
            session: place.session,
            client: second.client.to_string(),
            server: second.server.to_string(),
            direction: place.direction,
            segments: second.counts.segments,
            bytes: second.counts.bytes,
            retransmitted_segments: second.counts.retransmitted_segments,
            retransmitted_bytes: second.counts.retransmitted_bytes,
            duplicate_acks: second.counts.duplicate_acks,
            sack_blocks: second.counts.sack_blocks,
            zero_windows: second.counts.zero_windows,
            window_full,
            rtt_min_ms: round_trips.shortest().map(in_millis),
            rtt_mean_ms: round_trips.mean().map(in_millis),
            in_flight_max_bytes: in_flight_max,
            out_of_order_segments: second.counts.out_of_order_segments,
            first_frame_number: place.frame_number,
        }))
    }
}

fn in_millis(time: Duration) -> Millis {
    Fixed(time.as_secs_f64() * 1000.0)
}
