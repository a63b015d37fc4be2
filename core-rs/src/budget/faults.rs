//! Fault injection of the tests: one of the allocations to come is refused.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Allocations until the one that is refused; 0: none is.
static COUNTDOWN: AtomicU32 = AtomicU32::new(0);
/// Allocations asked for.
static ASKED: AtomicU64 = AtomicU64::new(0);

/// Has the n-th allocation from now refused, of any queue; 0 turns that off. Gives how many were asked for so far.
pub fn inject(nth: u32) -> u64 {
    COUNTDOWN.store(nth, Ordering::SeqCst);
    ASKED.load(Ordering::SeqCst)
}

/// Counts an allocation; whether it is to be refused.
pub(super) fn hits() -> bool {
    ASKED.fetch_add(1, Ordering::Relaxed);
    COUNTDOWN.load(Ordering::Relaxed) > 0
        && COUNTDOWN.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)) == Ok(1)
}
