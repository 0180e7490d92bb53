//! The values of the header fields that carry a session (RFC 2326, section 12), read tolerantly.

mod transport;

use std::time::Duration;

use crate::time::Timestamp;

pub use transport::Transport;

/// A session without a timeout parameter lives for 60 s without a sign of its client (RFC 2326, section 12.37).
pub const DEFAULT_SESSION_TIMEOUT: Duration = Duration::from_mins(1);

/// Whether a profile of RTP is a secure one: `RTP/SAVP` (RFC 3711), `RTP/SAVPF` (RFC 5124), `UDP/TLS/RTP/SAVP` (RFC 5764).
pub fn is_secure_profile(protocol: &str) -> bool {
    protocol.split('/').any(|part| part.eq_ignore_ascii_case("SAVP") || part.eq_ignore_ascii_case("SAVPF"))
}

/// When a range of wall clock time begins (RFC 2326, section 3.7): `clock=20261128T120000.25Z-`.
pub fn clock_start(value: &str) -> Option<Timestamp> {
    let (unit, range) = value.split_once('=')?;
    let start = range.split('-').next().filter(|_| unit.trim().eq_ignore_ascii_case("clock"))?;
    let start = chrono::NaiveDateTime::parse_from_str(start.trim(), "%Y%m%dT%H%M%S%.fZ").ok()?;
    start.and_utc().timestamp_nanos_opt().map(Timestamp::from_nanos)
}

/// A Session header (RFC 2326, section 12.37).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The session identifier, opaque.
    pub id: String,
    /// How long the session lives without a sign of the client; `None` where it is not said, or 0.
    pub timeout: Option<Duration>,
}

impl Session {
    /// Reads `id`, `id;timeout=65` and ` id ; timeout = 60`. `None` where there is no identifier.
    pub fn parse(value: &str) -> Option<Self> {
        let mut parts = value.split(';').map(str::trim);
        let id = parts.next().filter(|id| !id.is_empty())?.to_owned();
        let seconds = parts
            .filter_map(|part| part.split_once('='))
            .find(|(name, _)| name.trim().eq_ignore_ascii_case("timeout"))
            .and_then(|(_, seconds)| seconds.trim().parse().ok())
            .filter(|seconds| *seconds > 0);
        Some(Self { id, timeout: seconds.map(Duration::from_secs) })
    }
}

/// One stream of an RTP-Info header (RFC 2326, section 12.33; RFC 7826, section 18.45).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RtpInfo {
    /// The stream's URL as given, absolute or relative.
    pub url: String,
    /// The source it speaks of, where it names one. A stream of RTSP 2.0 may have several.
    pub ssrc: Option<u32>,
    /// Sequence number of the first packet.
    pub seq: Option<u16>,
    /// RTP timestamp that corresponds to the start of the range.
    pub rtptime: Option<u32>,
}

impl RtpInfo {
    /// Every stream of a header value. A URL may hold commas: a new stream begins at `url=` only.
    pub fn parse_all(value: &str) -> Vec<Self> {
        let starts: Vec<usize> = value.match_indices("url=").map(|(at, _)| at).collect();
        let ends = starts.iter().skip(1).copied().chain([value.len()]);
        starts.iter().zip(ends).filter_map(|(start, end)| value.get(*start..end)).flat_map(Self::parse).collect()
    }

    /// `url=…;seq=…;rtptime=…`, or as RTSP 2.0 has it: `url="…" ssrc=…:seq=…;rtptime=…`, with more sources behind.
    fn parse(text: &str) -> Vec<Self> {
        let text = text.trim_end_matches([',', ';', ' ']);
        let quoted = text.strip_prefix("url=\"").and_then(|quoted| quoted.split_once('"'));
        let Some((url, parameters)) = quoted else { return vec![Self::default().with_parameters(text)] };
        let of_stream = |text: &str| Self { url: url.to_owned(), ..Self::default() }.with_parameters(text);
        let mut sources = parameters.split("ssrc=").peekable();
        match (sources.next(), sources.peek()) {
            (Some(all), None) => vec![of_stream(all)],
            _ => sources.map(|source| of_stream(&format!("ssrc={}", source.replacen(':', ";", 1)))).collect(),
        }
    }

    fn with_parameters(mut self, text: &str) -> Self {
        for parameter in text.split(';') {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            match name.trim() {
                "url" => value.trim().clone_into(&mut self.url),
                "ssrc" => self.ssrc = u32::from_str_radix(value.trim(), 16).ok(),
                "seq" => self.seq = value.trim().parse().ok(),
                "rtptime" => self.rtptime = value.trim().parse().ok(),
                _ => {}
            }
        }
        self
    }
}

/// The methods of a Public header (RFC 2326, section 12.28), in capitals.
pub fn parse_public(value: &str) -> Vec<String> {
    value.split(',').map(|method| method.trim().to_ascii_uppercase()).filter(|method| !method.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions() {
        let session = |value| Session::parse(value).map(|session| (session.id, session.timeout.map(|t| t.as_secs())));
        assert_eq!(session("213308010339687023"), Some(("213308010339687023".into(), None)));
        assert_eq!(session("B8577B1D;timeout=65"), Some(("B8577B1D".into(), Some(65))));
        assert_eq!(session("  id ; timeout = 60"), Some(("id".into(), Some(60))));
        assert_eq!(session("id;timeout=0"), Some(("id".into(), None)));
        assert_eq!(session(" ;timeout=5"), None);
    }

    #[test]
    fn rtp_infos() {
        let value = "url=rtsp://h/a,b/stream=0;seq=29883;rtptime=3806930499, url=stream=1;seq=x;";
        let infos = RtpInfo::parse_all(value);
        assert_eq!(infos.len(), 2);
        assert_eq!((infos[0].url.as_str(), infos[0].seq), ("rtsp://h/a,b/stream=0", Some(29883)));
        assert_eq!((infos[1].url.as_str(), infos[1].seq, infos[1].rtptime), ("stream=1", None, None));
        assert!(RtpInfo::parse_all("").is_empty());
    }

    #[test]
    fn rtp_infos_of_rtsp_2() {
        let value = "url=\"rtsp://h/a;b/1\" ssrc=0D12F123:seq=5;rtptime=7 ssrc=000000ff:seq=6,url=\"rtsp://h/2\" ssrc=A0:rtptime=9";
        let read = |value: &str| {
            let infos = RtpInfo::parse_all(value).into_iter();
            infos.map(|info| (info.url, info.ssrc, info.seq, info.rtptime)).collect::<Vec<_>>()
        };
        let one = |url: &str, ssrc, seq, rtptime| (url.to_owned(), ssrc, seq, rtptime);
        assert_eq!(
            read(value),
            [
                one("rtsp://h/a;b/1", Some(0x0d12_f123), Some(5), Some(7)),
                one("rtsp://h/a;b/1", Some(0xff), Some(6), None),
                one("rtsp://h/2", Some(0xa0), None, Some(9)),
            ]
        );
        assert_eq!(read("url=\"rtsp://h/1\";seq=5;rtptime=7"), [one("rtsp://h/1", None, Some(5), Some(7))]);
        assert_eq!(read("url=rtsp://h/1;ssrc=ff;seq=5"), [one("rtsp://h/1", Some(0xff), Some(5), None)]);
    }

    #[test]
    fn profiles() {
        for secure in ["RTP/SAVP", "rtp/savpf", "RTP/SAVP/TCP", "UDP/TLS/RTP/SAVPF", "TCP/DTLS/RTP/SAVP"] {
            assert!(is_secure_profile(secure), "{secure}");
        }
        for other in ["RTP/AVP", "RTP/AVPF", "RTP/AVP/TCP", "MP2T/H2221/UDP", "RTP/SAVPX", ""] {
            assert!(!is_secure_profile(other), "{other}");
        }
    }

    #[test]
    fn public_lists_methods() {
        assert_eq!(parse_public("DESCRIBE,SETUP, options ,"), ["DESCRIBE", "SETUP", "OPTIONS"]);
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text: String) {
            let _ = (Transport::parse_all(&text), Session::parse(&text), RtpInfo::parse_all(&text), parse_public(&text));
        }
    }
}
