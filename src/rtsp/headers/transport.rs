//! The Transport header: over what media goes, and between which ports (RFC 2326, section 12.39).

use std::net::IpAddr;

use crate::rtsp::addresses::AddressPair;

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
        // Who answers nothing takes what was asked for.
        let named = if answers.is_empty() { &asked } else { &answers };
        let interleaved = named.iter().find(|transport| transport.interleaved.is_some());
        let mut transport = interleaved.or(named.first()).cloned().unwrap_or_default();
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
        if transport.multicast {
            let groups = || asked.iter().filter(|asked| asked.multicast);
            transport.server_port = transport.server_port.or_else(|| groups().find_map(|asked| asked.server_port));
            transport.destination = transport.destination.or_else(|| groups().find_map(|asked| asked.destination));
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
        let value = |wanted: &str| {
            let mut named = parameters.clone().map(|parameter| parameter.split_once('=').unwrap_or((parameter, "")));
            let (_, value) = named.find(|(name, _)| name.trim().eq_ignore_ascii_case(wanted))?;
            Some(value)
        };
        let addresses = |wanted: &str| AddressPair::parse(value(wanted)?, muxed);
        let (to, from) = (addresses("dest_addr"), addresses("src_addr"));
        let port = value("port").and_then(|value| pair(value, |first: u16| first.checked_add(1)));
        let is_unicast = value("unicast").is_some();
        let own_ports = own_ports(parameters.clone());
        let mut transport = parameters.fold(Self { protocol, ..Self::default() }, Self::with_parameter);
        transport.multicast |= !is_unicast && transport.destination.is_some_and(|address| address.is_multicast());
        if transport.multicast {
            transport.read_group_ports(port);
        }
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

    /// Of a group only the ports count where it listens. They stand as the server's: `port` (RFC 2326, section 12.39) names
    /// them, which some write as `client_port`, with those from which they send as `server_port`.
    fn read_group_ports(&mut self, port: Option<(u16, u16)>) {
        let mut named = [port, self.client_port.take(), self.server_port].into_iter().flatten();
        self.server_port = named.find(|(rtp, _)| *rtp != 0);
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

/// `4-5`, or `4` alone, whose partner is the next number.
fn pair<T: std::str::FromStr + Copy>(value: &str, next: impl Fn(T) -> Option<T>) -> Option<(T, T)> {
    let (first, second) = value.split_once('-').unwrap_or((value, ""));
    let first = first.trim().parse().ok()?;
    let second = second.trim().parse().ok().or_else(|| next(first))?;
    Some((first, second))
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
    fn the_ports_of_a_group() {
        let ports = |value: &str| {
            let one = Transport::parse_all(value).remove(0);
            (one.multicast, one.client_port, one.server_port)
        };
        let group = "RTP/AVP;multicast;destination=239.1.2.3";
        assert_eq!(ports(&format!("{group};port=7000-7001")), (true, None, Some((7000, 7001))));
        assert_eq!(ports(&format!("{group};client_port=7000-7001")), (true, None, Some((7000, 7001))));
        assert_eq!(ports(&format!("{group};server_port=7000")), (true, None, Some((7000, 7001))));
        let both = "server_port=6000-6001;client_port=7000-7001";
        assert_eq!(ports(&format!("{group};{both}")), (true, None, Some((7000, 7001))), "it sends from the other");
        assert_eq!(ports(&format!("{group};{both};port=8000")), (true, None, Some((8000, 8001))));
        assert_eq!(ports(&format!("{group};port=0-0")), (true, None, None));
        let unsaid = "RTP/AVP;destination=239.1.2.3;port=7000-7001";
        assert_eq!(ports(unsaid), (true, None, Some((7000, 7001))), "the address says it");
        assert!(!ports("RTP/AVP;unicast;destination=239.1.2.3;client_port=7000").0);
    }

    #[test]
    fn an_answer_without_transport_means_what_was_asked_for() {
        let asked = "RTP/AVP;unicast;client_port=5000-5001";
        let agreed = |asked: &str| Transport::agreed("", Some(asked));
        assert_eq!((agreed(asked).client_port, agreed(asked).asked_port), (Some((5000, 5001)), None));
        assert_eq!(agreed("RTP/AVP/TCP;unicast;interleaved=2-3").interleaved, Some((2, 3)));
        let group = agreed("RTP/AVP;multicast;destination=239.1.2.3;port=7000-7001");
        assert!(group.multicast && group.destination.is_some() && group.server_port == Some((7000, 7001)));
        let either = agreed("RTP/AVP;unicast;client_port=5000-5001,RTP/AVP/TCP;unicast;interleaved=0-1");
        assert_eq!(either.interleaved, Some((0, 1)));
        assert_eq!(Transport::agreed("", None), Transport::default());
    }

    #[test]
    fn a_group_that_only_the_client_names() {
        let agreed = |answered: &str, asked: &str| {
            let transport = Transport::agreed(answered, Some(asked));
            (transport.destination.map(|group| group.to_string()), transport.server_port)
        };
        let group = Some("239.1.2.3".to_owned());
        let asked = "RTP/AVP;multicast;destination=239.1.2.3;client_port=7000-7001";
        assert_eq!(agreed("RTP/AVP;multicast", asked), (group.clone(), Some((7000, 7001))));
        assert_eq!(agreed("RTP/AVP;multicast;port=8000", asked), (group.clone(), Some((8000, 8001))));
        let unicast = "RTP/AVP;unicast;client_port=7000-7001";
        assert_eq!(agreed("RTP/AVP;multicast;destination=239.1.2.3", unicast), (group, None), "they are its own");
    }
}
