//! ICMP errors about the media of a session: datagrams that did not get where they were sent.

use std::net::{IpAddr, SocketAddr};

use crate::analysis::findings::{Finding, FindingCode};
use crate::time::Timestamp;
use crate::trace::{Direction, UnreachableReason};

/// Paths of one session that are told of. A session has two for each track.
const MAX_PATHS: usize = 256;

/// What was heard of one path: the errors of one kind, from one host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct UnreachablePath {
    pub(super) track: Option<usize>,
    /// Of the errors: the other way round than the datagrams.
    pub(super) direction: Direction,
    /// Who sent the datagrams.
    pub(super) from: SocketAddr,
    /// Where they did not get.
    pub(super) to: SocketAddr,
    /// Who says so.
    pub(super) by: IpAddr,
    pub(super) reason: UnreachableReason,
    /// When it was said first, and last.
    pub(super) since: Timestamp,
    pub(super) last: Timestamp,
    /// How often. Hosts send few errors a second (RFC 1812, section 4.3.2.8): more datagrams may have been lost.
    pub(super) count: u64,
}

/// All that was heard of a session.
#[derive(Debug, Default)]
pub(super) struct UnreachablePaths(Vec<UnreachablePath>);

impl UnreachablePaths {
    /// Takes an error.
    #[cold]
    pub(super) fn add(&mut self, error: UnreachablePath) {
        let same = |known: &&mut UnreachablePath| {
            let UnreachablePath { track, since, last, count, .. } = **known;
            **known == UnreachablePath { track, since, last, count, ..error }
        };
        if let Some(known) = self.0.iter_mut().find(same) {
            known.count += error.count;
            known.last = error.last;
        } else if self.0.len() < MAX_PATHS {
            self.0.push(error);
        }
    }

    /// In the order of their first errors.
    pub(super) fn iter(&self) -> impl Iterator<Item = &UnreachablePath> {
        self.0.iter()
    }
}

impl UnreachablePath {
    /// Told once, when the capture ends.
    pub(super) fn finding(&self) -> Finding {
        let Self { from, to, by, reason, since, count, .. } = self;
        let errors = if *count == 1 { "error" } else { "errors" };
        let detail = format!("{count} ICMP {errors} of {by} from {since} on: {from} to {to}, {reason}");
        Finding::new(FindingCode::MediaPortUnreachable, self.track, detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_one_path_are_counted() {
        let error = UnreachablePath {
            track: Some(1),
            direction: Direction::ClientToServer,
            from: "10.0.0.1:6000".parse().unwrap(),
            to: "10.0.0.2:50100".parse().unwrap(),
            by: "10.0.0.2".parse().unwrap(),
            reason: UnreachableReason::Port,
            since: Timestamp::from_nanos(1_700_000_000_000_000_000),
            last: Timestamp::from_nanos(1_700_000_000_000_000_000),
            count: 1,
        };
        let mut paths = UnreachablePaths::default();
        for later in 0..3 {
            paths.add(UnreachablePath { since: Timestamp::from_nanos(later), ..error });
        }
        paths.add(UnreachablePath { reason: UnreachableReason::Host, by: "10.0.0.9".parse().unwrap(), ..error });
        let details: Vec<_> = paths.iter().map(|path| path.finding().detail).collect();
        assert_eq!(
            details,
            [
                "3 ICMP errors of 10.0.0.2 from 1970-01-01T00:00:00.000000000Z on: \
                 10.0.0.1:6000 to 10.0.0.2:50100, port unreachable",
                "1 ICMP error of 10.0.0.9 from 2023-11-14T22:13:20.000000000Z on: \
                 10.0.0.1:6000 to 10.0.0.2:50100, host unreachable",
            ]
        );
        for port in 0..1000 {
            paths.add(UnreachablePath { to: SocketAddr::new(error.by, port), ..error });
        }
        assert_eq!(paths.iter().count(), MAX_PATHS);
    }
}
