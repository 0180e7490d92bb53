//! Who sends the media: the server, somebody who is taken for it, or a stranger.

use crate::rtp::MAX_MISORDER;
use crate::session::dialog::owners::PathSender;
use crate::session::dialog::path::{MediaPath, PacketSigns};
use crate::session::dialog::{Dialog, Setup};
use crate::trace::{Direction, UdpPath};

/// Paths of which it is remembered who sends.
const MAX_SENDERS: usize = 256;

/// What speaks for a sender with another address than the server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SenderEvidence {
    /// SETUP, PLAY or the description named its source; or it begins with the number that PLAY named.
    Named,
    /// Nothing speaks against it.
    Possible,
    /// It is somebody else: an old session that sends to ports that are used again, a camera beside this one.
    Against,
}

impl Dialog {
    /// Whether the sender of a packet is the server, or is taken for it: who sends as was announced, or who sends first, of
    /// those that have another address. Servers with several addresses do not always say which one sends.
    pub fn admits(&mut self, signs: &PacketSigns) -> bool {
        let MediaPath::Udp(path) = signs.path else { return true };
        if signs.direction == Direction::ClientToServer {
            return true;
        }
        let own = path.of_anybody();
        let known = self.owners.senders.iter().position(|sender| sender.path == own);
        // Reports alone prove nothing.
        if signs.payload_type.is_none() {
            let sender = known.and_then(|place| self.owners.senders.get(place));
            return path.stranger.is_none() || sender.is_some_and(|sender| sender.taken == path.stranger);
        }
        let taken = known.and_then(|place| self.owners.senders.get(place)).map(|sender| sender.taken);
        if taken == Some(path.stranger) {
            return true;
        }
        let evidence = if path.stranger.is_none() { SenderEvidence::Possible } else { self.evidence(signs, path) };
        let named = evidence == SenderEvidence::Named;
        match known.and_then(|place| self.owners.senders.get_mut(place)) {
            None if evidence == SenderEvidence::Against => false,
            None => {
                if self.owners.senders.len() < MAX_SENDERS {
                    self.owners.senders.push(PathSender { path: own, taken: path.stranger, named });
                }
                true
            }
            Some(sender) => {
                let takes_over = path.stranger.is_none() || sender.taken.is_some() && named && !sender.named;
                if takes_over {
                    (sender.taken, sender.named) = (path.stranger, named);
                }
                takes_over
            }
        }
    }

    /// Whether it is known who sends the media of a path.
    pub fn has_sender(&self, path: MediaPath) -> bool {
        let MediaPath::Udp(path) = path else { return true };
        self.owners.senders.iter().any(|sender| sender.path == path.of_anybody())
    }

    /// What a packet shows of a sender with another address, held against what was announced of this path.
    fn evidence(&self, signs: &PacketSigns, path: UdpPath) -> SenderEvidence {
        let own = || self.setups.iter().filter(|setup| signs.path.is_of(setup));
        let announces = |setup: &Setup| signs.ssrc.is_some_and(|ssrc| setup.announces(self.media(setup.track), ssrc));
        let begins =
            |setup: &Setup| signs.number.zip(setup.played_seq).is_some_and(|(number, seq)| is_near(number, seq));
        let lists = |setup: &Setup| {
            self.described_media(setup).is_none_or(|media| {
                media.formats.is_empty() || signs.payload_type.is_none_or(|number| media.format(number).is_some())
            })
        };
        if own().any(announces) {
            return SenderEvidence::Named;
        }
        let is_listed = own().next().is_none() || own().any(lists);
        if !is_listed || own().any(|setup| setup.transport.ssrc.is_some()) {
            return SenderEvidence::Against;
        }
        if own().any(begins) {
            return SenderEvidence::Named;
        }
        // A number that PLAY named wrong weighs less than the server's own port.
        let other_number = own().any(|setup| setup.played_seq.is_some()) && signs.number.is_some();
        let own_port = path.group.is_none() && path.server != 0;
        let against = path.unlikely || other_number && !own_port;
        if against { SenderEvidence::Against } else { SenderEvidence::Possible }
    }
}

/// A few packets may be lost, or come out of order.
fn is_near(number: u16, first: u16) -> bool {
    number.wrapping_sub(first) < MAX_MISORDER || first.wrapping_sub(number) < MAX_MISORDER
}
