//! What packets have shown of their owners and senders.

use std::net::IpAddr;

use crate::session::dialog::path::PacketSigns;
use crate::trace::{Direction, UdpPath};

/// Sources that are remembered of paths that tracks share.
const MAX_SOURCES: usize = 256;

/// A source that was told apart on a path that tracks share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct KnownSource {
    direction: Direction,
    ssrc: u32,
    /// The place of its SETUP.
    setup: usize,
}

/// What packets have shown of their owners.
#[derive(Debug, Default)]
pub(super) struct PathOwners {
    sources: Vec<KnownSource>,
    pub(super) senders: Vec<PathSender>,
    /// Several tracks have one channel, or one pair of ports.
    pub(super) share_paths: bool,
}

impl PathOwners {
    /// Whose source it is, of those that share its path. RTCP may have another channel than its RTP.
    pub(super) fn source(&self, signs: &PacketSigns, candidates: &[usize]) -> Option<usize> {
        let same = |known: &&KnownSource| {
            known.direction == signs.direction && Some(known.ssrc) == signs.ssrc && candidates.contains(&known.setup)
        };
        self.sources.iter().rfind(same).map(|known| known.setup)
    }

    pub(super) fn learn(&mut self, signs: &PacketSigns, setup: usize) {
        let Some(ssrc) = signs.ssrc else { return };
        let new = KnownSource { direction: signs.direction, ssrc, setup };
        if self.sources.len() < MAX_SOURCES && !self.sources.contains(&new) {
            self.sources.push(new);
        }
    }

    /// What it says of setups is void.
    pub(super) fn forget_sources(&mut self) {
        self.sources.clear();
    }

    /// Bytes of memory for it.
    pub(super) fn held(&self) -> usize {
        self.sources.capacity() * size_of::<KnownSource>() + self.senders.capacity() * size_of::<PathSender>()
    }
}

/// Whose media a path has.
#[derive(Clone, Copy, Debug)]
pub(super) struct PathSender {
    pub(super) path: UdpPath,
    /// The one that is taken for the server, though it has another address; `None` once the server itself has sent.
    pub(super) taken: Option<IpAddr>,
    /// Its source was announced, or its number.
    pub(super) named: bool,
}
