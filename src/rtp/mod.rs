//! Bytes to RTP and RTCP fields (RFC 3550), without a socket or a clock: views over the bytes, nothing copied. And
//! back: fields changed in place.
//!
//! What is malformed comes back as an error that says where; what is merely odd is read as far as it goes.

pub mod beside;
pub mod clock_fit;
pub mod edit;
pub(crate) mod fmtp;
pub mod foreign;
pub mod infer;
pub(crate) mod jitter;
pub(crate) mod media_kind;
pub mod packet;
pub mod payload;
pub mod payload_type;
pub mod rtcp;
pub mod unwrap;

pub use media_kind::MediaKind;

/// A sequence number so far ahead is no loss but perhaps a restart (RFC 3550, appendix A.1).
pub const MAX_DROPOUT: u16 = 3000;
/// A sequence number less than this behind the highest came late; farther behind, it is a jump (RFC 3550, appendix A.1).
pub const MAX_MISORDER: u16 = 100;
