//! The headers around an IP packet: link layers, tags and labels, and tunnels in other packets.
//!
//! What most captures hold, `link` finds without all this. Everything here is bounded, as a packet may nest in itself.

mod ethernet;
mod header;
mod links;
mod network;
mod ppp;
mod tunnels;
mod wireless;

use crate::fields::be16;

pub(super) use header::{Header, Inside, KeptHeader, Unreadable};
pub(super) use network::NetworkId;
pub(super) use tunnels::{behind_ip, behind_udp, is_port};

/// How many headers may stand before an IP packet. Fields of NFLOG and TZSP count as one each.
const MAX_HEADERS: usize = 32;
/// How many times in one packet a header may have to be guessed.
const MAX_GUESSES: u8 = 2;
/// What may lie behind an IP packet in a tunnel: padding up to the shortest frame, a checksum.
const MAX_TRAILER: usize = 64;

/// Why there is no IP packet: it is another protocol, or damaged, or can't be read.
pub(super) type NoIp = Option<Unreadable>;

/// Where an IP packet begins behind the headers that stand at `at`. Each is told to `visit`. Where a packet is in doubt
/// (as in UDP, where anything may be on a port) `missing` says how many bytes were not captured: then its length has to be
/// what its surroundings have room for.
#[cold]
pub(super) fn find_ip(
    inside: Inside,
    data: &[u8],
    at: usize,
    missing: Option<usize>,
    visit: &mut dyn FnMut(usize, Header),
) -> Result<usize, NoIp> {
    Search { data, missing }.walk(inside, at, MAX_GUESSES, visit)
}

struct Search<'a> {
    data: &'a [u8],
    missing: Option<usize>,
}

impl Search<'_> {
    fn walk(
        &self,
        mut inside: Inside,
        mut at: usize,
        mut guesses: u8,
        visit: &mut dyn FnMut(usize, Header),
    ) -> Result<usize, NoIp> {
        for _ in 0..MAX_HEADERS {
            let rest = self.data.get(at..).ok_or(None)?;
            let header = match inside {
                Inside::Ip => return if self.is_ip(rest) { Ok(at) } else { Err(None) },
                Inside::Unreadable(why) => return Err(Some(why)),
                Inside::OneOf(candidates) => {
                    guesses = guesses.checked_sub(1).ok_or(None)?;
                    self.guess(candidates, at, guesses).ok_or(None)?
                }
                inside => parse(inside, rest).ok_or(None)?,
            };
            visit(at, header);
            at += header.len;
            inside = header.inside;
        }
        Err(None)
    }

    /// The first candidate that leads to an IP packet.
    fn guess(&self, candidates: &[(usize, Inside)], at: usize, guesses: u8) -> Option<Header> {
        let leads = |(skip, inside): &&(usize, Inside)| self.walk(*inside, at + skip, guesses, &mut |_, _| {}).is_ok();
        candidates.iter().find(leads).map(|(skip, inside)| Header::plain(*skip, *inside))
    }

    fn is_ip(&self, packet: &[u8]) -> bool {
        let Some((len, least)) = announced_len(packet) else { return false };
        match self.missing {
            None => len == 0 || len >= least,
            Some(missing) => {
                let room = packet.len().saturating_add(missing);
                len >= least && len <= room && room - len <= MAX_TRAILER
            }
        }
    }
}

/// How long an IP packet says it is, and how long it is at least; `None` if it is none.
fn announced_len(packet: &[u8]) -> Option<(usize, usize)> {
    let first = packet.first()?;
    match first >> 4 {
        4 if first & 0x0f >= 5 && packet.len() >= 20 => {
            Some((usize::from(be16(packet, 2)?), usize::from(first & 0x0f) * 4))
        }
        6 if packet.len() >= 40 => Some((usize::from(be16(packet, 4)?) + 40, 40)),
        _ => None,
    }
}

fn parse(inside: Inside, data: &[u8]) -> Option<Header> {
    match inside {
        Inside::Link(link) => links::header(link, data),
        Inside::EtherType(kind) => ethernet::behind_type(kind, data),
        Inside::Llc => ethernet::llc(data),
        Inside::Ppp => ppp::frame(data),
        Inside::Mpls => ethernet::mpls(data),
        Inside::Nsh => ethernet::nsh(data),
        Inside::Wifi { padded } => wireless::frame(data, padded),
        Inside::Msdu => wireless::msdu(data),
        Inside::Nflog => links::nflog(data),
        Inside::TzspTag(protocol) => links::tzsp_tag(protocol, data),
        Inside::Teredo => links::teredo(data),
        Inside::Ip | Inside::OneOf(_) | Inside::Unreadable(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::link::LinkType;
    use proptest::collection::vec;
    use proptest::prelude::*;

    /// A header of IPv4 that announces itself only.
    const IP: [u8; 20] = [0x45, 0, 0, 20, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];

    fn find(link: u16, data: &[u8]) -> Result<usize, NoIp> {
        find_ip(Inside::Link(LinkType(link)), data, 0, None, &mut |_, _| {})
    }

    #[test]
    fn nesting_comes_to_an_end() {
        let ethernet = |kind: [u8; 2]| [&[2; 12][..], &kind].concat();
        for tags in [1, 4, 30] {
            let data = [&ethernet([0x81, 0])[..], &[0, 5, 0x81, 0].repeat(tags - 1), &[0, 5, 8, 0], &IP].concat();
            assert_eq!(find(1, &data), Ok(14 + tags * 4));
        }
        let endless = [&ethernet([0x81, 0])[..], &[0, 5, 0x81, 0].repeat(200)].concat();
        assert_eq!(find(1, &endless), Err(None));
        // Each label stack has to be guessed.
        let wires = |depth: usize| [&ethernet([0x88, 0x47])[..], &[0, 0, 1, 9]].concat().repeat(depth);
        assert_eq!(find(1, &[&wires(2)[..], &ethernet([8, 0]), &IP].concat()), Ok(50));
        assert_eq!(find(1, &[&wires(3)[..], &ethernet([8, 0]), &IP].concat()), Err(None));
    }

    #[test]
    fn other_protocols_are_none() {
        let ethernet = |kind: [u8; 2], rest: &[u8]| [&[2; 12][..], &kind, rest].concat();
        for (what, data) in [
            ("ARP", ethernet([8, 6], &IP)),
            ("discovery of PPPoE", ethernet([0x88, 0x63], &[&[0x11, 9, 0, 1, 0, 20, 0, 0x21][..], &IP].concat())),
            ("spanning tree", ethernet([0, 38], &[&[0x42, 0x42, 3][..], &IP].concat())),
            ("a label without an end", ethernet([0x88, 0x47], &[0, 0, 0, 9])),
            ("LCP", ethernet([0x88, 0x64], &[&[0x11, 0, 0, 1, 0, 20, 0xc0, 0x21][..], &IP].concat())),
        ] {
            assert_eq!(find(1, &data), Err(None), "{what}");
        }
        assert_eq!(find(105, &[&[0x80, 0][..], &[2; 40], &IP].concat()), Err(None), "a beacon");
        assert_eq!(find(105, &[&[0x48, 0][..], &[2; 40], &IP].concat()), Err(None), "no data");
        let encrypted = [&[8, 0x42, 0, 0][..], &[2; 18], &[0, 0], &IP].concat();
        assert_eq!(find(105, &encrypted), Err(Some(Unreadable::Wifi)));
        assert_eq!(find(1, &ethernet([0x88, 0xe5], &[0x0c; 40])), Err(Some(Unreadable::MacSec)));
        assert_eq!(find(147, &IP), Err(Some(Unreadable::LinkType(147))));
    }

    /// A length that does not fit is no packet where one is in doubt.
    #[test]
    fn a_doubtful_packet_fills_its_place() {
        let find = |bytes: &[u8], missing| find_ip(Inside::Ip, bytes, 0, Some(missing), &mut |_, _| {});
        assert_eq!(find(&IP, 0), Ok(0));
        assert_eq!(find(&[&IP[..], &[0; 64]].concat(), 0), Ok(0));
        assert_eq!(find(&[&IP[..], &[0; 65]].concat(), 0), Err(None));
        assert_eq!(find(&IP, 65), Err(None));
        let longer = [&[0x45, 0, 0, 30], &IP[4..]].concat();
        assert_eq!(find(&longer, 0), Err(None));
        assert_eq!(find(&longer, 10), Ok(0));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(
            link in prop_oneof![0..300u16, Just(127), Just(105), Just(239), Just(1)],
            bytes in vec(prop_oneof![any::<u8>(), Just(0), Just(1), Just(0x88), Just(0x45), Just(0xaa)], 0..120),
            ports in any::<[u16; 2]>(),
        ) {
            let mut headers = 0;
            let found = find_ip(Inside::Link(LinkType(link)), &bytes, 0, None, &mut |_, _| headers += 1);
            prop_assert!(found.is_err() || found.is_ok_and(|at| at <= bytes.len()));
            prop_assert!(headers <= MAX_HEADERS);
            for protocol in [4, 41, 47, 50, 97, 103, 115, 137] {
                behind_ip(protocol, &bytes);
            }
            for port in [1701, 2152, 3544, 4341, 4500, 4789, 4790, 5247, 6081, 6635, 8472, 37_008] {
                behind_udp([ports[0], port], &bytes);
            }
        }
    }
}
