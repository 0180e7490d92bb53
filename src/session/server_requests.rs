//! What a client owes a server that asks: an answer.

use crate::rtsp::message::{Message, MessageBuilder};

/// Answers that wait to be sent: who asks without reading the answers gets no more of them.
pub(super) const MAX_ANSWERS: usize = 64;

/// The answer to a request of a server's, which must not be left waiting.
pub(super) fn answer(method: &str, request: &Message<'_>) -> Vec<u8> {
    let cseq = request.header("CSeq");
    let response = match method {
        "OPTIONS" => MessageBuilder::response(200, "OK").header_opt("CSeq", cseq).header("Public", "OPTIONS"),
        "REDIRECT" => MessageBuilder::response(200, "OK")
            .header_opt("CSeq", cseq)
            .header_opt("Session", request.header("Session")),
        _ => MessageBuilder::response(501, "Not Implemented").header_opt("CSeq", cseq),
    };
    response.finish()
}
