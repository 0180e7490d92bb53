//! What was found out. The field names are those of the JSON output, which docs/probe.md describes.

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::rtsp::auth::OfferedLogin;

/// A time, written in milliseconds with three decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Millis(pub Duration);

impl Serialize for Millis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let micros = u32::try_from(self.0.as_micros()).unwrap_or(u32::MAX);
        serializer.serialize_f64(f64::from(micros) / 1e3)
    }
}

/// All of it.
#[derive(Clone, Debug, Serialize)]
pub struct Results {
    /// What was probed, without credentials.
    pub url: String,
    /// The server itself.
    pub server: ServerFound,
    /// Whether it wants a login.
    pub login: LoginFound,
    /// What it says of the URL.
    pub description: Option<DescriptionFound>,
    /// What it makes of sessions.
    pub session: SessionFound,
    /// How media can come.
    pub transports: Vec<TransportFound>,
    /// What keeps a session alive.
    pub keep_alive: Vec<KeepAliveFound>,
    /// The command that records it.
    pub record: Option<String>,
    /// Why there is none.
    pub problem: Option<String>,
    /// The user ended it before its time.
    pub interrupted: bool,
    /// How long all of it took.
    pub took_ms: Millis,
}

/// The server itself.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ServerFound {
    /// The address that was tried last, or connected to.
    pub address: Option<SocketAddr>,
    /// From SYN to an open connection, TLS and tunnel included.
    pub connect_ms: Option<Millis>,
    /// From the first OPTIONS to its answer.
    pub options_ms: Option<Millis>,
    /// The status of that answer.
    pub options_status: Option<u16>,
    /// The Server header.
    pub name: Option<String>,
    /// The methods of the Public header.
    pub public: Vec<String>,
}

/// What became of the login.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LoginState {
    /// Nobody asked for one, as far as it went.
    #[default]
    NotAsked,
    /// It was asked for, and there was none.
    Missing,
    /// It is good.
    Accepted,
    /// It is not.
    Refused,
    /// None of the schemes is known here.
    Unsupported,
}

/// Whether the server wants a login.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LoginFound {
    /// What became of it.
    pub state: LoginState,
    /// The scheme that was used, such as `Digest MD5`.
    pub scheme: Option<&'static str>,
    /// All that were offered.
    pub offered: Vec<OfferedLogin>,
}

/// What the server says of the URL.
#[derive(Clone, Debug, Default, Serialize)]
pub struct DescriptionFound {
    /// Its size.
    pub bytes: Option<usize>,
    /// `s=`
    pub name: Option<String>,
    /// `a=control` of the session.
    pub control: Option<String>,
    /// `a=range` of the session.
    pub range: Option<String>,
    /// The `m=` sections.
    pub tracks: Vec<TrackFound>,
}

/// A track.
#[derive(Clone, Debug, Default, Serialize)]
pub struct TrackFound {
    /// Its place, from 0.
    pub track: usize,
    /// `video`, `audio`…
    pub media: String,
    /// The first RTP payload type.
    pub payload_type: Option<u8>,
    /// Its encoding.
    pub encoding: Option<String>,
    /// Its clock.
    pub clock_rate_hz: Option<u32>,
    /// `a=control`
    pub control: Option<String>,
    /// `a=fmtp`
    pub fmtp: Option<String>,
}

/// What the server makes of sessions.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SessionFound {
    /// The timeout that it names.
    pub timeout_s: Option<u64>,
    /// How long the answer to TEARDOWN took; `None` without one.
    pub teardown_ms: Option<Millis>,
    /// The status of that answer.
    pub teardown_status: Option<u16>,
}

/// What came of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Outcome {
    /// Media came; or the sign of life was answered with success.
    Works,
    /// All was answered with success, and no media came.
    NoMedia,
    /// The server answered with another status.
    Refused,
    /// It has too many sessions (453, 503), also when it was asked alone.
    Busy,
    /// There is no login, or a wrong one.
    LoginNeeded,
    /// TCP, TLS or the tunnel could not be opened.
    NoConnection,
    /// No answer in time.
    NoAnswer,
    /// The server closed the connection instead.
    Closed,
    /// Something else.
    Failed,
    /// There was no use in it, or no time.
    NotTried,
}

/// How media can come, or why not.
#[derive(Clone, Debug, Serialize)]
pub struct TransportFound {
    /// `tcp`, `udp`, `multicast`, `http`
    pub transport: String,
    /// RTSP lies on TLS.
    pub tls: bool,
    /// The server's RTSP port.
    pub port: u16,
    /// What came of it.
    pub result: Outcome,
    /// The status of the answer that refused it.
    pub status: Option<u16>,
    /// Why, in words; or what is odd about it.
    pub detail: String,
    /// The Transport headers of the answers to SETUP.
    pub answered: Vec<String>,
    /// From PLAY to the first RTP packet.
    pub first_rtp_ms: Option<Millis>,
    /// RTP packets in about a second.
    pub rtp_packets: u64,
    /// Their size.
    pub rtp_bytes: u64,
    /// RTCP sender reports meanwhile.
    pub sender_reports: u64,
    /// TLS version and cipher, and whether there is a tunnel.
    pub carrier: Option<String>,
    /// Of the server's certificate, `trusted`, or what is wrong with it.
    pub certificate: Option<String>,
}

/// What carries RTSP besides TCP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CarrierFound {
    /// In words.
    pub name: String,
    /// What is wrong with the server's certificate.
    pub doubt: Option<String>,
}

/// A sign of life, and what the server made of it.
#[derive(Clone, Debug, Serialize)]
pub struct KeepAliveFound {
    /// The method.
    pub method: &'static str,
    /// What came of it.
    pub result: Outcome,
    /// The status of the answer.
    pub status: Option<u16>,
    /// How long it took.
    pub took_ms: Option<Millis>,
    /// In words.
    pub detail: String,
}
