//! Who refuses the media of a track, by the ICMP errors about its datagrams.

use crate::analysis::unreachable::{UnreachablePath, UnreachablePaths};
use crate::session::dialog::Setup;
use crate::time::{NANOS_PER_SECOND, Timestamp};
use crate::trace::{Direction, UnreachableReason};

/// Errors of a client that never listened begin with the first datagrams and end with the last. Hosts send few a second
/// (Linux one for each destination), so some time may lie between them and the begin or the end.
const NEAR_NS: i64 = 5 * NANOS_PER_SECOND;

/// The errors about the RTP packets of this SETUP, of those who said so most often.
pub(super) fn of<'a>(setup: &Setup, direction: Direction, paths: &'a UnreachablePaths) -> Option<&'a UnreachablePath> {
    let transport = &setup.transport;
    let ports = if direction == Direction::ServerToClient { transport.client_port } else { transport.server_port };
    // Many players listen for RTP alone.
    let is_rtcp = |port: u16| ports.is_some_and(|(rtp, rtcp)| port == rtcp && port != rtp);
    let own = |path: &&UnreachablePath| {
        path.direction == direction.reverse() && path.track == setup.track && !is_rtcp(path.to.port())
    };
    paths.iter().filter(own).max_by_key(|path| path.count)
}

impl UnreachablePath {
    /// Whether nobody listened from `since` to `until`, though packets came.
    pub(super) fn lasts(&self, since: Timestamp, until: Timestamp) -> bool {
        self.reason == UnreachableReason::Port
            && self.count > 1
            && self.since.nanos_since(since) <= NEAR_NS
            && until.nanos_since(self.last) <= NEAR_NS
    }
}
