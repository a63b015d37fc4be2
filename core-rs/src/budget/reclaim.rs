//! Memory that is only kept for reuse, and how to get it back.

use std::sync::{Mutex, PoisonError, Weak};

/// Something that keeps memory for reuse.
pub trait Reclaim: Send + Sync {
    /// Gives back what nothing uses.
    fn trim(&self);

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
    let keepers: Vec<_> = {
        let keepers = KEEPERS.lock().unwrap_or_else(PoisonError::into_inner);
        keepers.iter().filter_map(Weak::upgrade).collect()
    };
    // Unlocked: the last reference to a keeper may be ours by now.
    keepers.iter().filter(|keeper| all || !keeper.is_needed()).for_each(|keeper| keeper.trim());
}
