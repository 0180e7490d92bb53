//! Where media goes by its description: with multicast the answer to SETUP may leave it to that.

use std::net::IpAddr;

use crate::rtsp::headers::Transport;
use crate::rtsp::sdp::{Media, SessionDescription};

/// The group of a track and its ports, as far as a description names them (RFC 2326, sections C.1.2 and C.1.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MediaGroup {
    address: Option<IpAddr>,
    ports: Option<(u16, u16)>,
}

impl MediaGroup {
    /// What the `c=` and `m=` lines say of this media section.
    pub fn described(description: &SessionDescription, media: &Media) -> Self {
        let address = media.address.or(description.address).filter(IpAddr::is_multicast);
        let rtcp = media.rtcp_port.or(media.port.checked_add(1));
        Self { address, ports: rtcp.filter(|_| media.port != 0).map(|rtcp| (media.port, rtcp)) }
    }

    /// Adds to a transport what it does not say itself, if it is one of multicast.
    #[must_use]
    pub fn complete(self, transport: Transport) -> Transport {
        if !transport.multicast {
            return transport;
        }
        let named = transport.destination.filter(IpAddr::is_multicast);
        let destination = named.or(self.address).or(transport.destination);
        Transport { destination, server_port: transport.server_port.or(self.ports), ..transport }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(sdp: &str, answer: &str) -> (Option<String>, Option<(u16, u16)>) {
        let description = SessionDescription::parse(sdp.as_bytes());
        let group = MediaGroup::described(&description, &description.media[0]);
        let transport = group.complete(Transport::agreed(answer, Some("RTP/AVP;multicast")));
        (transport.destination.map(|group| group.to_string()), transport.server_port)
    }

    #[test]
    fn the_description_fills_what_the_answer_leaves_open() {
        let of_session = "c=IN IP4 239.1.1.1/16\r\nm=video 7000 RTP/AVP 96\r\n";
        let of_media = "c=IN IP4 0.0.0.0\r\nm=video 7000 RTP/AVP 96\r\nc=IN IP6 ff02::7\r\na=rtcp:7009\r\n";
        let group = |text: &str| Some(text.to_owned());
        assert_eq!(completed(of_session, "RTP/AVP;multicast"), (group("239.1.1.1"), Some((7000, 7001))));
        assert_eq!(completed(of_session, ""), (group("239.1.1.1"), Some((7000, 7001))), "no Transport at all");
        assert_eq!(completed(of_media, "RTP/AVP;multicast"), (group("ff02::7"), Some((7000, 7009))));
        let elsewhere = "RTP/AVP;multicast;destination=239.9.9.9;port=8000";
        assert_eq!(completed(of_session, elsewhere), (group("239.9.9.9"), Some((8000, 8001))), "the answer counts");
        let half = "RTP/AVP;multicast;destination=10.0.0.2;port=8000";
        assert_eq!(completed(of_session, half), (group("239.1.1.1"), Some((8000, 8001))), "that is no group");
        assert_eq!(completed("m=video 0 RTP/AVP 96\r\n", "RTP/AVP;multicast"), (None, None));
        assert_eq!(completed(of_session, "RTP/AVP;unicast;client_port=5000-5001").0, None);
    }
}
