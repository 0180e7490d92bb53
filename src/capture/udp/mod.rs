//! The UDP datagrams of a capture: which session's media they are, by its SETUPs, by what their shape shows, or by what
//! somebody says of them.

pub(super) mod bare;
pub(super) mod datagrams;
pub(super) mod groups;
pub(super) mod media;
pub(super) mod named;
pub(super) mod port_pairs;
pub(super) mod ports;
pub(super) mod rtp_like;
pub(super) mod setups;
pub(super) mod silent;
pub(super) mod unclaimed;
