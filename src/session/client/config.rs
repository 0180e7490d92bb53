//! What a client is told before it starts, and how it tells that it ended.

use std::fmt;
use std::time::Duration;

use humantime::format_duration;
use thiserror::Error;

use crate::rtsp::auth::AuthError;
use crate::rtsp::tunnel::TunnelKind;
use crate::rtsp::url::{Credentials, RtspUrl};

/// Everything a [`super::Client`] has to know.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClientConfig {
    /// What to ask for.
    pub url: RtspUrl,
    /// Name and password, where the server asks for them.
    pub credentials: Option<Credentials>,
    /// The User-Agent header; some cameras answer none without.
    pub user_agent: String,
    /// Set up only tracks of these media types (`video`, `audio`, `application`); all if empty.
    pub media: Vec<String>,
    /// How media may travel; the first is tried first, TCP where there is none.
    pub transports: Vec<MediaTransport>,
    /// What has to be random is drawn from this.
    pub seed: u64,
    /// When to stop.
    pub limits: Limits,
    /// How long to wait.
    pub timeouts: Timeouts,
}

impl ClientConfig {
    /// What the User-Agent header says unless another is asked for.
    pub const USER_AGENT: &str = concat!("rtsp-rec/", env!("CARGO_PKG_VERSION"));

    /// All tracks over TCP, without a login, until the server ends it or the client is told to stop. The seed is 0: a
    /// program that records more than once draws another each time.
    pub fn new(url: RtspUrl) -> Self {
        Self {
            url,
            credentials: None,
            user_agent: Self::USER_AGENT.to_owned(),
            media: Vec::new(),
            transports: vec![MediaTransport::Tcp],
            seed: 0,
            limits: Limits::default(),
            timeouts: Timeouts::default(),
        }
    }
}

/// How media travels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum MediaTransport {
    /// Interleaved with RTSP on its connection (RFC 2326, section 10.12).
    #[default]
    Tcp,
    /// In datagrams to ports of the client's.
    Udp,
    /// In datagrams to a group.
    Multicast,
    /// Interleaved, the connection being two of HTTP.
    Http,
    /// Interleaved, in the frames of a WebSocket.
    WebSocket,
}

impl MediaTransport {
    /// Whether media comes on the connection.
    pub const fn is_interleaved(self) -> bool {
        matches!(self, Self::Tcp | Self::Http | Self::WebSocket)
    }

    /// How HTTP carries it, if it does.
    pub const fn tunnel(self) -> Option<TunnelKind> {
        match self {
            Self::Http => Some(TunnelKind::GetAndPost),
            Self::WebSocket => Some(TunnelKind::WebSocket),
            Self::Tcp | Self::Udp | Self::Multicast => None,
        }
    }
}

/// As one says it.
impl fmt::Display for MediaTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
            Self::Multicast => "multicast",
            Self::Http => "HTTP",
            Self::WebSocket => "WebSocket",
        })
    }
}

/// The session is torn down when one of these is reached.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// Time since PLAY was first answered.
    pub duration: Option<Duration>,
    /// RTP and RTCP packets received.
    pub packets: Option<u64>,
    /// Bytes received from the server.
    pub bytes: Option<u64>,
}

/// How long to wait for what.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// For the name to be resolved, and for each address to accept the connection.
    pub connect: Duration,
    /// For the answer to a request.
    pub response: Duration,
    /// For any RTP packet while playing.
    pub idle: Duration,
    /// For the answer to TEARDOWN.
    pub teardown: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            response: Duration::from_secs(10),
            idle: Duration::from_secs(30),
            teardown: Duration::from_secs(2),
        }
    }
}

/// A normal end of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// The user wanted it.
    Stopped,
    /// One of the [`Limits`] was reached.
    LimitReached,
    /// BYE on every track that sent media, or the end of the range.
    EndOfStream,
}

/// Why a session failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SessionError {
    /// No address for the name.
    #[error("can't resolve host '{host}': {why}; is the name right?")]
    Resolve {
        /// The name.
        host: String,
        /// The resolver's words.
        why: String,
    },
    /// No address accepted a connection.
    #[error("can't connect to {address}: {why}")]
    Connect {
        /// The last address tried.
        address: String,
        /// The system's words.
        why: String,
    },
    /// The server answered with an error status.
    #[error("{method} {url}: the server answered {status} {reason}{}", hint(method, *.status, *.transport))]
    Refused {
        /// The request's method.
        method: String,
        /// The request's URL.
        url: String,
        /// The status code; 0 where the answer had none.
        status: u16,
        /// The reason phrase.
        reason: String,
        /// The transport asked for.
        transport: MediaTransport,
    },
    /// The server answered SETUP with a transport that was not to be used.
    #[error("the server sends media over {answered} only, not {asked}; -t {} records that", flag(*.answered))]
    OtherTransport {
        /// What was asked for.
        asked: MediaTransport,
        /// What it answered.
        answered: MediaTransport,
    },
    /// No sockets for media.
    #[error("can't receive media over {transport}: {why}")]
    NoSockets {
        /// The transport.
        transport: MediaTransport,
        /// What the system says.
        why: String,
    },
    /// No answer in time.
    #[error("no answer to {method} within {}; --response-timeout waits longer", format_duration(*.after))]
    NoAnswer {
        /// The request's method.
        method: String,
        /// How long it was waited for.
        after: Duration,
    },
    /// The server wants a name and a password, and there are none.
    #[error(
        "the server asks for a user name and password ({scheme}): give --user and RTSP_REC_PASSWORD or --password-file"
    )]
    CredentialsNeeded {
        /// The authentication scheme.
        scheme: String,
    },
    /// The server does not take them.
    #[error(
        "the server does not accept the user name or password ({scheme}); check both, cameras lock accounts after a few tries"
    )]
    CredentialsRefused {
        /// The authentication scheme.
        scheme: String,
    },
    /// No scheme that we speak.
    #[error(transparent)]
    Authentication(#[from] AuthError),
    /// A description without a track that could be set up.
    #[error("the description names no {}track{}", spaced(wanted), offered(.kinds))]
    NoTracks {
        /// What was looked for.
        wanted: String,
        /// The media types that it names.
        kinds: Vec<String>,
    },
    /// Too many redirects, or one to nowhere.
    #[error("redirected to '{location}': {why}")]
    Redirect {
        /// The Location header.
        location: String,
        /// What is wrong with it.
        why: String,
    },
    /// The connection ended before the session did.
    #[error("the server closed the connection {during}")]
    Closed {
        /// What was going on.
        during: String,
    },
    /// The connection stands and nothing comes.
    #[error("no media for {}{}", format_duration(*.after), patience(*.unheard))]
    Idle {
        /// The idle timeout.
        after: Duration,
        /// The transport over which nothing ever came.
        unheard: Option<MediaTransport>,
    },
    /// PLAY was granted, and by the end of the session nothing had come.
    #[error(
        "PLAY was granted, but no media came in {:.1} s over {transport}: {}{}", .after.as_secs_f64(), silence_hint(*.transport),
        other_transport(*.transport)
    )]
    NoMedia {
        /// How long it was waited for.
        after: Duration,
        /// How it should have come.
        transport: MediaTransport,
    },
    /// The stream ended in good order, which nothing had announced.
    #[error("the server ended the stream (BYE), which it had not announced")]
    Ended,
    /// The session is gone on the server's side.
    #[error("the server has forgotten the session (454); was it restarted?")]
    SessionLost,
}

impl SessionError {
    /// Whether it may be otherwise a little later. Credentials that were refused stay wrong, and trying them again
    /// would lock the account; what the server does not have it may have lost with a restart, if it once played.
    pub fn may_pass(&self, has_played: bool) -> bool {
        match self {
            Self::CredentialsNeeded { .. }
            | Self::CredentialsRefused { .. }
            | Self::Authentication(_)
            | Self::OtherTransport { .. }
            // The user or a limit has ended it.
            | Self::NoMedia { .. } => false,
            Self::Refused { status: 0 | 408 | 453..=455 | 500.., .. }
            | Self::Resolve { .. }
            | Self::Connect { .. }
            | Self::NoSockets { .. }
            | Self::NoAnswer { .. }
            | Self::Closed { .. }
            | Self::Idle { .. }
            | Self::Ended
            | Self::SessionLost => true,
            Self::Refused { .. } | Self::NoTracks { .. } | Self::Redirect { .. } => has_played,
        }
    }
}

/// What to try, for the statuses that say it.
fn hint(method: &str, status: u16, transport: MediaTransport) -> String {
    match status {
        // Only a tunnel begins with a GET.
        _ if method == "GET" && transport == MediaTransport::WebSocket => {
            "; does it speak RTSP over WebSocket at this port?".to_owned()
        }
        _ if method == "GET" => "; does it tunnel RTSP through HTTP at this port?".to_owned(),
        403 => "; may this user watch this stream?".to_owned(),
        404 => "; is the path right?".to_owned(),
        461 if transport.is_interleaved() => "; it does not send media over TCP, -t udp may work".to_owned(),
        461 => format!("; it does not send media over {transport}, -t tcp may work"),
        453 | 503 => "; it has too many clients".to_owned(),
        _ => String::new(),
    }
}

/// What to try where no media comes.
fn patience(unheard: Option<MediaTransport>) -> String {
    match unheard {
        Some(transport) if transport.is_interleaved() => format!(" over {transport}: {}", silence_hint(transport)),
        Some(transport) => {
            format!(" over {transport}: {}, -t {},tcp tries TCP then", silence_hint(transport), flag(transport))
        }
        None => "; --idle-timeout waits longer".to_owned(),
    }
}

/// What may be the cause where no media comes.
pub(in crate::session) const fn silence_hint(transport: MediaTransport) -> &'static str {
    match transport {
        MediaTransport::Udp => "a firewall or NAT may keep it off",
        MediaTransport::Multicast => "no multicast may get through to here",
        MediaTransport::Tcp | MediaTransport::Http | MediaTransport::WebSocket => {
            "the server sends nothing, is its source running?"
        }
    }
}

const fn other_transport(transport: MediaTransport) -> &'static str {
    if transport.is_interleaved() { "" } else { "; -t tcp may work" }
}

/// How the command line calls a transport.
fn flag(transport: MediaTransport) -> String {
    match transport {
        MediaTransport::WebSocket => "ws".to_owned(),
        _ => transport.to_string().to_lowercase(),
    }
}

/// A word and the space behind it, if there is a word.
fn spaced(word: &str) -> String {
    if word.is_empty() { String::new() } else { format!("{word} ") }
}

fn offered(kinds: &[String]) -> String {
    if kinds.is_empty() { String::new() } else { format!("; it has {}", kinds.join(", ")) }
}
