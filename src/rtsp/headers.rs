//! The values of the header fields that carry a session (RFC 2326, section 12), read tolerantly.

use std::net::IpAddr;
use std::time::Duration;

use crate::rtsp::addresses::AddressPair;
use crate::time::Timestamp;

/// A session without a timeout parameter lives for 60 s without a sign of its client (RFC 2326, section 12.37).
pub const DEFAULT_SESSION_TIMEOUT: Duration = Duration::from_mins(1);

/// One transport specification of a Transport header (RFC 2326, section 12.39).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transport {
    /// `RTP/AVP`, `RTP/AVP/TCP`… as written.
    pub protocol: String,
    /// `multicast` stands in it.
    pub multicast: bool,
    /// Channels for RTP and RTCP. A single `interleaved=4` means 4 and 5.
    pub interleaved: Option<(u8, u8)>,
    /// The client's RTP and RTCP ports.
    pub client_port: Option<(u16, u16)>,
    /// The ports that the client asked for, where the answer names others: some servers write a pair of their own, or 0.
    pub asked_port: Option<(u16, u16)>,
    /// The server's RTP and RTCP ports.
    pub server_port: Option<(u16, u16)>,
    /// The SSRC that the server announces.
    pub ssrc: Option<u32>,
    /// Where the media comes from, if not from the server's address.
    pub source: Option<IpAddr>,
    /// Where the media goes to: the group, with multicast.
    pub destination: Option<IpAddr>,
    /// How many networks away multicast may go.
    pub ttl: Option<u8>,
}

impl Transport {
    /// Every specification of a header value, in its order. Parameters may come in any order, with spaces around.
    pub fn parse_all(value: &str) -> Vec<Self> {
        value.split(',').map(Self::parse).filter(|transport| !transport.protocol.is_empty()).collect()
    }

    /// What the server answered, with what it left out taken from what the client asked for. A server that says nothing of
    /// channels is taken to use those asked for, unless it names ports.
    pub fn agreed(answered: &str, asked: Option<&str>) -> Self {
        let asked = asked.map(Self::parse_all).unwrap_or_default();
        let answers = Self::parse_all(answered);
        let mut transport =
            answers.iter().find(|answer| answer.interleaved.is_some()).or(answers.first()).cloned().unwrap_or_default();
        let ports = transport.server_port.is_some() || transport.client_port.is_some() || transport.multicast;
        // Who says TCP or UDP means it, whatever else stands there too.
        let udp = transport.names("/UDP") || ports && !transport.names("/TCP");
        if !udp && transport.interleaved.is_none() {
            transport.interleaved = asked.iter().find_map(|asked| asked.interleaved);
        }
        if transport.interleaved.is_none() && !transport.multicast {
            let wanted = asked.iter().find_map(|asked| asked.client_port);
            let answered = transport.client_port.filter(|(rtp, _)| *rtp != 0);
            transport.client_port = answered.or(wanted);
            transport.asked_port = wanted.filter(|_| transport.client_port != wanted);
        }
        transport
    }

    /// Whether the protocol field names this lower transport. `RTP/AVP` alone is UDP (RFC 2326, section 12.39), but devices
    /// write it with interleaved channels as well.
    fn names(&self, lower: &str) -> bool {
        self.protocol.to_ascii_uppercase().ends_with(lower)
    }

    fn parse(text: &str) -> Self {
        let mut parameters = text.split(';').map(str::trim);
        let protocol = parameters.next().unwrap_or_default().to_owned();
        let muxed = parameters.clone().any(|parameter| parameter.eq_ignore_ascii_case("RTCP-mux"));
        let addresses = |wanted: &str| {
            let mut named = parameters.clone().filter_map(|parameter| parameter.split_once('='));
            let (_, value) = named.find(|(name, _)| name.trim().eq_ignore_ascii_case(wanted))?;
            AddressPair::parse(value, muxed)
        };
        let (to, from) = (addresses("dest_addr"), addresses("src_addr"));
        let own_ports = own_ports(parameters.clone());
        let mut transport = parameters.fold(Self { protocol, ..Self::default() }, Self::with_parameter);
        transport.read_addresses(to, from);
        // AirPlay 1 asks for `RTP/AVP/UDP;interleaved=0-1`, and sends datagrams.
        if transport.names("/UDP") {
            transport.interleaved = None;
        }
        for (rtp, rtcp) in [&mut transport.client_port, &mut transport.server_port].into_iter().flatten() {
            if own_ports.contains(rtcp) {
                *rtcp = *rtp;
            }
        }
        if let (Some((rtp, rtcp)), true) = (&mut transport.interleaved, muxed) {
            *rtcp = *rtp;
        }
        transport
    }

    /// The addresses of RTSP 2.0 mean what ports, `source` and `destination` mean in 1.0; the ports of a group stand as
    /// the server's, as `port` does.
    fn read_addresses(&mut self, to: Option<AddressPair>, from: Option<AddressPair>) {
        if let Some(to) = to {
            let ports = if self.multicast { &mut self.server_port } else { &mut self.client_port };
            *ports = Some(to.ports);
            self.destination = to.host.or(self.destination);
        }
        if let Some(from) = from.filter(|_| !self.multicast) {
            self.server_port = Some(from.ports);
            self.source = from.host.or(self.source);
        }
    }

    fn with_parameter(mut self, parameter: &str) -> Self {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let value = value.trim().trim_matches('"');
        match name.trim().to_ascii_lowercase().as_str() {
            "multicast" => self.multicast = true,
            "interleaved" => self.interleaved = pair(value, |first: u8| first.checked_add(1)),
            "client_port" => self.client_port = pair(value, |first: u16| first.checked_add(1)),
            "server_port" | "port" => self.server_port = pair(value, |first: u16| first.checked_add(1)),
            "source" => self.source = value.parse().ok(),
            "destination" => self.destination = value.parse().ok(),
            "ttl" => self.ttl = value.parse().ok(),
            "ssrc" => self.ssrc = u32::from_str_radix(value, 16).ok(),
            _ => {}
        }
        self
    }
}

/// The ports that `AirPlay` 1 has for protocols of its own: what comes there is no RTCP, though it is next to that of RTP.
fn own_ports<'a>(parameters: impl Iterator<Item = &'a str>) -> Vec<u16> {
    let named = parameters.filter_map(|parameter| parameter.split_once('='));
    let is_own = |name: &str| ["control_port", "timing_port"].iter().any(|own| name.trim().eq_ignore_ascii_case(own));
    named.filter(|(name, _)| is_own(name)).filter_map(|(_, value)| value.trim().parse().ok()).collect()
}

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

/// `4-5`, or `4` alone, whose partner is the next number.
fn pair<T: std::str::FromStr + Copy>(value: &str, next: impl Fn(T) -> Option<T>) -> Option<(T, T)> {
    let (first, second) = value.split_once('-').unwrap_or((value, ""));
    let first = first.trim().parse().ok()?;
    let second = second.trim().parse().ok().or_else(|| next(first))?;
    Some((first, second))
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
    fn ports_of_airplay_are_none_of_rtcp() {
        let ports = |value: &str| Transport::parse_all(value)[0].server_port;
        assert_eq!(ports("RTP/AVP/UDP;unicast;server_port=6000"), Some((6000, 6001)));
        assert_eq!(ports("RTP/AVP/UDP;control_port=6001;timing_port=6002;server_port=6000"), Some((6000, 6000)));
        assert_eq!(ports("RTP/AVP/UDP;server_port=6000;Timing_Port = 6001"), Some((6000, 6000)));
        assert_eq!(ports("RTP/AVP/UDP;server_port=6000;control_port=7001"), Some((6000, 6001)));
    }

    #[test]
    fn transports_of_real_servers() {
        let gst = &Transport::parse_all("RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=4D1DF158;mode=\"PLAY\"")[0];
        assert_eq!((gst.interleaved, gst.ssrc), (Some((0, 1)), Some(0x4d1d_f158)));
        let live555 =
            &Transport::parse_all("RTP/AVP/TCP;unicast;destination=127.0.0.1;source=127.0.0.1;interleaved=2-3")[0];
        assert_eq!(live555.interleaved, Some((2, 3)));
        let hikvision = &Transport::parse_all("RTP/AVP/TCP;unicast;interleaved=0-1; ssrc=12ab;mode=\"play\"")[0];
        assert_eq!(hikvision.ssrc, Some(0x12ab));
        let udp = &Transport::parse_all("RTP/AVP;unicast;client_port=5000-5001;server_port=6970")[0];
        assert_eq!((udp.client_port, udp.server_port), (Some((5000, 5001)), Some((6970, 6971))));
    }

    #[test]
    fn odd_transports() {
        assert_eq!(Transport::parse_all("RTP/AVP/TCP;interleaved=4")[0].interleaved, Some((4, 5)));
        assert_eq!(Transport::parse_all("RTP/AVP/TCP;interleaved=255")[0].interleaved, None);
        assert_eq!(Transport::parse_all("RTP/AVP/TCP;interleaved=300-301;ssrc=xyz")[0].interleaved, None);
        let several = Transport::parse_all("RTP/AVP;multicast;port=1-2,RTP/AVP/TCP;interleaved=0-1,");
        assert_eq!(several.len(), 2);
        assert!(several[0].multicast);
        assert!(Transport::parse_all("").is_empty());
    }

    #[test]
    fn the_protocol_names_the_lower_transport() {
        let ask = "RTP/AVP/UDP;unicast;interleaved=0-1;mode=record;control_port=6001;timing_port=6002";
        let agreed = Transport::agreed(&format!("{ask};server_port=6000"), Some(ask));
        assert_eq!((agreed.interleaved, agreed.server_port, agreed.client_port), (None, Some((6000, 6000)), None));
        let agreed = Transport::agreed("rtp/avp/udp;unicast", Some(ask));
        assert_eq!(agreed.interleaved, None);
        let tcp = "RTP/AVP;unicast;interleaved=0-1";
        assert_eq!(Transport::agreed(tcp, Some(tcp)).interleaved, Some((0, 1)), "devices write it so");
    }

    #[test]
    fn the_ports_that_were_asked_for() {
        let ask = "RTP/AVP;unicast;client_port=5000-5001";
        let agreed = |answer: &str| {
            let transport = Transport::agreed(&format!("RTP/AVP;unicast;{answer}"), Some(ask));
            (transport.client_port, transport.asked_port)
        };
        assert_eq!(agreed("client_port=5000-5001;server_port=6000-6001"), (Some((5000, 5001)), None));
        assert_eq!(agreed("client_port=8000-8001"), (Some((8000, 8001)), Some((5000, 5001))));
        assert_eq!(agreed("client_port=0-0;server_port=6000-6001"), (Some((5000, 5001)), None));
    }

    #[test]
    fn what_is_agreed_upon() {
        let agreed = |answered: &str, asked: &str| {
            let transport = Transport::agreed(answered, Some(asked));
            (transport.interleaved, transport.client_port, transport.server_port)
        };
        let (tcp, udp) = ("RTP/AVP/TCP;unicast;interleaved=2-3", "RTP/AVP;unicast;client_port=5000-5001");
        assert_eq!(agreed("RTP/AVP;unicast", tcp), (Some((2, 3)), None, None), "Escam");
        let ports = "client_port=7000-7001;server_port=6970-6971";
        assert_eq!(agreed(&format!("RTP/AVP;unicast;{ports}"), tcp).0, None);
        assert_eq!(agreed(&format!("RTP/AVP/TCP;unicast;{ports}"), tcp).0, Some((2, 3)), "it says TCP");
        assert_eq!(agreed("RTP/AVP;unicast;server_port=6970", udp), (None, Some((5000, 5001)), Some((6970, 6971))));
        assert_eq!(agreed("RTP/AVP;unicast", udp), (None, Some((5000, 5001)), None));
        let group = Transport::agreed("RTP/AVP;multicast;destination=239.1.2.3;port=7000-7001;ttl=16", Some(udp));
        assert_eq!((group.destination, group.ttl), ("239.1.2.3".parse().ok(), Some(16)));
    }

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
    fn transports_of_rtsp_2() {
        let read = |value: &str| {
            let one = Transport::parse_all(value).remove(0);
            (
                one.client_port,
                one.server_port,
                one.destination.map(|to| to.to_string()),
                one.source.map(|from| from.to_string()),
            )
        };
        let ip = |text: &str| Some(text.to_owned());
        let answer = "RTP/AVP/UDP;unicast;dest_addr=\"10.0.0.2:50100\"/\"10.0.0.2:50101\";src_addr=\"10.0.0.1:6000\"/\"10.0.0.1:6001\";ssrc=00000007";
        assert_eq!(read(answer), (Some((50100, 50101)), Some((6000, 6001)), ip("10.0.0.2"), ip("10.0.0.1")));
        assert_eq!(read("RTP/AVP;unicast;dest_addr=\":50100\"/\":50105\""), (Some((50100, 50105)), None, None, None));
        assert_eq!(
            read("RTP/AVP;unicast;RTCP-mux;dest_addr=\"[::1]:50100\""),
            (Some((50100, 50100)), None, ip("::1"), None)
        );
        let group = "RTP/AVP;dest_addr=\"239.1.2.3:7000\"/\"239.1.2.3:7001\";multicast;ttl=5";
        assert_eq!(read(group), (None, Some((7000, 7001)), ip("239.1.2.3"), None));
        assert_eq!(Transport::parse_all("RTP/AVP/TCP;interleaved=4;RTCP-mux")[0].interleaved, Some((4, 4)));
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
