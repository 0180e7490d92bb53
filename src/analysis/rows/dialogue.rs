//! The columns of `messages`.

use crate::analysis::cell::{Millis, Seconds, Utc};
use crate::analysis::rows::column::row;
use crate::analysis::rows::words::MessageKind;

row! {
    /// One RTSP request or response.
    MessageRow {
        capture,
        frame_number,
        /// Time of the read that completed it, or of the write that sent it.
        time_utc: Utc,
        /// The same, since the capture's first packet.
        time_s ["s"]: Seconds,
        session,
        direction,
        /// `request` or `response`.
        kind: MessageKind,
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
