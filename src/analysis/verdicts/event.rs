//! What a viewer may notice, with its cause.

use crate::analysis::location::Location;
use crate::analysis::stream::StreamKey;
use crate::time::{NANOS_PER_SECOND, Timestamp};

/// Events of one kind and cause that are not farther apart are one.
const TOGETHER_NS: i64 = 10 * NANOS_PER_SECOND;

/// The causes. docs/verdicts.md has the rule for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// Sequence numbers are missing that the server never sent.
    LostBeforeSending,
    /// The server sent them.
    LostOnTheWay,
    /// Nothing tells who lost them.
    LostSomewhere,
    /// The recorder's own system lost them.
    LostInTheRecorder,
    /// They may have been there; the capture lacks them.
    MissingInTheCapture,
    /// Silence, then a burst with steady timestamps.
    LateOnTheNetwork,
    /// The source paused: the timestamps say so, or the other tracks went on.
    LateAtTheSource,
    /// The recorder read late.
    RecorderLate,
    /// Arrivals vary all the time, timestamps don't.
    UnsteadyDelivery,
    /// RTP timestamps jumped.
    SourceClockJumped,
    /// RTP timestamps run at another rate than described.
    ClockRateWrong,
    /// The media clock runs at another speed than the server's own clock and the recorder's.
    MediaClockDrifts,
    /// The server's clock runs at another speed than the recorder's.
    ServerClockDrifts,
    /// Another SSRC, or sequence numbers that start over.
    SourceRestarted,
    /// Packets came twice over UDP.
    RepeatedOnTheWay,
    /// Packets came twice over TCP.
    SentTwice,
    /// Packets changed their order over UDP.
    ReorderedOnTheWay,
    /// Packets came out of order over TCP.
    SentOutOfOrder,
    /// Bytes that belong to no message and no frame.
    ProtocolBroken,
    /// Media on channels that no SETUP named, or a SETUP that named none.
    ChannelsUnclear,
    /// The server closed the connection without a word.
    EndedByTheServer,
    /// Media stopped without a word.
    MediaStopped,
    /// PLAY was granted and nothing came; nothing tells why.
    NoMedia,
    /// And who should have sent it gave nothing.
    NothingSent,
    /// The host that it is sent to refuses it.
    NobodyListens,
    /// A router or a firewall does.
    BlockedOnTheWay,
    /// It came to another port or channel than was agreed on.
    SentElsewhere,
    /// There are no sender reports.
    NoSenderReports,
    /// The server refused a request.
    RefusedByTheServer,
    /// A login was asked for and not given, or was wrong.
    LoginNeeded,
    /// A login was asked for again and again.
    LoginRepeated,
    /// None of the rules fits.
    Unexplained,
}

impl Cause {
    /// All of them.
    pub const ALL: [Self; 32] = [
        Self::LostBeforeSending,
        Self::LostOnTheWay,
        Self::LostSomewhere,
        Self::LostInTheRecorder,
        Self::MissingInTheCapture,
        Self::LateOnTheNetwork,
        Self::LateAtTheSource,
        Self::RecorderLate,
        Self::UnsteadyDelivery,
        Self::SourceClockJumped,
        Self::ClockRateWrong,
        Self::MediaClockDrifts,
        Self::ServerClockDrifts,
        Self::SourceRestarted,
        Self::RepeatedOnTheWay,
        Self::SentTwice,
        Self::ReorderedOnTheWay,
        Self::SentOutOfOrder,
        Self::ProtocolBroken,
        Self::ChannelsUnclear,
        Self::EndedByTheServer,
        Self::MediaStopped,
        Self::NoMedia,
        Self::NothingSent,
        Self::NobodyListens,
        Self::BlockedOnTheWay,
        Self::SentElsewhere,
        Self::NoSenderReports,
        Self::RefusedByTheServer,
        Self::LoginNeeded,
        Self::LoginRepeated,
        Self::Unexplained,
    ];

    /// The stable word in the column `verdict`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LostBeforeSending => "lost-before-sending",
            Self::LostOnTheWay => "lost-on-the-way",
            Self::LostSomewhere => "lost-somewhere",
            Self::LostInTheRecorder => "lost-in-the-recorder",
            Self::MissingInTheCapture => "missing-in-the-capture",
            Self::LateOnTheNetwork => "late-on-the-network",
            Self::LateAtTheSource => "late-at-the-source",
            Self::RecorderLate => "recorder-late",
            Self::UnsteadyDelivery => "unsteady-delivery",
            Self::SourceClockJumped => "source-clock-jumped",
            Self::ClockRateWrong => "clock-rate-wrong",
            Self::MediaClockDrifts => "media-clock-drifts",
            Self::ServerClockDrifts => "server-clock-drifts",
            Self::SourceRestarted => "source-restarted",
            Self::RepeatedOnTheWay => "repeated-on-the-way",
            Self::SentTwice => "sent-twice",
            Self::ReorderedOnTheWay => "reordered-on-the-way",
            Self::SentOutOfOrder => "sent-out-of-order",
            Self::ProtocolBroken => "protocol-broken",
            Self::ChannelsUnclear => "channels-unclear",
            Self::EndedByTheServer => "ended-by-the-server",
            Self::MediaStopped => "media-stopped",
            Self::NoMedia => "no-media",
            Self::NothingSent => "nothing-sent",
            Self::NobodyListens => "nobody-listens",
            Self::BlockedOnTheWay => "blocked-on-the-way",
            Self::SentElsewhere => "sent-elsewhere",
            Self::NoSenderReports => "no-sender-reports",
            Self::RefusedByTheServer => "refused-by-the-server",
            Self::LoginNeeded => "login-needed",
            Self::LoginRepeated => "login-repeated",
            Self::Unexplained => "unexplained",
        }
    }
}

/// Of what an event speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    Stream(StreamKey),
    /// A track, where one is known.
    Track(Option<usize>),
}

/// An event and its cause.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) subject: Subject,
    /// The word in the column `event`.
    pub(super) kind: &'static str,
    pub(super) verdict: Cause,
    /// Of what is counted: packets, times.
    pub(super) count: u64,
    pub(super) first: Location,
    pub(super) last: Location,
    /// From when to when it lasted, where that can be said; the longest one of several.
    pub(super) span: Option<(Timestamp, Timestamp)>,
    pub(super) detail: String,
}

impl Event {
    /// Whether `next` is more of the same.
    pub(super) fn is_continued_by(&self, next: &Self) -> bool {
        self.subject == next.subject
            && self.kind == next.kind
            && self.verdict == next.verdict
            && next.first.at.nanos_since(self.last.at) <= TOGETHER_NS
    }

    /// Takes in more of the same; what is said of the greater one stays.
    pub(super) fn take(&mut self, next: Self) {
        self.last = next.last;
        if self.length() < next.length() || self.span.is_none() && next.count > self.count {
            (self.span, self.detail) = (next.span, next.detail);
        }
        self.count += next.count;
    }

    /// Nanoseconds.
    pub(super) fn length(&self) -> Option<i64> {
        self.span.map(|(from, to)| to.nanos_since(from))
    }
}
