//! A fixed set of threads that run the chunks of one job at a time.
//!
//! Which thread runs which chunk varies from run to run. Callers fix the chunks from the
//! shape of their data alone, so results never depend on the number of threads.

use super::scratch;
use crate::budget::Account;
use std::any::Any;
use std::cell::{Cell, UnsafeCell};
use std::marker::PhantomData;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long an idle worker polls for the next job before it sleeps.
const SPIN: Duration = Duration::from_micros(40);

/// Set in [`Shared::state`] while workers may still join the job.
const OPEN: u64 = 1 << 31;
/// The number of workers inside the job; the job number is in the bits from 32 up.
const JOINED: u64 = OPEN - 1;
const NEXT_JOB: u64 = 1 << 32;

thread_local! {
    /// The index, within its pool, of the thread if it is running a chunk.
    static RUNNING_AS: Cell<Option<usize>> = const { Cell::new(None) };
}

type ChunkFn<'a> = dyn Fn(usize) + Sync + 'a;

/// What the workers are to run, valid while [`Shared::state`] has [`OPEN`] or joined workers.
struct Job {
    f: *const ChunkFn<'static>,
    chunks: usize,
}

/// On its own cache line, because every thread writes one of these.
#[repr(align(128))]
struct Padded<T>(T);

struct Shared {
    /// Job number, [`OPEN`], and the count of joined workers.
    state: Padded<AtomicU64>,
    next_chunk: Padded<AtomicUsize>,
    job: UnsafeCell<Job>,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    counts: Vec<Padded<AtomicU64>>,
    sleepers: AtomicUsize,
    sleep_lock: Mutex<()>,
    wake: Condvar,
    stop: AtomicBool,
}

// SAFETY: `job` is written only by the holder of `ThreadPool::submit` while no worker can read it
// (state closed and nobody joined); the closure it points at is `Sync` and outlives the job.
unsafe impl Sync for Shared {}
// SAFETY: as above; nothing in it is tied to a thread.
unsafe impl Send for Shared {}

/// A pool of threads, the calling thread among them.
pub struct ThreadPool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
    submit: Mutex<()>,
    account: Arc<Account>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many chunks of `chunk` elements cover `len` elements; the last may be short.
pub fn split(len: usize, chunk: usize) -> usize {
    len.div_ceil(chunk.max(1))
}

/// The `index`th range of at most `chunk` elements out of `len`.
fn chunk_range(len: usize, chunk: usize, index: usize) -> Range<usize> {
    let chunk = chunk.max(1);
    index * chunk..len.min((index + 1) * chunk)
}

impl ThreadPool {
    /// A pool in which `threads` threads (at least 1) work: the caller of [`ThreadPool::run`] and
    /// `threads - 1` workers started here.
    pub fn new(threads: usize) -> ThreadPool {
        Self::of(threads, Account::nobody()).expect("the operating system refused a thread")
    }

    /// [`ThreadPool::new`] whose kernels' buffers are counted as a queue's; fails where the system refuses a thread.
    pub fn of(threads: usize, account: &Arc<Account>) -> std::io::Result<ThreadPool> {
        fn idle(_: usize) {}
        let threads = threads.max(1);
        let shared = Arc::new(Shared {
            state: Padded(AtomicU64::new(0)),
            next_chunk: Padded(AtomicUsize::new(0)),
            job: UnsafeCell::new(Job { f: &idle as *const ChunkFn<'static>, chunks: 0 }),
            panic: Mutex::new(None),
            counts: (0..threads).map(|_| Padded(AtomicU64::new(0))).collect(),
            sleepers: AtomicUsize::new(0),
            sleep_lock: Mutex::new(()),
            wake: Condvar::new(),
            stop: AtomicBool::new(false),
        });
        let mut pool = ThreadPool { shared, workers: Vec::new(), submit: Mutex::new(()), account: account.clone() };
        for index in 1..threads {
            let (shared, account) = (Arc::clone(&pool.shared), Arc::clone(account));
            let worker = std::thread::Builder::new().name(format!("cpu-{index}")).spawn(move || {
                scratch::belongs_to(&account);
                shared.work(index);
            })?;
            pool.workers.push(worker);
        }
        Ok(pool)
    }

    /// Where its kernels' buffers are counted.
    pub fn account(&self) -> &Arc<Account> {
        &self.account
    }

    /// How many threads work on a job, the caller included.
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// How many chunks each thread has run since the pool was made; index 0 is the callers'.
    pub fn chunks_by_thread(&self) -> Vec<u64> {
        self.shared.counts.iter().map(|count| count.0.load(Ordering::Relaxed)).collect()
    }

    /// Runs `f(0)`, ..., `f(chunks - 1)`, each once, in any order and on any thread, and
    /// returns when all are done.
    ///
    /// If a chunk panics, chunks not yet begun are skipped and the panic resumes here once
    /// every thread has stopped. Called from inside a chunk, it runs the chunks in order on
    /// the calling thread.
    pub fn run(&self, chunks: usize, f: &ChunkFn<'_>) {
        let nested = RUNNING_AS.get();
        if chunks <= 1 || self.workers.is_empty() || nested.is_some() {
            (0..chunks).for_each(f);
            self.shared.count(nested.unwrap_or(0), chunks);
            return;
        }
        let turn = lock(&self.submit);
        self.shared.open(chunks, f);
        self.shared.run_chunks(0, f, chunks);
        self.shared.close();
        let panic = lock(&self.shared.panic).take();
        drop(turn);
        if let Some(payload) = panic {
            resume_unwind(payload);
        }
    }

    /// [`ThreadPool::run`] over the ranges of at most `chunk` elements that make up `0..len`.
    pub fn run_ranges(&self, len: usize, chunk: usize, f: &(dyn Fn(Range<usize>) + Sync)) {
        self.run(split(len, chunk), &|i| f(chunk_range(len, chunk, i)));
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        drop(lock(&self.shared.sleep_lock));
        self.shared.wake.notify_all();
        for worker in self.workers.drain(..) {
            // A worker catches every panic of its chunks, so there is no result to look at.
            let _ = worker.join();
        }
    }
}

impl Shared {
    fn count(&self, thread: usize, chunks: usize) {
        let slot = self.counts.get(thread).unwrap_or(&self.counts[0]);
        slot.0.fetch_add(chunks as u64, Ordering::Relaxed);
    }

    /// Publishes a job and wakes sleeping workers.
    fn open(&self, chunks: usize, f: &ChunkFn<'_>) {
        // SAFETY: only the lifetime changes; `close` ends every use before `f` goes.
        let f = unsafe { std::mem::transmute::<*const ChunkFn<'_>, *const ChunkFn<'static>>(f) };
        // SAFETY: the previous job is closed and drained, so no worker reads the slot.
        unsafe { *self.job.get() = Job { f, chunks } };
        self.next_chunk.0.store(0, Ordering::Relaxed);
        self.state.0.fetch_add(NEXT_JOB | OPEN, Ordering::SeqCst);
        // A worker counts itself a sleeper before it last looks at `state`, so either it
        // sees this job or it is counted here; the lock waits until it really sleeps.
        if self.sleepers.load(Ordering::SeqCst) > 0 {
            drop(lock(&self.sleep_lock));
            self.wake.notify_all();
        }
    }

    /// Lets no more workers in and waits for those inside; late ones simply miss the job.
    fn close(&self) {
        self.state.0.fetch_and(!OPEN, Ordering::AcqRel);
        let mut polls = 0_u32;
        while self.state.0.load(Ordering::Acquire) & JOINED != 0 {
            polls += 1;
            // The worker may have lost its processor: leave it ours after a while.
            if polls < 2000 { std::hint::spin_loop() } else { std::thread::yield_now() }
        }
    }

    /// Takes chunks until none are left.
    fn run_chunks(&self, thread: usize, f: &ChunkFn<'_>, chunks: usize) {
        let mut done = 0;
        RUNNING_AS.set(Some(thread));
        let result = catch_unwind(AssertUnwindSafe(|| {
            loop {
                let chunk = self.next_chunk.0.fetch_add(1, Ordering::Relaxed);
                if chunk >= chunks {
                    break;
                }
                done += 1;
                f(chunk);
            }
        }));
        RUNNING_AS.set(None);
        self.count(thread, done);
        if let Err(payload) = result {
            self.next_chunk.0.store(chunks, Ordering::Relaxed);
            lock(&self.panic).get_or_insert(payload);
        }
    }

    /// A worker's life.
    fn work(&self, thread: usize) {
        let mut seen = 0;
        while let Some(state) = self.wait_for_job(seen) {
            seen = state & !(OPEN | JOINED);
            if !self.join(state) {
                continue;
            }
            // SAFETY: joined, so the slot stays as it is, and what it points at alive,
            // until this thread leaves.
            let (f, chunks) = unsafe { (&*(*self.job.get()).f, (*self.job.get()).chunks) };
            self.run_chunks(thread, f, chunks);
            self.state.0.fetch_sub(1, Ordering::Release);
        }
    }

    /// Enters the job that `state` shows, unless it has closed since.
    fn join(&self, mut state: u64) -> bool {
        let job = state & !JOINED;
        while state & !JOINED == job {
            let joined = self.state.0.compare_exchange_weak(state, state + 1, Ordering::Acquire, Ordering::Relaxed);
            match joined {
                Ok(_) => return true,
                Err(now) => state = now,
            }
        }
        false
    }

    /// An open job other than `seen`, if there is one.
    fn new_job(&self, seen: u64) -> Option<u64> {
        let state = self.state.0.load(Ordering::SeqCst);
        (state & OPEN != 0 && state & !(OPEN | JOINED) != seen).then_some(state)
    }

    /// Polls, then sleeps, until there is a job other than `seen`; `None` at the end.
    fn wait_for_job(&self, seen: u64) -> Option<u64> {
        let start = Instant::now();
        while start.elapsed() < SPIN {
            for _ in 0..64 {
                if let Some(state) = self.new_job(seen) {
                    return Some(state);
                }
                std::hint::spin_loop();
            }
        }
        let mut guard = lock(&self.sleep_lock);
        self.sleepers.fetch_add(1, Ordering::SeqCst);
        let job = loop {
            if self.stop.load(Ordering::SeqCst) {
                break None;
            }
            if let Some(state) = self.new_job(seen) {
                break Some(state);
            }
            guard = self.wake.wait(guard).unwrap_or_else(PoisonError::into_inner);
        };
        self.sleepers.fetch_sub(1, Ordering::SeqCst);
        job
    }
}

/// A mutable slice whose disjoint parts several threads write at once.
pub struct SliceParts<'a, T> {
    start: *mut T,
    len: usize,
    borrow: PhantomData<&'a mut [T]>,
}

// SAFETY: it hands out `&mut [T]`, which may cross threads when `T: Send`; that the parts
// are disjoint is what `part` asks of its callers.
unsafe impl<T: Send> Sync for SliceParts<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Send> Send for SliceParts<'_, T> {}

impl<'a, T> SliceParts<'a, T> {
    /// Borrows `data` for as long as its parts are in use.
    pub fn new(data: &'a mut [T]) -> Self {
        SliceParts { start: data.as_mut_ptr(), len: data.len(), borrow: PhantomData }
    }

    /// The elements in `range`, which must be within the slice.
    ///
    /// # Safety
    /// No two parts alive at the same time may overlap.
    #[allow(clippy::mut_from_ref)]
    pub unsafe fn part(&self, range: Range<usize>) -> &mut [T] {
        assert!(range.start <= range.end && range.end <= self.len);
        // SAFETY: in bounds by the assertion, and unaliased by this function's contract.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(range.start), range.end - range.start) }
    }

    /// The first element's address, for kernels that write strided tiles.
    pub fn as_mut_ptr(&self) -> *mut T {
        self.start
    }
}

/// Runs `f(i, part)` over the consecutive parts of `chunk` elements (the last may be short).
pub fn for_each_chunk_mut<T: Send>(
    pool: &ThreadPool,
    data: &mut [T],
    chunk: usize,
    f: impl Fn(usize, &mut [T]) + Sync,
) {
    let len = data.len();
    let parts = SliceParts::new(data);
    // SAFETY: every chunk index runs once, and the chunks' ranges are disjoint.
    pool.run(split(len, chunk), &|i| f(i, unsafe { parts.part(chunk_range(len, chunk, i)) }));
}

/// [`for_each_chunk_mut`] over two slices of one length.
pub fn for_each_chunk_mut2<T: Send, U: Send>(
    pool: &ThreadPool,
    first: &mut [T],
    second: &mut [U],
    chunk: usize,
    f: impl Fn(usize, &mut [T], &mut [U]) + Sync,
) {
    assert_eq!(first.len(), second.len());
    let parts = SliceParts::new(second);
    for_each_chunk_mut(pool, first, chunk, |i, first| {
        let start = i * chunk.max(1);
        // SAFETY: these ranges are those of `first`, which are disjoint.
        f(i, first, unsafe { parts.part(start..start + first.len()) });
    });
}

/// [`for_each_chunk_mut`] over three slices of one length.
pub fn for_each_chunk_mut3<T: Send, U: Send, V: Send>(
    pool: &ThreadPool,
    first: &mut [T],
    second: &mut [U],
    third: &mut [V],
    chunk: usize,
    f: impl Fn(usize, &mut [T], &mut [U], &mut [V]) + Sync,
) {
    assert_eq!(first.len(), third.len());
    let parts = SliceParts::new(third);
    for_each_chunk_mut2(pool, first, second, chunk, |i, first, second| {
        let start = i * chunk.max(1);
        // SAFETY: these ranges are those of `first`, which are disjoint.
        f(i, first, second, unsafe { parts.part(start..start + first.len()) });
    });
}

#[cfg(test)]
#[path = "pool_tests.rs"]
mod tests;
