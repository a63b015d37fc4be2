//! What one queue holds, by kind: within its own limit and the process's budget.

use super::process::PROCESS;
use super::{Drain, Short, Source, faults, reclaim};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, OnceLock, Weak};

/// What memory is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Kind {
    /// Blocks of tensors, in use or kept for reuse.
    Blocks,
    /// Where the values of a recorded step lie.
    Arenas,
    /// Buffers of kernels.
    Scratch,
    /// Values on their way to the host.
    Reads,
    /// Values on their way from the host.
    Values,
}

pub const KINDS: usize = 5;

/// Where memory is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Host,
    /// A GPU: counted for the queue's own limit alone.
    Device,
}

const ABSURD: usize = 1 << 50;

/// What a queue holds.
#[derive(Default)]
pub struct Account {
    /// Bytes that it may hold, as its maker has asked; 0 for no limit of its own.
    limit: AtomicU64,
    held: [AtomicU64; KINDS],
    /// Bytes of blocks that storages alive have; the other blocks are kept for reuse.
    live: AtomicU64,
    drain: OnceLock<Weak<dyn Drain>>,
}

/// Of threads that belong to no queue.
static NOBODY: LazyLock<Arc<Account>> = LazyLock::new(Arc::default);

impl Account {
    pub fn nobody() -> &'static Arc<Account> {
        &NOBODY
    }

    pub fn limit(&self) -> u64 {
        self.limit.load(Ordering::Relaxed)
    }

    pub fn set_limit(&self, bytes: u64) {
        self.limit.store(bytes, Ordering::Relaxed);
    }

    /// Says how what was enqueued is waited for; once.
    pub fn drains(&self, drain: Weak<dyn Drain>) {
        let _ = self.drain.set(drain);
    }

    pub fn held(&self) -> [u64; KINDS] {
        std::array::from_fn(|kind| self.held[kind].load(Ordering::Relaxed))
    }

    pub fn live(&self) -> u64 {
        self.live.load(Ordering::Relaxed)
    }

    /// Notes a storage alive, with its block's bytes.
    pub fn storage_made(&self, place: Place, bytes: usize) {
        self.live.fetch_add(bytes as u64, Ordering::Relaxed);
        if place == Place::Host {
            PROCESS.live.fetch_add(bytes as u64, Ordering::Relaxed);
        }
    }

    pub fn storage_gone(&self, place: Place, bytes: usize) {
        self.live.fetch_sub(bytes as u64, Ordering::Relaxed);
        if place == Place::Host {
            PROCESS.live.fetch_sub(bytes as u64, Ordering::Relaxed);
        }
    }

    /// Room for `bytes` bytes before they are taken from the system. Where there is none, memory that is only kept for reuse
    /// goes back to the system first, that of all queues; then what is under way is waited for.
    pub fn reserve(self: &Arc<Account>, kind: Kind, place: Place, bytes: usize) -> Result<Reservation, Short> {
        if bytes > 0 && faults::hits() {
            return Err(Short { budget: 0, source: Source::Injected });
        }
        match self.try_reserve(kind, place, bytes) {
            // Not even everything that is held would make room for it.
            Err(short) if bytes as u64 > short.budget.saturating_add(self.held().iter().sum()) => Err(short),
            Err(_) => self.retried(kind, || self.try_reserve(kind, place, bytes)),
            done => done,
        }
    }

    /// What fails for want of memory, tried again once some was freed.
    pub fn retried<T, E>(&self, kind: Kind, attempt: impl Fn() -> Result<T, E>) -> Result<T, E> {
        if let Ok(done) = attempt() {
            return Ok(done);
        }
        reclaim::trim(false);
        if let Ok(done) = attempt() {
            return Ok(done);
        }
        // A kernel that asks is what the others wait for.
        if let Some(drain) = self.drain.get().and_then(Weak::upgrade).filter(|_| kind != Kind::Scratch) {
            drain.drain();
            reclaim::trim(false);
            if let Ok(done) = attempt() {
                return Ok(done);
            }
        }
        reclaim::trim(true);
        attempt()
    }

    /// What bounds it now: its own limit, or the process's budget where that is less.
    pub fn bound(&self, place: Place) -> Short {
        let own = (self.limit() > 0).then(|| Short { budget: self.limit(), source: Source::Device });
        let process = (place == Place::Host).then(|| PROCESS.short());
        let bounds = own.into_iter().chain(process);
        bounds.min_by_key(|short| short.budget).unwrap_or(Short { budget: u64::MAX, source: Source::System })
    }

    fn try_reserve(self: &Arc<Account>, kind: Kind, place: Place, bytes: usize) -> Result<Reservation, Short> {
        // Which no machine has, and which could wrap a sum around.
        if bytes > ABSURD {
            return Err(PROCESS.short());
        }
        let reservation = Reservation { account: self.clone(), kind, place, bytes, touched: AtomicBool::new(false) };
        // Counted before it is looked at, so that two threads cannot both have the last room; taken back by its drop.
        self.held[kind as usize].fetch_add(bytes as u64, Ordering::Relaxed);
        let process = (place == Place::Host).then(|| PROCESS.charge(kind, bytes));
        let limit = self.limit();
        if limit > 0 && self.held().iter().sum::<u64>() > limit {
            return Err(Short { budget: limit, source: Source::Device });
        }
        process.unwrap_or(Ok(())).map(|()| reservation)
    }
}

/// Bytes that are held; given back when it is dropped.
pub struct Reservation {
    account: Arc<Account>,
    kind: Kind,
    place: Place,
    bytes: usize,
    /// Whether the pages are the process's by now, or only promised.
    touched: AtomicBool,
}

impl Reservation {
    /// Notes that the memory was written: from here on the system counts it too.
    pub fn touch(&self) {
        if !self.touched.load(Ordering::Relaxed)
            && !self.touched.swap(true, Ordering::Relaxed)
            && self.place == Place::Host
        {
            PROCESS.touched(self.bytes);
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.account.held[self.kind as usize].fetch_sub(self.bytes as u64, Ordering::Relaxed);
        if self.place == Place::Host {
            PROCESS.release(self.kind, self.bytes, *self.touched.get_mut());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_keeps_to_its_own_limit_over_all_kinds() {
        let account = Arc::new(Account::default());
        account.set_limit(1000);
        let first = account.reserve(Kind::Blocks, Place::Host, 600).expect("room");
        let refused = account.reserve(Kind::Reads, Place::Host, 401).err();
        assert_eq!(refused, Some(Short { budget: 1000, source: Source::Device }));
        assert_eq!(account.held(), [600, 0, 0, 0, 0], "what was refused is not held");
        let second = account.reserve(Kind::Reads, Place::Device, 400).expect("room");
        drop(first);
        assert_eq!(account.held(), [0, 0, 0, 400, 0]);
        drop(second);
        assert_eq!(account.held(), [0; KINDS]);
    }

    #[test]
    fn no_machine_has_what_is_refused_untouched() {
        let account = Arc::new(Account::default());
        for bytes in [1 << 60, usize::MAX] {
            let short = account.reserve(Kind::Blocks, Place::Host, bytes).err().expect("no room");
            assert!(short.budget < 1 << 60, "{short:?}");
        }
        assert_eq!(account.held(), [0; KINDS]);
    }
}
