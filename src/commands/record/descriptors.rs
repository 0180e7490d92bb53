//! How many targets have room among the files that a process may have open. Where all were begun and none could connect,
//! nothing would be recorded.

use crate::session::MediaTransport;

/// What the event loop, the resolver's threads and files that are open for a moment take.
const SPARE: u64 = 16;
/// Open where nobody can tell: standard input, output and error.
const STANDARD: u64 = 3;
/// Sockets for media, where a session has two tracks.
const MEDIA_SOCKETS: u64 = 4;

/// What a target takes besides its file: its connections, and sockets for what comes in datagrams.
fn of_session(transports: &[MediaTransport]) -> u64 {
    let datagrams = [MediaTransport::Udp, MediaTransport::Multicast].iter().any(|kind| transports.contains(kind));
    let tunnel = transports.contains(&MediaTransport::Http);
    if datagrams { 1 + MEDIA_SOCKETS } else { 1 + u64::from(tunnel) }
}

/// How many sessions have room where so many files may be open and so many are. Each has a file of its own, or all share
/// one. One is tried in any case.
fn room(limit: u64, open: u64, transports: &[MediaTransport], own_files: bool) -> usize {
    let left = limit.saturating_sub(open + SPARE).saturating_sub(u64::from(!own_files));
    let room = left / (of_session(transports) + u64::from(own_files));
    usize::try_from(room).unwrap_or(usize::MAX).max(1)
}

/// How many sessions have room in this process.
pub(super) fn room_for(limit: u64, transports: &[MediaTransport], own_files: bool) -> usize {
    let open = std::fs::read_dir("/proc/self/fd").map_or(STANDARD, |files| files.count() as u64);
    room(limit, open, transports, own_files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_as_fit() {
        use MediaTransport::{Http, Tcp, Udp};
        assert_eq!(room(1024, 3, &[Tcp], true), 502);
        assert_eq!(room(1024, 3, &[Tcp], false), 1004);
        assert_eq!(room(1024, 3, &[Http], true), 335);
        assert_eq!(room(1024, 3, &[Udp, Tcp], true), 167);
        assert_eq!(room(8, 3, &[Tcp], true), 1);
    }
}
