//! What a SETUP asks for now: this client has no UDP, so it asks for the same over TCP.

/// The Transport header with another one in the place of what is no TCP, on the pair of channels that begins with
/// `free`. `None` if nothing has to change.
pub(super) fn over_tcp(asked: &str, free: u8) -> Option<String> {
    let (tcp, other): (Vec<&str>, Vec<&str>) =
        asked.split(',').map(str::trim).filter(|offer| !offer.is_empty()).partition(|offer| is_tcp(offer));
    match other.first() {
        None => None,
        Some(_) if !tcp.is_empty() => Some(tcp.join(",")),
        Some(first) => Some(moved(first, free)),
    }
}

fn is_tcp(offer: &str) -> bool {
    let mut parameters = offer.split(';').map(str::trim);
    let protocol = parameters.next().unwrap_or_default().to_ascii_uppercase();
    protocol.ends_with("/TCP") || parameters.any(|parameter| name(parameter) == "interleaved")
}

fn moved(offer: &str, free: u8) -> String {
    let (protocol, parameters) = offer.split_once(';').unwrap_or((offer, ""));
    let profile = protocol.trim().trim_end_matches("/UDP");
    let own = |parameter: &&str| {
        let here = ["", "unicast", "multicast", "client_port", "server_port", "port", "destination", "source", "ttl"];
        !here.contains(&name(parameter).as_str())
    };
    let channels = format!("interleaved={free}-{}", free.saturating_add(1));
    let rest = parameters.split(';').map(str::trim).filter(own);
    ["unicast", &channels].into_iter().chain(rest).fold(format!("{profile}/TCP"), |all, next| all + ";" + next)
}

fn name(parameter: &str) -> String {
    parameter.split('=').next().unwrap_or_default().trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tcp_stays_and_all_else_becomes_it() {
        for (asked, expected) in [
            ("RTP/AVP/TCP;unicast;interleaved=4-5", None),
            ("RTP/AVP;interleaved=0-1, RTP/AVP/TCP", None),
            ("RTP/AVP;unicast;client_port=5000-5001", Some("RTP/AVP/TCP;unicast;interleaved=2-3")),
            (
                "RTP/AVPF/UDP;unicast;client_port=1-2;mode=\"PLAY\"",
                Some("RTP/AVPF/TCP;unicast;interleaved=2-3;mode=\"PLAY\""),
            ),
            ("RTP/AVP;multicast;destination=224.2.0.1;ttl=5", Some("RTP/AVP/TCP;unicast;interleaved=2-3")),
            ("RTP/AVP/UDP;unicast;client_port=1-2,RTP/AVP/TCP;unicast", Some("RTP/AVP/TCP;unicast")),
        ] {
            assert_eq!(over_tcp(asked, 2).as_deref(), expected, "{asked}");
        }
    }
}
