//! The addresses that RTSP 2.0 names in Transport: `dest_addr` and `src_addr` (RFC 7826, section 18.54).

use std::net::IpAddr;

/// Where one side sends and receives RTP and RTCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AddressPair {
    /// The host of RTP. `None` where only ports are named: then it is that of the connection.
    pub(super) host: Option<IpAddr>,
    /// The ports of RTP and RTCP.
    pub(super) ports: (u16, u16),
}

impl AddressPair {
    /// Reads `"192.0.2.5:3456"/"192.0.2.5:3457"`, `":3456"/":3457"` or `"[2001:db8::1]:3456"` alone, with or without quotes.
    ///
    /// Without a second address RTCP has the next port, or that of RTP where both are `muxed` (section 18.54, `RTCP-mux`).
    pub(super) fn parse(value: &str, muxed: bool) -> Option<Self> {
        let mut addresses = value.split('/').map(|address| parse_address(address.trim().trim_matches('"')));
        let (host, rtp) = addresses.next()??;
        let rtcp = match addresses.next().flatten() {
            Some((_, rtcp)) => rtcp,
            None if muxed => rtp,
            None => rtp.checked_add(1)?,
        };
        Some(Self { host, ports: (rtp, rtcp) })
    }
}

/// `host:port`. A host that is a name is not looked up, and an unspecified one says nothing.
fn parse_address(text: &str) -> Option<(Option<IpAddr>, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let host = host.parse().ok().filter(|host: &IpAddr| !host.is_unspecified());
    Some((host, port.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str, muxed: bool) -> Option<(Option<String>, (u16, u16))> {
        let pair = AddressPair::parse(value, muxed)?;
        Some((pair.host.map(|host| host.to_string()), pair.ports))
    }

    #[test]
    fn pairs_of_all_forms() {
        let host = |host: &str| Some(host.to_owned());
        for (value, muxed, expected) in [
            ("\"192.0.2.5:3456\"/\"192.0.2.5:3457\"", false, Some((host("192.0.2.5"), (3456, 3457)))),
            ("\":50100\"/\":50109\"", false, Some((None, (50100, 50109)))),
            ("\":50100\"", false, Some((None, (50100, 50101)))),
            ("\":50100\"", true, Some((None, (50100, 50100)))),
            ("\":65535\"", false, None),
            ("\"[2001:db8::1]:6000\" / \"[2001:db8::1]:6001\"", false, Some((host("2001:db8::1"), (6000, 6001)))),
            ("0.0.0.0:7000/0.0.0.0:7001", false, Some((None, (7000, 7001)))),
            ("\"cam.lan:7000\"/\"cam.lan:7001\"", false, Some((None, (7000, 7001)))),
            ("\"192.0.2.5\"", false, None),
            ("\":70000\"", false, None),
            ("", false, None),
        ] {
            assert_eq!(read(value, muxed), expected, "{value}");
        }
    }
}
