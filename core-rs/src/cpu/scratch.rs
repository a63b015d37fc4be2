//! Per-thread buffers that are reused from call to call, so kernels do not allocate.

use crate::budget::{self, Account, Kind, Place, Reclaim, Reservation, Short, Source};
use crate::pages::Buffer;
use std::cell::RefCell;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Bytes of a cache line.
const LINE: usize = 64;

/// A buffer with its room in the budget; empty at first.
#[derive(Default)]
struct Kept {
    bytes: Buffer,
    _room: Option<Reservation>,
}

/// Buffers of one thread that nothing uses; only its thread takes some, any may have them given back.
#[derive(Default)]
struct Store {
    free: Mutex<Vec<Kept>>,
}

impl Store {
    fn registered() -> Arc<Store> {
        let store = Arc::<Store>::default();
        let keeper: Weak<Store> = Arc::downgrade(&store);
        budget::register(keeper);
        store
    }

    fn buffers(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reclaim for Store {
    fn trim(&self) {
        let all = std::mem::take(&mut *self.buffers());
        drop(all);
    }

    /// A step that was recorded fails late where its kernels no longer get their buffers.
    fn is_needed(&self) -> bool {
        true
    }
}

thread_local! {
    static STORE: Arc<Store> = Store::registered();
    static ACCOUNT: RefCell<Arc<Account>> = RefCell::new(Account::nobody().clone());
}

/// Has what this thread's kernels need counted as a queue's.
pub fn belongs_to(account: &Arc<Account>) {
    ACCOUNT.set(account.clone());
}

/// What a kernel unwinds with where there is no memory for its buffers.
#[derive(Clone, Copy)]
pub struct ScratchRefused {
    /// Bytes that were asked for.
    pub bytes: usize,
    pub short: Short,
}

/// A cache-line aligned buffer borrowed from the current thread's store; dropping it
/// returns it.
pub struct Scratch {
    buffer: Kept,
    len: usize,
}

impl Scratch {
    /// A buffer of `len` floats with unspecified (but initialised) contents.
    pub fn take(len: usize) -> Scratch {
        let mut buffer = STORE.with(|store| store.buffers().pop()).unwrap_or_default();
        let bytes = len.saturating_mul(size_of::<f32>()).checked_next_multiple_of(LINE).unwrap_or(usize::MAX);
        if buffer.bytes.len() < bytes {
            drop(buffer);
            // Unwinds without the panic hook's report: the queue makes a typed error of it.
            let refused = |short| std::panic::resume_unwind(Box::new(ScratchRefused { bytes, short }));
            buffer = ACCOUNT.with_borrow(|account| larger(bytes, account)).unwrap_or_else(refused);
        }
        Scratch { buffer, len }
    }

    /// The buffer's floats.
    pub fn as_mut_slice(&mut self) -> &mut [f32] {
        // SAFETY: the buffer is aligned to a cache line, of bytes that were set, and `len` floats fit by construction.
        unsafe { std::slice::from_raw_parts_mut(self.buffer.bytes.as_mut_ptr().cast(), self.len) }
    }

    /// The buffer's bytes, four for each float.
    pub fn as_mut_bytes(&mut self) -> &mut [u8] {
        &mut self.buffer.bytes[..self.len * size_of::<f32>()]
    }

    /// The buffer's bytes as whole numbers.
    pub fn as_mut_words(&mut self) -> &mut [u32] {
        // SAFETY: as in `as_mut_slice`; any bits are a u32.
        unsafe { std::slice::from_raw_parts_mut(self.buffer.bytes.as_mut_ptr().cast(), self.len) }
    }

    /// The buffer's floats.
    pub fn as_slice(&self) -> &[f32] {
        // SAFETY: as in `as_mut_slice`.
        unsafe { std::slice::from_raw_parts(self.buffer.bytes.as_ptr().cast(), self.len) }
    }
}

/// Doubles that are 0 at first, in a [`Scratch`].
pub struct Doubles(Scratch);

impl Doubles {
    pub fn zeros(len: usize) -> Doubles {
        let mut scratch = Scratch::take(len.saturating_mul(2));
        scratch.as_mut_slice().fill(0.0);
        Doubles(scratch)
    }
}

impl Deref for Doubles {
    type Target = [f64];

    fn deref(&self) -> &[f64] {
        // SAFETY: as in `as_slice`; a cache line is aligned for doubles, and any bits are one.
        unsafe { std::slice::from_raw_parts(self.0.buffer.bytes.as_ptr().cast(), self.0.len / 2) }
    }
}

impl DerefMut for Doubles {
    fn deref_mut(&mut self) -> &mut [f64] {
        // SAFETY: as in `deref`.
        unsafe { std::slice::from_raw_parts_mut(self.0.buffer.bytes.as_mut_ptr().cast(), self.0.len / 2) }
    }
}

fn larger(bytes: usize, account: &Arc<Account>) -> Result<Kept, Short> {
    let room = account.reserve(Kind::Scratch, Place::Host, bytes)?;
    let refused = Short { budget: 0, source: Source::System };
    let buffer = account.retried(Kind::Scratch, || Buffer::zeroed(bytes).ok_or(refused))?;
    room.touch();
    Ok(Kept { bytes: buffer, _room: Some(room) })
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let buffer = std::mem::take(&mut self.buffer);
        // While the thread ends its store may be gone already; then the buffer just goes too.
        let _ = STORE.try_with(|store| store.buffers().push(buffer));
    }
}
