//! The findings, each declared once: its code, how serious it is, what it means, and the RFC's section where there is one.
//! docs/findings.md tells more of each; `tests/docs.rs` holds it to this table.

use std::cmp::Ordering;

use crate::trace::RemarkKind;

word_enum! {
    /// How serious a finding is. The worst comes first.
    #[derive(Default, PartialOrd, Ord)]
    pub enum Severity {
        /// Data is lost, or can't be read.
        Error = "error",
        /// A rule is broken.
        #[default]
        Warning = "warning",
        /// Something is allowed, but unusual.
        Note = "note",
    }
}

/// Declares the findings: the meaning as a doc comment, then `Variant = "code", Severity, "RFC";`.
macro_rules! findings {
    ($($(#[doc = $meaning:literal])+ $variant:ident = $code:literal, $severity:ident $(, $source:literal)?;)+) => {
        word_enum! {
            /// What is odd, as a stable word.
            #[non_exhaustive]
            pub enum FindingCode {
                $(
                    $(#[doc = $meaning])+
                    #[doc = concat!("\n\nSeverity: ", stringify!($severity), ".", $(" Source: ", $source, ".")?)]
                    $variant = $code,
                )+
            }
        }

        impl FindingCode {
            /// How serious it is.
            pub const fn severity(self) -> Severity {
                match self {
                    $(Self::$variant => Severity::$severity,)+
                }
            }

            /// The sections of RFCs that it is about; empty where there is none.
            pub const fn source(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!($($source)?),)+
                }
            }
        }
    };
}

findings! {
    // The capture
    /// The file ends in the middle of a packet.
    CaptureCut = "capture-cut", Error;
    /// Bytes of a TCP stream are not in the capture.
    CaptureGap = "capture-gap", Error;
    /// The capture began when the session stood already.
    CaptureBeginsLate = "capture-begins-late", Note;
    /// Only what one side of a connection sent is in the capture, to the capture's end.
    OneDirection = "one-direction", Note;
    /// Bytes of a message or frame that the capture has only in part.
    CutByCapture = "cut-by-capture", Note;
    /// Packets that nobody can read here.
    PacketsUnreadable = "packets-unreadable", Warning;
    /// The capture has the beginnings of packets only (snap length).
    PacketsCut = "packets-cut", Warning;
    /// Datagrams of media are in the capture twice, though they were on the wire once.
    CapturedTwice = "captured-twice", Warning;
    /// More than 10,000 RTSP sessions in one capture.
    TooManySessions = "too-many-sessions", Error;

    // The recorder
    /// The system dropped datagrams before they could be read.
    KernelDrops = "kernel-drops", Error;
    /// Bytes were read more than 20 ms after they had come to this machine.
    RecorderLate = "recorder-late", Warning;
    /// Nothing was read for a while, as the disk took nothing.
    RecorderPaused = "recorder-paused", Warning;
    /// Over TCP: bytes waited more than 20 ms in the system for a segment that was lost or late on the way here.
    TcpOutOfOrder = "tcp-out-of-order", Note;
    /// What the system knows of the connection at its end.
    TcpInfo = "tcp-info", Note;

    // The stream of bytes
    /// Bytes that are neither a message nor an interleaved frame.
    Junk = "junk", Error;
    /// The other side closed the connection while this one was within a message or frame, as a recorder does that has
    /// enough.
    CutByClose = "cut-by-close", Note;
    /// Messages of a WebSocket are compressed.
    WebsocketCompressed = "websocket-compressed", Error, "RFC 7692";
    /// The client's side of an HTTP tunnel holds a character that is no base64.
    TunnelGarbage = "tunnel-garbage", Warning, "RFC 2045, section 6.8";
    /// Only the GET or only the POST of an HTTP tunnel is in the capture, so one side of the dialogue is not known.
    TunnelIncomplete = "tunnel-incomplete", Warning;

    // RTP
    /// The media is SRTP.
    MediaEncrypted = "media-encrypted", Note, "RFC 3711";
    /// Packets on a path of media that are not meant as RTP, as their version says.
    NotRtp = "not-rtp", Warning;
    /// No RTP version 2, or too short for its header.
    RtpMalformed = "rtp-malformed", Error, "RFC 3550, section 5.1";
    /// Sequence numbers were skipped, before the client asked for the end (TEARDOWN).
    SequenceGap = "sequence-gap", Error;
    /// A number 3000 or more ahead of the others, or 100 or more behind.
    SequenceJump = "sequence-jump", Warning, "RFC 3550, appendix A.1";
    /// The packet after a jump goes on from there.
    SequenceRestart = "sequence-restart", Warning, "RFC 3550, appendix A.1";
    /// A number came again.
    Duplicate = "duplicate", Note;
    /// Packets were sent again in a stream of their own.
    Retransmitted = "retransmitted", Note, "RFC 4588";
    /// A number came after a higher one.
    Reordered = "reordered", Note;
    /// Arrival and RTP timestamp differ by more than 1 s from the packet before.
    TimestampJump = "timestamp-jump", Warning;
    /// Timestamps run at another rate than the description says, told at the end of the capture.
    ClockRateWrong = "clock-rate-wrong", Warning;
    /// The padding count is 0 or longer than the payload.
    PaddingInvalid = "padding-invalid", Warning, "RFC 3550, section 5.1";
    /// Once for each type: neither the SDP nor RFC 3551 says what it is, nor do the packets show it; or the track's
    /// section of the SDP does not list it.
    PayloadTypeUnknown = "payload-type-unknown", Warning, "RFC 3551";
    /// RTP on an interleaved channel that no SETUP named, or over UDP to a port that none named, while a track of the
    /// session is silent.
    UnknownChannel = "unknown-channel", Warning, "RFC 2326, section 10.12";
    /// Another SSRC sends the media of the same track.
    SsrcChange = "ssrc-change", Warning, "RFC 3550, section 8.2";
    /// Not the SSRC that the Transport header of SETUP announced.
    SsrcNotAnnounced = "ssrc-not-announced", Note, "RFC 2326, section 12.39";
    /// Two tracks have the same SSRC, against RFC 3550, section 8.
    SharedSsrc = "shared-ssrc", Note, "RFC 3550, section 8";
    /// Media came before the answer to PLAY.
    MediaBeforePlay = "media-before-play", Note;
    /// Media came after the answer to TEARDOWN.
    MediaAfterTeardown = "media-after-teardown", Warning;
    /// Media of a track, or of all, stopped more than 1.5 s and three of its usual steps before TEARDOWN, PAUSE or the end of
    /// the connection or the capture.
    MediaStopped = "media-stopped", Warning;
    /// Datagrams of the session did not get where they were sent.
    MediaPortUnreachable = "media-port-unreachable", Warning, "RFC 792; RFC 4443";
    /// PLAY (or RECORD) was granted, and for at least 2 s nothing came of a track, or of any.
    NoMedia = "no-media", Error;
    /// The server was the first to close the connection, without TEARDOWN, and had not said BYE.
    EndWithoutBye = "end-without-bye", Note, "RFC 3550, section 6.6";
    /// A packet without payload.
    PayloadEmpty = "payload-empty", Note;
    /// A payload that is not of the announced format.
    PayloadMalformed = "payload-malformed", Warning, "RFC 6184; RFC 7798; RFC 2435; RFC 3640";
    /// A payload that breaks its format and is read all the same.
    PayloadOdd = "payload-odd", Warning,
        "RFC 6184, section 5.8; RFC 7798, section 4.4.3; RFC 3640, section 3.2.1.1; RFC 2435";
    /// A payload that its format allows and few receivers read.
    PayloadUnusual = "payload-unusual", Note, "RFC 7798, section 4.4.4";
    /// Not one of 50 or more packets of H.264, H.265, JPEG, VP8… has the marker, which ends a frame.
    MarkerMissing = "marker-missing", Warning, "RFC 6184, section 5.1";
    /// More than 10 s of video lie between two key frames: whoever joins, or loses a packet, waits as long for a clean picture.
    KeyFramesRare = "key-frames-rare", Note;
    /// Packets that open the way for UDP media through a NAT.
    NatPunch = "nat-punch", Note;
    /// A connection with more than 4,096 sources, or a capture with more than 24,576.
    TooManyStreams = "too-many-streams", Error;
    /// The requests, descriptions and transports of all sessions together take more than 32 MiB.
    DialogueForgotten = "dialogue-forgotten", Error;
    /// Somebody sends RTP or RTCP to the ports of a track who is neither the server nor the `source=` of its answer.
    StrangerSends = "stranger-sends", Warning;
    /// Media comes from another address than the server's, and no `source=` says so.
    SenderDiffers = "sender-differs", Note;

    // RTCP
    /// A packet of a compound has a length or count that can't be.
    RtcpMalformed = "rtcp-malformed", Error, "RFC 3550, section 6.1";
    /// RTCP came on the channel agreed upon for RTP.
    RtcpOnRtpChannel = "rtcp-on-rtp-channel", Note, "RFC 2326, section 10.12";
    /// A sender report with the NTP time 0.
    SrWithoutNtp = "sr-without-ntp", Note, "RFC 3550, section 6.4.1";
    /// The NTP time of a sender report is more than an hour off the capture's clock.
    SrWrongClock = "sr-wrong-clock", Warning, "RFC 3550, section 6.4.1";
    /// From one sender report to another the sender counted more packets than came, or fewer, by more than 4.
    SrCountMismatch = "sr-count-mismatch", Warning, "RFC 3550, section 6.4.1";
    /// A stream of 30 s or more without any sender report.
    SrMissing = "sr-missing", Note, "RFC 3550, section 6.2";
    /// Sender reports came, and then none for 30 s or more, and five times their usual distance.
    SrStopped = "sr-stopped", Warning;
    /// Sender reports on a source that sends no RTP, while another one does on that track.
    SrWrongSsrc = "sr-wrong-ssrc", Warning;
    /// A source description whose items no null octet ends.
    SdesWithoutEnd = "sdes-without-end", Warning, "RFC 3550, section 6.5";

    // RTSP
    /// A response that answers no request seen.
    ResponseWithoutRequest = "response-without-request", Warning;
    /// A response that came more than 1 s after its request.
    ResponseLate = "response-late", Warning;
    /// A request, of client or server, had no answer when the capture ended.
    ResponseMissing = "response-missing", Warning;
    /// A status of 400 or more.
    ErrorResponse = "error-response", Note;
    /// A message without `CSeq`.
    CseqMissing = "cseq-missing", Warning, "RFC 2326, section 12.17";
    /// A response with a `CSeq` that was never sent.
    CseqWrong = "cseq-wrong", Warning, "RFC 2326, section 12.17";
    /// A request with a `CSeq` that is not higher than the one before.
    CseqRepeated = "cseq-repeated", Warning, "RFC 2326, section 12.17";
    /// A status line without a status of three digits.
    StatusInvalid = "status-invalid", Warning, "RFC 2326, section 7.1.1";
    /// A status line without reason phrase.
    ReasonMissing = "reason-missing", Note, "RFC 2326, section 7.1";
    /// A line of a message ends with a line feed alone, not with carriage return and line feed.
    LineEndBare = "line-end-bare", Warning, "RFC 2326, section 4";
    /// The answer to OPTIONS does not list the methods.
    PublicMissing = "public-missing", Note, "RFC 2326, section 10.1";
    /// The status line of an answer to an RTSP request says HTTP.
    HttpResponse = "http-response", Warning;
    /// The server uses other interleaved channels than asked for, as it may.
    ChannelsChanged = "channels-changed", Note, "RFC 2326, section 12.39";
    /// The answer has no Transport, or interleaved channels were asked for and it names none.
    TransportIncomplete = "transport-incomplete", Warning, "RFC 2326, section 12.39";
    /// UDP was answered where TCP was asked for, or the reverse.
    TransportChanged = "transport-changed", Warning, "RFC 2326, section 12.39";
    /// Interleaved channels under another name than `RTP/AVP/TCP`.
    TransportProtocol = "transport-protocol", Warning, "RFC 2326, section 12.39";
    /// Several transports in one answer, which has to choose.
    TransportSeveral = "transport-several", Warning, "RFC 2326, section 12.39";
    /// Unicast over UDP whose answer does not say from which ports the server sends.
    ServerPortMissing = "server-port-missing", Note, "RFC 2326, section 12.39";
    /// A successful answer to SETUP without a Session header; or a request PLAY, PAUSE, RECORD or TEARDOWN without the
    /// one that SETUP gave.
    SessionMissing = "session-missing", Warning, "RFC 2326, section 12.37";
    /// A later SETUP was answered with another session identifier, though the session went on.
    SessionChanged = "session-changed", Warning, "RFC 2326, section 12.37";
    /// A session identifier that no answer to SETUP gave.
    SessionUnknown = "session-unknown", Warning, "RFC 2326, section 12.37";
    /// A timeout under 30 s, or 0.
    SessionTimeoutShort = "session-timeout-short", Note, "RFC 2326, section 12.37";
    /// The answer to PLAY has no RTP-Info.
    RtpInfoMissing = "rtp-info-missing", Note, "RFC 2326, section 12.33";
    /// The first packet of a stream, within 5 s after PLAY, has another sequence number than RTP-Info says.
    RtpInfoWrong = "rtp-info-wrong", Warning, "RFC 2326, section 12.33";
    /// The answer to DESCRIBE does not say how long the description is.
    ContentLengthMissing = "content-length-missing", Warning, "RFC 2326, section 12.14";
    /// A description of no bytes.
    DescriptionEmpty = "description-empty", Warning;
    /// The description lacks one of the lines `v=`, `o=`, `s=`, `t=`, has one twice, or has a line that can't be read.
    SdpMalformed = "sdp-malformed", Warning, "RFC 4566, section 5";
    /// A payload type from 96 on without `a=rtpmap`.
    RtpmapMissing = "rtpmap-missing", Warning, "RFC 4566, section 6";
    /// One of several tracks without `a=control`.
    ControlMissing = "control-missing", Note, "RFC 2326, appendix C.1.1";
    /// A description without Content-Type.
    ContentTypeMissing = "content-type-missing", Note, "RFC 2326, section 12.16";
    /// A description with neither Content-Base nor Content-Location.
    ContentBaseMissing = "content-base-missing", Note, "RFC 2326, appendix C.1.1";
    /// Content-Base is not an absolute URL.
    ContentBaseOdd = "content-base-odd", Warning, "RFC 2068, section 14.11";
}

/// For a row to begin with.
impl Default for FindingCode {
    fn default() -> Self {
        Self::Junk
    }
}

/// In the order of their words, in which the report lists them.
impl Ord for FindingCode {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl PartialOrd for FindingCode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// What is odd about a capture itself is a finding as well.
impl From<RemarkKind> for FindingCode {
    fn from(kind: RemarkKind) -> Self {
        match kind {
            RemarkKind::CaptureCut => Self::CaptureCut,
            RemarkKind::CaptureBeginsLate => Self::CaptureBeginsLate,
            RemarkKind::CapturedTwice => Self::CapturedTwice,
            RemarkKind::PacketsUnreadable => Self::PacketsUnreadable,
            RemarkKind::PacketsCut => Self::PacketsCut,
            RemarkKind::TooManySessions => Self::TooManySessions,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_kebab_case_and_unique() {
        for (place, code) in FindingCode::WORDS.iter().enumerate() {
            assert!(code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{code}");
            assert!(!FindingCode::WORDS[..place].contains(code), "{code}");
        }
    }

    #[test]
    fn meanings_are_sentences() {
        for code in FindingCode::ALL {
            assert!(code.meaning().starts_with(char::is_uppercase) && code.meaning().ends_with('.'), "{code}");
        }
    }
}
