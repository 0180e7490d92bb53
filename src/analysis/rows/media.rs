//! The columns of `packets` and `frames`.

use crate::analysis::cell::{Millis, Seconds, Utc};
use crate::analysis::rows::column::row;
use crate::analysis::rows::words::{PacketStatus, PictureKind};

row! {
    /// One RTP packet.
    PacketRow {
        capture,
        frame_number,
        time_utc,
        time_s,
        session,
        track,
        channel,
        direction,
        ssrc,
        /// Payload type (5.1).
        payload_type: u8,
        /// Marker bit (5.1): 0 or 1.
        marker: u8,
        /// Sequence number (5.1).
        seq: u16,
        /// Sequence number, extended by the cycles since the last restart.
        ext_seq: i64,
        /// RTP timestamp (5.1).
        rtp_timestamp ["ticks"]: u32,
        /// RTP timestamp, extended to 64 bits by the shorter way round.
        ext_rtp_timestamp ["ticks"]: i64,
        /// RTP payload on the wire, without header and padding; empty where the capture cut off what tells its length.
        payload_bytes ["bytes"]: Option<usize>,
        /// Arrival - arrival of the packet before; empty for the first.
        delta_ms ["ms"]: Option<Millis>,
        /// Interarrival jitter *J* (6.4.1) after this packet; empty for the first, for duplicates, and without a
        /// clock rate.
        jitter_ms ["ms"]: Option<Millis>,
        /// Skew of this packet; empty for duplicates and without a clock rate.
        skew_ms ["ms"]: Option<Millis>,
        /// Sequence numbers skipped right before it.
        gap: u16,
        /// `ok`; `gap`: some were skipped before it; `reordered`; `duplicate`; `restart`: it jumped. A jump that the
        /// next packet does not confirm is marked as well, but not counted in `restarts`.
        status: PacketStatus,
    }
}

row! {
    /// One frame: what the packets of one RTP timestamp carry together.
    FrameRow {
        capture,
        /// Wireshark's number of the packet that came last.
        frame_number: Option<u64>,
        /// Arrival of the packet that came last, in UTC.
        time_utc: Utc,
        /// The same, since the first packet of the session that comes first.
        time_s ["s"]: Seconds,
        session,
        track,
        channel,
        direction,
        ssrc,
        /// Number of the frame, counted from 1 in its stream.
        frame: u64,
        /// Of a picture: `idr`, `i`, `p`, `b`, `other` or `none`; else empty.
        kind as "type": Option<PictureKind>,
        /// 1 if decoding can begin with the picture; else empty.
        key: Option<u8>,
        /// 1 if all of it came; else 0.
        complete: u8,
        /// Its RTP packets, without duplicates.
        packets: u32,
        /// Sequence numbers between its first and its last packet that did not come.
        missing: i64,
        /// Number of NAL units, fragments of a picture that begin one (JPEG), access units (AAC), else packets.
        units: u32,
        /// Bytes of its units: NAL units with their headers; without what the payload format adds.
        bytes ["bytes"]: u64,
        /// Wireshark's number of the packet that came first; empty if it is in an earlier file than `capture`.
        first_frame_number: Option<u64>,
        /// Arrival of the packet that came first.
        first_time_s ["s"]: Seconds,
        /// From there to the arrival of the last one.
        transmit_ms ["ms"]: Millis,
        /// Its lowest sequence number, extended like those of `packets`.
        first_ext_seq: i64,
        /// Its highest sequence number, extended in the same way.
        last_ext_seq: i64,
        /// RTP timestamp (5.1).
        rtp_timestamp ["ticks"]: u32,
        /// (timestamp - that of the stream's first frame) / rate.
        media_s ["s"]: Option<Seconds>,
        /// Arrival - that of the frame before.
        interval_ms ["ms"]: Option<Millis>,
        /// (timestamp - that of the frame before) / rate; negative where pictures are sent in another order than they
        /// are shown (B pictures).
        timestamp_interval_ms ["ms"]: Option<Millis>,
    }
}
