//! What the makers of elementary streams share: the payload they are given, what they count, and why they can't.

/// The longest unit that is put together.
pub(super) const MAX_UNIT: usize = 16 << 20;

/// Why a track has no file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unfit {
    /// There is no description, RFC 3551 does not know the number, and the packets show nothing.
    #[error(
        "payload type {0} is not described in the capture, nor do its packets show what it is; say it with --sdp FILE, \
         or where no RTSP is with --rtp ADDR:PORT=ENCODING/RATE"
    )]
    Undescribed(u8),
    /// There is no elementary stream of it here.
    #[error("{0} can't be exported")]
    Encoding(String),
    /// SRTP: the keys are not in the capture, or not used here.
    #[error("the media is encrypted ({0}); --view and --rtpdump take it as it is")]
    Encrypted(String),
    /// The encoding is known, but not sent like this.
    #[error("{0}")]
    Parameters(String),
}

/// What became of the packets of a track.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExportStatistics {
    /// RTP packets of the track.
    pub packets: u64,
    /// Units that were written: NAL units, access units, pictures; payloads of what has none.
    pub units: u64,
    /// Packets that lack.
    pub lost: u64,
    /// Packets that came again, or too late.
    pub repeated: u64,
    /// Units of which a part lacks; they are left out.
    pub incomplete: u64,
    /// Payloads that are not of their format, and packets that are no RTP.
    pub malformed: u64,
    /// Packets of another payload type, or of another source at the same time; they are left out.
    pub others: u64,
}

/// What a payload belongs to.
#[derive(Clone, Copy, Debug)]
pub(super) struct MediaPayload<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) timestamp: u32,
    pub(super) marker: bool,
    /// Packets lack before it.
    pub(super) gap: bool,
}
