//! What an interface description of our captures says, and how to read it back.
//!
//! One interface stands for one session. Its description names the URL and the server's real address, which may
//! differ from the port in the packets, and what carried RTSP if that was not TCP alone:
//! `rtsps://cam:8600/live [server 192.0.2.7:8600 over TLS 1.3 TLS13_AES_256_GCM_SHA384]`.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;

use pcap_file::DataLink;
use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption, InterfaceTsResolution,
};
use pcap_file::pcapng::blocks::opt_common::CommonOption;

use crate::rtsp::mask::MaskRules;
use crate::trace::{Encapsulation, Flow};

const BEFORE_SERVER: &str = " [server ";
const BEFORE_CARRIER: &str = " over ";
const AFTER_SERVER: &str = "]";

/// The text of `if_description`.
pub(super) fn describe(url: &str, server: SocketAddr, carrier: Encapsulation<'_>) -> String {
    let (before, name) = if carrier.name.is_empty() { ("", "") } else { (BEFORE_CARRIER, carrier.name) };
    format!("{url}{BEFORE_SERVER}{server}{before}{name}{AFTER_SERVER}")
}

/// The longest description that is taken for one of ours: each connection keeps its URL.
const MAX_DESCRIPTION: usize = 4096;

/// URL and server address from the text of `if_description`; `None` where it is not one of ours.
pub(super) fn parse(description: &str) -> Option<(&str, SocketAddr)> {
    if description.len() > MAX_DESCRIPTION {
        return None;
    }
    let (url, server) = description.rsplit_once(BEFORE_SERVER)?;
    let server = server.strip_suffix(AFTER_SERVER)?;
    Some((url, server.split_once(BEFORE_CARRIER).map_or(server, |(server, _carrier)| server).parse().ok()?))
}

/// Blocks in the making.
pub(super) type Blocks = PcapNgWriter<Vec<u8>>;

/// The interfaces of a recording, by session and server. A session that was redirected has one for each server.
#[derive(Debug, Default)]
pub(super) struct SessionInterfaces {
    all: HashMap<(usize, SocketAddr), Interface>,
    /// The one that was used last, with its number: datagrams of one session come in rows.
    latest: Option<((usize, SocketAddr), u32)>,
}

#[derive(Debug)]
struct Interface {
    name: String,
    description: String,
    comment: Option<String>,
    /// Its number in this file, once it is described there.
    number: Option<u32>,
}

impl SessionInterfaces {
    /// What a session's interface is called, from its first connection to a server on: the `number`th of all.
    pub(super) fn describe(
        &mut self,
        flow: &Flow,
        carrier: Encapsulation<'_>,
        number: usize,
        masking: &MaskRules,
    ) -> (usize, SocketAddr) {
        let key = (flow.session, flow.server);
        if self.latest.is_some_and(|(latest, _)| latest == key) {
            return key;
        }
        self.all.entry(key).or_insert_with(|| Interface {
            name: format!("session {}", number.max(1)),
            description: describe(&masking.masked(&flow.url), flow.server, carrier),
            comment: carrier.certificate_warning.map(|doubt| format!("Recorded all the same: {doubt}")),
            number: None,
        });
        key
    }

    /// Another file begins, where none is described yet.
    pub(super) fn next_file(&mut self) {
        self.latest = None;
        self.all.values_mut().for_each(|interface| interface.number = None);
    }

    /// The number of an interface, which is described where it is used first.
    pub(super) fn number(&mut self, key: (usize, SocketAddr), blocks: &mut Blocks) -> io::Result<u32> {
        if let Some((_, number)) = self.latest.filter(|(latest, _)| *latest == key) {
            return Ok(number);
        }
        let next = u32::try_from(blocks.interfaces().len()).unwrap_or(u32::MAX);
        let Some(interface) = self.all.get_mut(&key) else { return Ok(next) };
        if interface.number.is_none() {
            interface.describe(blocks)?;
        }
        let number = *interface.number.get_or_insert(next);
        self.latest = Some((key, number));
        Ok(number)
    }
}

impl Interface {
    fn describe(&self, blocks: &mut Blocks) -> io::Result<()> {
        let mut options = vec![
            InterfaceDescriptionOption::IfName(Cow::Borrowed(self.name.as_str())),
            InterfaceDescriptionOption::IfDescription(Cow::Borrowed(self.description.as_str())),
            InterfaceDescriptionOption::IfTsResol(InterfaceTsResolution::NANO),
        ];
        if let Some(comment) = &self.comment {
            options.push(InterfaceDescriptionOption::Common(CommonOption::Comment(Cow::Borrowed(comment.as_str()))));
        }
        let block = InterfaceDescriptionBlock { linktype: DataLink::ETHERNET, snaplen: 0, options };
        blocks.write_pcapng_block(block).map(|_| ()).map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_it_wrote() {
        for (url, server) in [("rtsp://cam/live", "192.0.2.7:8600"), ("rtsp://[::1]/a [server x]", "[::1]:554")] {
            let server = server.parse().unwrap();
            for name in ["", "TLS 1.3 TLS13_AES_128_GCM_SHA256", "HTTP over TLS 1.2 X"] {
                let carrier = Encapsulation { name, certificate_warning: None };
                assert_eq!(parse(&describe(url, server, carrier)), Some((url, server)));
            }
        }
        assert_eq!(parse("eth0"), None);
        assert_eq!(parse("x [server nowhere]"), None);
    }
}
