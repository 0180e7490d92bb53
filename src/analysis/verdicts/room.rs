//! How many events all sessions together may have.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Room for another event; whether there was any.
pub(super) fn take_room(room: &AtomicUsize) -> bool {
    room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
}
