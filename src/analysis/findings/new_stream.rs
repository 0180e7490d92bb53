//! What is known of a stream when its first packet comes.

use crate::rtsp::sdp::Media;
use crate::session::dialog::{MediaPath, PayloadRole, Setup};
use crate::trace::UdpPath;

/// What is known of a stream that begins.
#[derive(Clone, Copy, Debug)]
pub(in crate::analysis) struct NewStream<'a> {
    pub(in crate::analysis) path: MediaPath,
    /// A SETUP named the path.
    pub(in crate::analysis) named: bool,
    pub(in crate::analysis) setup: Option<&'a Setup>,
    pub(in crate::analysis) media: Option<&'a Media>,
    /// The track whose description says what the packets are.
    pub(in crate::analysis) described_by: Option<usize>,
    /// Another track that has the same source.
    pub(in crate::analysis) shares: Option<usize>,
    pub(in crate::analysis) role: PayloadRole,
    pub(in crate::analysis) payload_type: u8,
    /// Its place among the streams.
    pub(in crate::analysis) index: usize,
}

impl NewStream<'_> {
    /// Where media came that no SETUP named.
    #[cold]
    pub(super) fn unnamed(&self) -> String {
        match self.path {
            MediaPath::Udp(UdpPath { client, server, group: None, receiver, .. }) if client != 0 => {
                let host = receiver.map(|host| format!(" of {host}")).unwrap_or_default();
                format!("no SETUP named UDP port {client}{host}, to which media comes from port {server}")
            }
            path => format!("no SETUP named channel {}", path.number()),
        }
    }

    /// A payload type that the section of its track does not list, and that of which other track does.
    #[cold]
    pub(super) fn undescribed(&self) -> String {
        let payload_type = self.payload_type;
        match self.described_by {
            Some(other) => format!("type {payload_type}, which the description names for track {other} alone"),
            None => format!("type {payload_type}, which the description does not name"),
        }
    }
}
