//! What stands for hosts, addresses and names; and texts that may stay, such as names of products, but for the addresses,
//! hosts and logins that stand in them. [`super::url`] has the same for URLs.

use std::net::{IpAddr, Ipv4Addr};

use crate::capture::rewrite::FILL;
use crate::redact::addresses::Addresses;
use crate::redact::known_strings::{KnownStrings, is_letter};
use crate::redact::names::Names;

/// What stands for hosts, addresses and names.
#[derive(Debug, Default)]
pub(super) struct Pseudonyms {
    pub(super) addresses: Addresses,
    pub(super) names: Names,
    pub(super) words: KnownStrings,
}

/// Shorter logins would be found in too much.
const MIN_LOGIN: usize = 3;

/// The longest text of an IPv4 address; of an IPv6 address.
const V4_TEXT: usize = 15;

const V6_TEXT: usize = 45;

impl Pseudonyms {
    /// What a head or a description becomes when the hosts are known that stand behind the texts in it.
    pub(super) fn knowing(&mut self, change: impl Fn(&mut Self) -> Vec<u8>) -> Vec<u8> {
        let before = self.words.len();
        let other = change(self);
        if self.words.len() == before { other } else { change(self) }
    }

    /// A login is not to stand in a text either.
    pub(super) fn learn_login(&mut self, word: &[u8]) {
        if word.len() >= MIN_LOGIN {
            self.words.learn(word, &vec![FILL; word.len()]);
        }
    }

    /// A text in which no URL stands, with other addresses, hosts and logins.
    pub(super) fn words_in(&mut self, text: &[u8]) -> Vec<u8> {
        let (mut out, mut at) = (Vec::with_capacity(text.len()), 0);
        while let Some((before, rest)) = text.split_at_checked(at).filter(|(_, rest)| !rest.is_empty()) {
            let other = self.word(before, rest).unwrap_or_else(|| rest.get(..1).unwrap_or_default().to_vec());
            at += other.len();
            out.extend(other);
        }
        out
    }

    /// What stands for the address, host or login that begins between these two.
    fn word(&mut self, before: &[u8], rest: &[u8]) -> Option<Vec<u8>> {
        let last = before.last().copied();
        if let Some(len) = v6_len(last, rest).or_else(|| v4_len(last, rest)) {
            let text = rest.get(..len)?;
            if is_version(before, text) {
                return Some(text.to_vec());
            }
            return Some(self.host(text));
        }
        if last.is_some_and(is_letter) { None } else { self.words.find(rest) }
    }
}

/// The length of the IPv4 address here.
fn v4_len(last: Option<u8>, rest: &[u8]) -> Option<usize> {
    if last.is_some_and(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    let run = rest.iter().take(V4_TEXT + 2).take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
    let text = rest.get(..run)?;
    let text = text.strip_suffix(b".").unwrap_or(text);
    str::from_utf8(text).ok()?.parse::<Ipv4Addr>().ok().map(|_| text.len())
}

/// The length of the IPv6 address here, with its zone.
fn v6_len(last: Option<u8>, rest: &[u8]) -> Option<usize> {
    if last.is_some_and(|byte| is_letter(byte) || byte == b':') {
        return None;
    }
    let run = rest.iter().take(V6_TEXT + 2).take_while(|byte| byte.is_ascii_hexdigit() || b":.".contains(byte)).count();
    let ends = [run, run.saturating_sub(1)].into_iter().filter(|end| !rest.get(*end).copied().is_some_and(is_letter));
    let is_address = |end: &usize| {
        let text = rest.get(..*end).and_then(|text| str::from_utf8(text).ok());
        text.is_some_and(|text| text.parse::<IpAddr>().is_ok_and(|address| address.is_ipv6()))
    };
    let end = ends.into_iter().find(is_address)?;
    let zone = rest.get(end..).and_then(|rest| rest.strip_prefix(b"%"));
    let zone = zone.map_or(0, |zone| 1 + zone.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count());
    Some(end + zone)
}

/// `LibVLC/3.0.16.1` has no address: versions have small numbers. What stands for addresses never looks so.
fn is_version(before: &[u8], text: &[u8]) -> bool {
    let product = matches!(before, [.., letter, b'/'] if letter.is_ascii_alphanumeric());
    let address = str::from_utf8(text).ok().and_then(|text| text.parse::<Ipv4Addr>().ok());
    product && address.is_some_and(|address| matches!(address.octets(), [1..=9 | 11..=31, ..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_hosts_and_logins() {
        let mut pseudonyms = Pseudonyms::default();
        pseudonyms.url(b"rtsp://hansi:geheim@camera.garage.lan/main");
        pseudonyms.url(b"rtsp://OPTIONS:200/main");
        for (text, other) in [
            ("Product 192.168.7.99", "Product 203.0.113.10"),
            ("ip192.168.7.99:554, (192.168.7.99).", "ip203.0.113.10:554, (203.0.113.10)."),
            ("[fe80::1%eth0]:554 fe80::1: 10:33:59 std::cout", "[::10:10%xxxx]:554 ::10:10: 10:33:59 std::cout"),
            ("VLC/3.0 (Camera.garage.lan)", "VLC/3.0 (X0000000000000000)"),
            ("camera, cameras and CAMERA-2", "x00000, cameras and X00000-2"),
            ("of Hansi with geheim", "of Xxxxx with xxxxxx"),
            ("OPTIONS, 200", "OPTIONS, 200"),
            ("LibVLC/3.0.16.1 x/10.0.16.1 1.2.3.4.5", "LibVLC/3.0.16.1 x/192.0.2.1 1.2.3.4.5"),
        ] {
            assert_eq!(String::from_utf8(pseudonyms.urls_in(text.as_bytes())).unwrap(), other, "{text}");
        }
    }

    proptest! {
        #[test]
        fn as_long_and_stable(
            hosts in prop::collection::vec("[a-cA-C]{2,4}(\\.[a-c]{2})?", 0..4),
            texts in prop::collection::vec("(([a-cA-C]{1,4}|[0-9.]{1,3}|10\\.0\\.0\\.[1-9]|fe80::[1-9])[/ -]){0,8}", 0..4),
            any: Vec<u8>,
        ) {
            let mut pseudonyms = Pseudonyms::default();
            let mut again = Pseudonyms::default();
            for (host, text) in hosts.iter().zip(&texts) {
                let url = pseudonyms.url(format!("rtsp://{host}/").as_bytes());
                prop_assert_eq!(&again.url(&url), &url);
                let other = pseudonyms.urls_in(text.as_bytes());
                prop_assert_eq!(other.len(), text.len());
                prop_assert_eq!(&again.urls_in(&other), &other, "{} {}", host, text);
            }
            prop_assert_eq!(pseudonyms.urls_in(&any).len(), any.len());
        }
    }
}
