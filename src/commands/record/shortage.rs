//! What a recording says of disks that are full.

use std::path::Path;
use std::time::Duration;

use humantime::format_duration;

use crate::time::Timestamp;

/// Room that comes and goes is told once it has stayed so long.
const CALM: Duration = Duration::from_secs(5);

/// Files for which a disk has no room.
#[derive(Debug, Default)]
pub(super) struct DiskShortage {
    /// When it began, and when it was seen last.
    seen: Option<(Timestamp, Timestamp)>,
}

impl DiskShortage {
    /// What is new: that there is no room for these files, or that there is some again.
    pub(super) fn notice<'a>(&mut self, now: Timestamp, mut full: impl Iterator<Item = &'a Path>) -> Option<String> {
        match (full.next(), self.seen) {
            (Some(first), None) => {
                self.seen = Some((now, now));
                let (first, more) = (first.display(), full.count());
                let others = if more > 0 { format!(" and {more} more") } else { String::new() };
                Some(format!("no room on the disk for {first}{others}: what comes waits in memory, then at its sender"))
            }
            (Some(_), Some((since, _))) => {
                self.seen = Some((since, now));
                None
            }
            (None, Some((since, last))) if now.duration_since(last) >= CALM => {
                self.seen = None;
                let lasted = Duration::from_secs(last.duration_since(since).as_secs());
                Some(format!("the disk has room again; it had none for {}", format_duration(lasted)))
            }
            (None, _) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_once_until_there_is_room_to_stay() {
        let (mut shortage, start) = (DiskShortage::default(), Timestamp::from_nanos(0));
        let mut notice = |after: u64, full: &[&'static str]| {
            shortage.notice(start + Duration::from_secs(after), full.iter().map(Path::new))
        };
        assert_eq!(notice(0, &[]), None);
        let said = notice(1, &["a", "b"]).unwrap();
        assert!(said.starts_with("no room on the disk for a and 1 more: "), "{said}");
        assert_eq!(notice(2, &["b"]), None);
        assert_eq!(notice(3, &[]), None, "for a moment only");
        assert_eq!(notice(66, &["a"]), None);
        assert_eq!(notice(70, &[]), None);
        assert_eq!(notice(71, &[]).unwrap(), "the disk has room again; it had none for 1m 5s");
        assert_eq!(notice(72, &[]), None);
        assert!(notice(73, &["b"]).is_some());
    }
}
