//! The columns of `messages`.

use crate::analysis::cell::{Millis, Seconds, Utc};
use crate::analysis::rows::column::row;

row! {
    /// One RTSP request or response.
    MessageRow {
        /// Path of the capture as it was given; of captures that follow each other, the one that the packet is in.
        capture: &'a str,
        /// Wireshark's number of the packet that completes the message or frame, from 1 in each file.
        frame_number: Option<u64>,
        /// Time of the read that completed it, or of the write that sent it.
        time_utc: Utc,
        /// The same, since the capture's first packet.
        time_s ["s"]: Seconds,
        /// Number of the RTSP session in the capture, from 1.
        session: usize,
        /// `c2s` from client to server, `s2c` from server to client.
        direction: &'static str,
        /// `request` or `response`.
        kind: &'static str,
        /// Method of the request; for a response, of the request that it answers.
        method: Option<&'a str>,
        /// Request-URI, without credentials; for a response, of the request that it answers.
        url: Option<&'a str>,
        /// Status code of a response.
        status: Option<u16>,
        /// Reason phrase of a response.
        reason: Option<&'a str>,
        /// `CSeq` of this message (RFC 2326, section 12.17).
        cseq: Option<u32>,
        /// Session identifier without its parameters (RFC 2326, section 12.37).
        rtsp_session: Option<&'a str>,
        /// For a response: time since the request that it answers.
        latency_ms ["ms"]: Option<Millis>,
        /// Bytes of the start line, the headers and the empty line.
        head_bytes ["bytes"]: usize,
        /// Bytes of the body.
        body_bytes ["bytes"]: usize,
        /// What the sender says it is: the User-Agent of a request, the Server of a response (RFC 2326, sections
        /// 12.41 and 12.36).
        product: Option<&'a str>,
    }
}
