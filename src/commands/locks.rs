//! Locks of threads that work for one command.
//!
//! No thread should panic while it holds one. If one does, the data are whole and the others go on: to panic as well would
//! lose what they have in hand.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits for a sign that what a lock guards has changed.
pub(super) fn wait<'a, T>(sign: &Condvar, held: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    sign.wait(held).unwrap_or_else(PoisonError::into_inner)
}
