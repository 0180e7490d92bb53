//! Which signals end a command in good order.

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// Where Linux tells which signals a process was started to ignore.
const STATUS: &str = "/proc/self/status";

/// Ctrl-C and SIGTERM, and SIGHUP (the terminal was closed, the ssh session is gone) unless whoever started the process
/// wanted it ignored, as `nohup` does. A handler would undo that, so where the system does not tell there is none.
pub(super) fn of_an_end() -> Vec<i32> {
    let status = std::fs::read_to_string(STATUS).unwrap_or_default();
    let mut signals = vec![SIGINT, SIGTERM];
    signals.extend((ignores(&status, SIGHUP) == Some(false)).then_some(SIGHUP));
    signals
}

/// Whether a process with this status ignores a signal; `None` where it does not say.
fn ignores(status: &str, signal: i32) -> Option<bool> {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    let mask = u64::from_str_radix(mask.trim(), 16).ok()?;
    let bit = u32::try_from(signal).ok()?.checked_sub(1)?;
    Some(mask.checked_shr(bit)? & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nohup_wants_ignored_is_known() {
        let status = |mask| format!("Name:\trtsp-rec\nSigBlk:\t0000000000000001\nSigIgn:\t{mask}\nSigCgt:\t0\n");
        // The standard library ignores SIGPIPE (13) for every program.
        assert_eq!(ignores(&status("0000000000001001"), SIGHUP), Some(true));
        assert_eq!(ignores(&status("0000000000001000"), SIGHUP), Some(false));
        assert_eq!(ignores(&status("0000000000000001"), SIGINT), Some(false));
        assert_eq!(ignores("Name:\trtsp-rec\n", SIGHUP), None);
        assert_eq!(ignores(&status("what"), SIGHUP), None);
    }
}
