//! Packets that can't be read, by reason: told once each, when their capture ends.

use std::io;

use crate::capture::encapsulation::Unreadable;
use crate::capture::link::LinkType;
use crate::capture::reader::Packet;
use crate::time::Timestamp;
use crate::trace::{Remark, RemarkKind, Tap};

/// Reasons that are told apart: a file may have as many link types as it has interfaces.
const MAX_REASONS: usize = 64;

/// How many there were of each kind.
#[derive(Debug, Default)]
pub(super) struct UnreadableCounts(Vec<UnreadableCount>);

#[derive(Debug)]
struct UnreadableCount {
    why: Unreadable,
    /// The first one.
    at: Timestamp,
    number: u64,
    count: u64,
}

impl UnreadableCounts {
    /// A packet that is no IP, or can't be told to be.
    pub(super) fn add(&mut self, why: Option<Unreadable>, packet: &Packet<'_>) {
        let Some(why) = why else { return };
        match self.0.iter().position(|known| known.why == why) {
            Some(place) => self.0.iter_mut().skip(place).take(1).for_each(|known| known.count += 1),
            None if self.0.len() < MAX_REASONS => {
                self.0.push(UnreadableCount { why, at: packet.at, number: packet.number, count: 1 });
            }
            None => {}
        }
    }

    /// Tells them, and begins anew.
    pub(super) fn tell(&mut self, tap: &mut impl Tap) -> io::Result<()> {
        for UnreadableCount { why, at, number, count } in self.0.drain(..) {
            let detail = detail(why, count);
            tap.remark(&Remark { at, frame_number: number, kind: RemarkKind::PacketsUnreadable, detail: &detail })?;
        }
        Ok(())
    }
}

fn detail(why: Unreadable, count: u64) -> String {
    let packets = if count == 1 { "packet" } else { "packets" };
    match why {
        Unreadable::LinkType(number) => {
            let link = LinkType(number);
            let name = link.name().map_or(String::new(), |name| format!(" ({name})"));
            format!("{count} {packets} of link type {number}{name}, which is not read; capture where IP is sent")
        }
        Unreadable::Wifi => {
            format!("{count} encrypted {packets} of 802.11; decrypt them (airdecap-ng), or capture at the access point")
        }
        Unreadable::Esp => format!("{count} {packets} of IPsec ESP; capture before or behind the tunnel"),
        Unreadable::MacSec => format!("{count} {packets} encrypted by MACsec; capture before or behind its link"),
        Unreadable::Capwap => format!("{count} {packets} of CAPWAP in DTLS; capture behind the controller"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keeps what it is told.
    #[derive(Default)]
    struct Remarks(Vec<(u64, String)>);

    impl Tap for Remarks {
        fn event(&mut self, _: &crate::trace::TraceEvent<'_>) -> io::Result<()> {
            Ok(())
        }

        fn remark(&mut self, remark: &Remark<'_>) -> io::Result<()> {
            self.0.push((remark.frame_number, remark.detail.to_owned()));
            Ok(())
        }
    }

    #[test]
    fn each_reason_is_told_once() {
        let mut counts = UnreadableCounts::default();
        for (number, why) in (1..).zip([
            None,
            Some(Unreadable::LinkType(220)),
            Some(Unreadable::Wifi),
            Some(Unreadable::LinkType(220)),
            Some(Unreadable::LinkType(9999)),
        ]) {
            let at = Timestamp::default();
            let (link, description, notes, data) = (LinkType::ETHERNET, "", "", &[][..]);
            let packet = Packet { number, at, interface: 0, link, description, notes, data, original_len: 0 };
            counts.add(why, &packet);
        }
        let mut remarks = Remarks::default();
        counts.tell(&mut remarks).unwrap();
        counts.tell(&mut remarks).unwrap();
        let expected = [
            (2, "2 packets of link type 220 (USB_LINUX_MMAPPED), which is not read; capture where IP is sent"),
            (3, "1 encrypted packet of 802.11; decrypt them (airdecap-ng), or capture at the access point"),
            (5, "1 packet of link type 9999, which is not read; capture where IP is sent"),
        ];
        assert_eq!(remarks.0, expected.map(|(number, detail)| (number, detail.to_owned())));
    }
}
