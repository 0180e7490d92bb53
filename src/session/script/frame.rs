//! What a recorded server sent besides its answers, piece by piece.

/// Where a frame belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    /// RTP or RTCP of a track.
    Track {
        /// Place of the track in the description (`m=` line).
        index: usize,
        /// On the RTCP channel or port.
        rtcp: bool,
    },
    /// An interleaved frame on a channel that no SETUP named.
    Stray {
        /// The channel.
        channel: u8,
    },
    /// Bytes of the TCP stream that are no frame: the recorded server put them between two.
    Raw,
}

/// A frame to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// When: nanoseconds since PLAY was answered; negative where it came before the answer.
    pub after: i64,
    /// Where it belongs.
    pub lane: Lane,
    /// The RTP or RTCP packet; for [`Lane::Raw`] the bytes as they are.
    pub payload: &'a [u8],
}
