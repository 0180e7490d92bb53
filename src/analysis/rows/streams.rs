//! The columns of `streams`.

use crate::analysis::cell::{Millis, Ratio, Seconds, Utc};
use crate::analysis::rows::column::row;
use crate::analysis::rows::words::{InferredColumns, StreamTransport};

row! {
    /// One RTP stream: a session, track, direction and SSRC.
    StreamRow {
        /// Path of the capture as it was given; of captures that follow each other, the one in which the stream
        /// begins.
        capture: &'a str,
        session,
        /// What the client asked for, without credentials.
        url: String,
        /// `address:port` of the client.
        client: String,
        /// `address:port` of the server.
        server: String,
        track,
        /// Media type of the `m=` line: `video`, `audio`, … (RFC 4566, section 5.14).
        media: Option<&'a str>,
        /// Encoding name of `a=rtpmap` as written (RFC 4566, section 6); else of the static table (RFC 3551, section
        /// 6).
        encoding: Option<&'a str>,
        /// Payload type of the first packet (5.1); the clock rate used for each packet is that of its own type.
        payload_type: Option<u8>,
        /// Of `a=rtpmap`; else of the static table (G722 is 8000); else inferred; else unknown.
        clock_rate_hz ["Hz"]: Option<u32>,
        /// `tcp` (interleaved), `http` (the same through an HTTP tunnel or a WebSocket), `udp` or `multicast`.
        transport: StreamTransport,
        channel,
        direction,
        ssrc,
        /// Arrival of the first RTP packet.
        first_packet_utc: Option<Utc>,
        /// Arrival of the latest RTP packet.
        last_packet_utc: Option<Utc>,
        /// Last arrival - first arrival; empty with fewer than two packets.
        duration_s ["s"]: Option<Seconds>,
        /// RTP packets received, duplicates among them.
        packets: u64,
        /// RTP payload, without header, CSRC list, extension and padding; of encrypted media all that stands behind
        /// the header, with the authentication tag; of packets that the snap length cut as long as they were on the
        /// wire, empty where that cannot be told.
        payload_bytes ["bytes"]: Option<u64>,
        /// 8 × `payload_bytes` / `duration_s`, rounded; empty if no time passed.
        bitrate_bps ["bit/s"]: Option<u64>,
        /// Sequence number of the first packet, 0 to 65535.
        first_seq: Option<u16>,
        /// Highest sequence number, extended by 65536 for each cycle since the start or the last restart (A.1).
        last_ext_seq: Option<i64>,
        /// Highest - first + 1, both extended, summed over restarts (A.3).
        expected: i64,
        /// `expected` - `packets` (A.3); duplicates make it negative.
        lost: i64,
        /// 100 × `lost` / `expected`.
        lost_percent ["%"]: Option<Ratio>,
        /// Different sequence numbers that were expected and never came.
        missing: i64,
        /// Packets whose number had come before.
        duplicates: u64,
        /// Packets that came after one with a higher number.
        reordered: u64,
        /// Confirmed jumps of the sequence number.
        restarts: u64,
        /// Most numbers skipped at once, also if they came later.
        longest_gap: u16,
        /// Shortest distance between two arrivals.
        delta_min_ms ["ms"]: Option<Millis>,
        /// `duration_s` / (`packets` - 1).
        delta_mean_ms ["ms"]: Option<Millis>,
        /// Longest distance between two arrivals.
        delta_max_ms ["ms"]: Option<Millis>,
        /// Median distance between two arrivals.
        delta_p50_ms ["ms"]: Option<Millis>,
        /// The distance between two arrivals that 99 % do not exceed.
        delta_p99_ms ["ms"]: Option<Millis>,
        /// Mean of the interarrival jitter (6.4.1) over the packets from the second on.
        jitter_mean_ms ["ms"]: Option<Millis>,
        /// Highest interarrival jitter.
        jitter_max_ms ["ms"]: Option<Millis>,
        /// Interarrival jitter after the latest packet.
        jitter_last_ms ["ms"]: Option<Millis>,
        /// Mean jitter over the first packet of each RTP timestamp only.
        frame_jitter_mean_ms ["ms"]: Option<Millis>,
        /// Highest such jitter.
        frame_jitter_max_ms ["ms"]: Option<Millis>,
        /// Lowest skew, 0 at most.
        skew_min_ms ["ms"]: Option<Millis>,
        /// Highest skew, 0 at least.
        skew_max_ms ["ms"]: Option<Millis>,
        /// How much faster the capture's clock runs than the media clock; from 60 s on.
        drift_ppm ["ppm"]: Option<Ratio>,
        /// Packets with the marker bit (5.1).
        marker_packets: u64,
        /// Sender reports (6.4.1).
        sr_count: u64,
        /// Arrival of the latest sender report.
        sr_last_utc: Option<Utc>,
        /// NTP timestamp of the latest sender report as UTC; empty if it is 0.
        sr_last_ntp_utc: Option<Utc>,
        /// RTP timestamp of the latest sender report.
        sr_last_rtp_timestamp ["ticks"]: Option<u32>,
        /// Packet count of the latest sender report.
        sr_last_packets: Option<u32>,
        /// Octet count of the latest sender report.
        sr_last_octets ["bytes"]: Option<u32>,
        /// Mean distance between sender reports; empty with fewer than two.
        sr_interval_mean_s ["s"]: Option<Seconds>,
        /// Highest - lowest `offset_ms` of the stream's sender reports.
        sr_offset_spread_ms ["ms"]: Option<Millis>,
        /// First CNAME for this SSRC (6.5.1).
        cname: Option<&'a str>,
        /// rows of `frames`; for H.264, H.265 and JPEG pictures only, so no parameter sets without one.
        frames: Option<u64>,
        /// Frames that are not `complete`.
        incomplete_frames: Option<u64>,
        /// (`frames` - 1) / media time: the steps by which the highest RTP timestamp rises, without those of more
        /// than 900,000 ticks.
        frame_rate_fps ["1/s"]: Option<Ratio>,
        /// Pictures with `key`; this and what follows for H.264, H.265 and JPEG only.
        key_frames: Option<u64>,
        /// Mean number of pictures from one key frame to the next, that one not counted; empty with fewer than two.
        gop_mean_frames: Option<Ratio>,
        /// Highest number of pictures from one key frame to the next.
        gop_max_frames: Option<u64>,
        /// Mean `bytes` of complete key frames / mean `bytes` of the other complete pictures.
        key_size_ratio: Option<Ratio>,
        /// Number of freezes.
        freezes: Option<u64>,
        /// Longest freeze; 0 if there was none.
        longest_freeze_ms ["ms"]: Option<Millis>,
        /// From the first PLAY that the server granted to the first packet; negative if that came before. For all
        /// media.
        play_to_first_packet_ms ["ms"]: Option<Millis>,
        /// From the first PLAY that the server granted to the end of the first complete key frame.
        play_to_key_frame_ms ["ms"]: Option<Millis>,
        /// How much faster the server's clock (NTP) runs than the media clock, by the sender reports: a line through
        /// `offset_ms`; from 60 s on.
        sr_drift_ppm ["ppm"]: Option<Ratio>,
        /// How much faster the capture's clock runs than the server's: a line through arrival - NTP of the sender
        /// reports; from 60 s on.
        ntp_drift_ppm ["ppm"]: Option<Ratio>,
        /// Which of `encoding` and `clock_rate_hz` nothing describes, so that they are inferred from the packets,
        /// separated by a space; empty where both are described.
        inferred: Option<InferredColumns>,
        /// The smallest buffer with which a player has each frame in time: highest lateness - least lateness. A frame is
        /// what one RTP timestamp carries; its lateness is (arrival of its last packet - first arrival) - (timestamp -
        /// first timestamp) / clock rate, from 60 s on without `drift_ppm`.
        buffer_needed_ms ["ms"]: Option<Millis>,
        /// The buffer with which 99 % of the frames are there in time.
        buffer_needed_p99_ms ["ms"]: Option<Millis>,
        /// Frames that are later than the least lateness by more than the buffer (`--buffer`).
        late_frames: Option<u64>,
        /// How often a player with this buffer stands still, if it waits for a late frame and goes on from there.
        stalls: Option<u64>,
        /// How long it stands still in all.
        stalled_ms ["ms"]: Option<Millis>,
        /// Frames that a player with this buffer leaves out, if it does not wait: `late_frames`.
        dropped_frames: Option<u64>,
        /// Pictures from a loss on to the next complete one that needs none before it, which is not counted.
        damaged_frames: Option<u64>,
        /// How long they lasted: from the first of them to the picture that is whole again, or to the latest.
        damaged_ms ["ms"]: Option<Millis>,
    }
}
