//! Memory that is only kept for reuse, and how to get it back.

use super::{Account, Place};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Something that keeps memory for reuse.
pub trait Reclaim: Send + Sync {
    /// Gives back what nothing uses.
    fn trim(&self);

    /// Bytes of what it keeps that work under way still uses, whose they are and where.
    fn under_way(&self) -> Option<(&Arc<Account>, Place, u64)> {
        None
    }

    /// Whether work that was planned counts on it: it is given back last.
    fn is_needed(&self) -> bool {
        false
    }
}

/// Something whose work under way holds memory.
pub trait Drain: Send + Sync {
    /// Waits until what was enqueued so far has run.
    fn drain(&self);
}

static KEEPERS: Mutex<Vec<Weak<dyn Reclaim>>> = Mutex::new(Vec::new());

/// Has something trimmed whenever memory is short, for as long as it lives.
pub fn register(keeper: Weak<dyn Reclaim>) {
    let mut keepers = KEEPERS.lock().unwrap_or_else(PoisonError::into_inner);
    // Those that are gone, now and then.
    if keepers.len() == keepers.capacity() {
        keepers.retain(|keeper| keeper.strong_count() > 0);
    }
    keepers.push(keeper);
}

/// Has memory given back; that of [`Reclaim::is_needed`] too, where `all`.
pub(super) fn trim(all: bool) {
    alive().iter().filter(|keeper| all || !keeper.is_needed()).for_each(|keeper| keeper.trim());
}

/// Bytes that are kept, but which work under way still uses.
pub fn under_way(counts: impl Fn(&Arc<Account>, Place) -> bool) -> u64 {
    let keepers = alive();
    let used = keepers.iter().filter_map(|keeper| keeper.under_way());
    used.filter(|(account, place, _)| counts(account, *place)).map(|(.., bytes)| bytes).sum()
}

/// The keepers, to be called unlocked: the last reference to one may be ours by now.
fn alive() -> Vec<Arc<dyn Reclaim>> {
    KEEPERS.lock().unwrap_or_else(PoisonError::into_inner).iter().filter_map(Weak::upgrade).collect()
}
