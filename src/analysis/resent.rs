//! Packets that a sender sends again in a stream of their own (RFC 4588): do they bring what lacks?

use crate::analysis::findings::{Finding, FindingCode};

/// So many of the latest numbers that came again are remembered.
const MAX_REMEMBERED: usize = 64;

/// What a stream of retransmissions has brought.
#[derive(Clone, Debug, Default)]
pub(super) struct ResentPackets {
    packets: u64,
    /// Of them so many lacked, each counted once.
    repaired: u64,
    /// The media's numbers of the latest ones.
    latest: Vec<u16>,
    /// The payload type that they had at first: `apt` of the description.
    of_type: Option<u8>,
}

impl ResentPackets {
    pub(super) fn take(&mut self, number: u16, of_type: Option<u8>, lacks: bool) {
        self.packets += 1;
        self.of_type = of_type;
        if !lacks || self.latest.contains(&number) {
            return;
        }
        self.repaired += 1;
        if self.latest.len() == MAX_REMEMBERED {
            self.latest.remove(0);
        }
        self.latest.push(number);
    }

    /// What is said of them at the end.
    pub(super) fn finding(&self, track: Option<usize>, payload_type: Option<u8>) -> Option<Finding> {
        let Self { packets, repaired, of_type, .. } = self;
        let of = of_type.map(|of_type| format!(" of type {of_type}")).unwrap_or_default();
        let type_of = payload_type.map(|payload_type| format!(" (type {payload_type})")).unwrap_or_default();
        let detail = format!(
            "{packets} packets{of} were sent again{type_of}: {repaired} of them lacked until then, and still count as lost"
        );
        (*packets > 0).then(|| Finding::new(FindingCode::Retransmitted, track, detail))
    }
}

/// `apt` among the parameters of a format (RFC 4588, section 8.1): the payload type that is sent again.
pub(super) fn associated_type(fmtp: &str) -> Option<u8> {
    fmtp.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("apt").then(|| value.trim().parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_that_is_sent_again() {
        assert_eq!(associated_type("apt=96;rtx-time=3000"), Some(96));
        assert_eq!(associated_type("rtx-time=3000; APT = 97"), Some(97));
        assert_eq!(["apt=x", "rtx-time=1", "apt=300", ""].map(associated_type), [None; 4]);
    }

    #[test]
    fn each_packet_repairs_once() {
        let mut resent = ResentPackets::default();
        for (number, lacks) in [(7, true), (7, true), (8, false), (9, true)] {
            resent.take(number, Some(96), lacks);
        }
        (100..200).for_each(|number| resent.take(number, Some(96), true));
        assert_eq!((resent.packets, resent.repaired, resent.latest.len()), (104, 102, MAX_REMEMBERED));
        let found = resent.finding(Some(0), Some(97)).unwrap();
        assert_eq!(
            found.detail,
            "104 packets of type 96 were sent again (type 97): 102 of them lacked until then, and still count as lost"
        );
        assert!(ResentPackets::default().finding(Some(0), None).is_none());
    }
}
