//! The one budget of the process, which all its queues and Workers share.

use super::Short;
use super::account::{KINDS, Kind};
use super::sources::{Load, Source, Sources, parse_bytes};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Below this, memory taken since the system was last asked is not worth asking again.
const LEAST_STEP: u64 = 1 << 20;
/// What an allocation or a handle costs beside its bytes, in Rust and in JavaScript, roughly: the system is asked again after
/// many small ones too.
const OVERHEAD: u64 = 1 << 10;

pub(super) struct Process {
    /// Bytes taken, touched or not: in all, and by kind.
    held: AtomicU64,
    kinds: [AtomicU64; KINDS],
    /// Bytes of the blocks that storages alive have.
    pub(super) live: AtomicU64,
    /// Bytes of them that were written to, so that the system counts them as used.
    touched: AtomicU64,
    /// Bytes that may be held, as the system was last asked; 0 before.
    budget: AtomicU64,
    /// Bytes taken since then, and after how many it is asked again.
    unmeasured: AtomicU64,
    step: AtomicU64,
    sources: Mutex<Option<Sources>>,
}

pub(super) static PROCESS: Process = Process {
    held: AtomicU64::new(0),
    kinds: [const { AtomicU64::new(0) }; KINDS],
    live: AtomicU64::new(0),
    touched: AtomicU64::new(0),
    budget: AtomicU64::new(0),
    unmeasured: AtomicU64::new(0),
    step: AtomicU64::new(0),
    sources: Mutex::new(None),
};

/// The process's budget and what it holds.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    pub held: u64,
    pub budget: u64,
    pub source: Source,
}

impl Process {
    /// Counts bytes that are about to be taken; whoever is refused gives them back by [`Process::release`].
    pub(super) fn charge(&self, kind: Kind, bytes: usize) -> Result<(), Short> {
        let bytes = bytes as u64;
        self.kinds[kind as usize].fetch_add(bytes, Ordering::Relaxed);
        let held = self.held.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let unmeasured = self.unmeasured.fetch_add(OVERHEAD + bytes, Ordering::Relaxed);
        if held <= self.budget.load(Ordering::Relaxed) && unmeasured < self.step.load(Ordering::Relaxed) {
            return Ok(());
        }
        let Short { budget, source } = self.measure(held - bytes);
        if held <= budget { Ok(()) } else { Err(Short { budget, source }) }
    }

    pub(super) fn release(&self, kind: Kind, bytes: usize, touched: bool) {
        self.kinds[kind as usize].fetch_sub(bytes as u64, Ordering::Relaxed);
        self.held.fetch_sub(bytes as u64, Ordering::Relaxed);
        if touched {
            self.touched.fetch_sub(bytes as u64, Ordering::Relaxed);
        }
    }

    pub(super) fn touched(&self, bytes: usize) {
        self.touched.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// What may be held, as the system says now.
    pub(super) fn short(&self) -> Short {
        self.measure(self.held.load(Ordering::Relaxed))
    }

    /// Asks the system what may be held, `held` being mapped already.
    fn measure(&self, held: u64) -> Short {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let sources =
            sources.get_or_insert_with(|| Sources::find(Path::new("/"), std::env::var("LIBTRAIN_MEMORY").ok()));
        let load = Load { held, touched: self.touched.load(Ordering::Relaxed) };
        let short = sources.measure(load);
        self.budget.store(short.budget, Ordering::Relaxed);
        self.unmeasured.store(0, Ordering::Relaxed);
        self.step.store((short.budget.saturating_sub(held) / 16).max(LEAST_STEP), Ordering::Relaxed);
        short
    }
}

/// What the process holds, and what it may, as the system says now.
pub fn figures() -> Figures {
    let Short { budget, source } = PROCESS.short();
    Figures { held: PROCESS.held.load(Ordering::Relaxed), budget, source }
}

/// Bytes of the host that all queues hold by kind, and those of blocks that storages alive have.
pub fn of_host() -> ([u64; KINDS], u64) {
    let kinds = std::array::from_fn(|kind| PROCESS.kinds[kind].load(Ordering::Relaxed));
    (kinds, PROCESS.live.load(Ordering::Relaxed))
}

/// Notes that something small was made that costs memory outside of blocks, as a handle does; fails where nothing is left.
pub fn note_overhead() -> Result<(), Short> {
    PROCESS.charge(Kind::Values, 0)
}

/// Refuses a LIBTRAIN_MEMORY that says nothing, with its text.
pub fn require_setting() -> Result<(), String> {
    match std::env::var("LIBTRAIN_MEMORY") {
        Ok(text) if parse_bytes(&text).is_none() => Err(text),
        _ => Ok(()),
    }
}
