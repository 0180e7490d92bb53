//! Bytes to RTP and RTCP fields (RFC 3550), without a socket or a clock: views over the bytes, nothing copied. And
//! back: fields changed in place.
//!
//! What is malformed comes back as an error that says where; what is merely odd is read as far as it goes.

pub mod edit;
pub mod packet;
pub mod payload_type;
pub mod rtcp;
pub mod unwrap;
