//! The queue of one device and isolate: commands go in from JavaScript's thread and run in order on a thread of the queue.

mod shared;

use shared::{Shared, Waiting};

use super::backend::{Backend, LateFailure};
use super::capture::Capture;
use super::command::Command;
use super::command_context::InvalidTickets;
use super::memory::{BlockPool, Counters};
use super::profile::Profile;
use crate::error::{Error, Result};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::thread::JoinHandle;

/// Commands that may wait; a call that finds the queue full waits itself.
pub const CAPACITY: usize = 4096;

/// A queue with its memory and, while one is being recorded, its capture.
pub struct Queue {
    pub id: u32,
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
    pub pool: Arc<BlockPool>,
    pub counters: Arc<Counters>,
    pub handles: AtomicU64,
    pub capture: Mutex<Option<Capture>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Queue {
    pub fn new(id: u32, backend: Arc<dyn Backend>) -> Result<Queue> {
        let shared = Arc::new(Shared {
            queue: id,
            waiting: Mutex::default(),
            closed: AtomicBool::new(false),
            work: Condvar::new(),
            space: Condvar::new(),
            completed: AtomicU64::new(0),
            waited: AtomicU64::new(0),
            invalid: InvalidTickets::default(),
            profile: Profile::default(),
            lost: OnceLock::new(),
            stalls: AtomicU64::new(0),
            progress: Mutex::new(()),
            progressed: Condvar::new(),
            waiters: AtomicU32::new(0),
            failed: AtomicBool::new(false),
            error: Mutex::new(None),
            backend: backend.clone(),
            thread: OnceLock::new(),
        });
        let drain: Weak<Shared> = Arc::downgrade(&shared);
        backend.account().drains(drain);
        let runner = shared.clone();
        let thread = std::thread::Builder::new()
            .name(format!("libtrain-queue-{id}"))
            .stack_size(8 << 20)
            .spawn(move || runner.run_all())
            .map_err(|error| Error::DeviceUnavailable { message: format!("the system refused a thread ({error})") })?;
        let counters = Arc::new(Counters::default());
        Ok(Queue {
            id,
            shared,
            thread: Mutex::new(Some(thread)),
            pool: BlockPool::new(backend, counters.clone()),
            counters,
            handles: AtomicU64::new(0),
            capture: Mutex::new(None),
        })
    }

    pub fn backend(&self) -> &dyn Backend {
        &*self.shared.backend
    }

    /// How long its records take.
    pub fn profile(&self) -> &Profile {
        &self.shared.profile
    }

    /// The pool that new tensors come from: the capture's own while one is being recorded.
    pub fn current_pool(&self) -> Arc<BlockPool> {
        locked(&self.capture).as_ref().map_or_else(|| self.pool.clone(), |capture| capture.pool.clone())
    }

    /// Adds a command and returns its ticket; waits while the queue is full. A closed queue drops it, and whoever waits for
    /// the ticket is told.
    pub fn push(&self, command: Command) -> u64 {
        let mut waiting = locked(&self.shared.waiting);
        if let Some(held) = &mut waiting.held {
            held.push(command);
            waiting.enqueued += 1;
            return waiting.enqueued;
        }
        let mut waiting = self.with_space(waiting);
        waiting.enqueued += 1;
        let ticket = waiting.enqueued;
        self.give(waiting, command);
        ticket
    }

    /// Waits while the queue is full.
    fn with_space<'a>(&'a self, mut waiting: MutexGuard<'a, Waiting>) -> MutexGuard<'a, Waiting> {
        if waiting.commands.len() >= CAPACITY {
            self.shared.stalls.fetch_add(1, Ordering::Relaxed);
            while waiting.commands.len() >= CAPACITY && !self.shared.is_closed() {
                waiting = self.shared.space.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            }
        }
        waiting
    }

    /// Gives a command that has its ticket to the queue's thread.
    fn give(&self, mut waiting: MutexGuard<Waiting>, command: Command) {
        if self.shared.is_closed() {
            drop(waiting);
            return drop(command);
        }
        waiting.commands.push_back(command);
        if std::mem::take(&mut waiting.asleep) {
            self.shared.work.notify_one();
        }
    }

    /// Keeps what is enqueued from here on from being run until [`Queue::release`]: all of it, or nothing. Waiting for a
    /// ticket of it before would last for ever.
    pub fn hold(&self) -> Result<()> {
        let mut waiting = locked(&self.shared.waiting);
        if waiting.held.is_some() {
            return Err(Error::state("queue_hold", "What is enqueued is being held already"));
        }
        waiting.held = Some(Vec::new());
        Ok(())
    }

    /// Has what was held run, or forgets it: then what it would have written in place is as it was, its results cannot be
    /// read, and its tickets are given anew.
    pub fn release(&self, run: bool) -> Result<()> {
        let mut waiting = locked(&self.shared.waiting);
        let held = waiting.held.take();
        let held = held.ok_or_else(|| Error::state("queue_release", "Nothing that is enqueued is being held"))?;
        if run {
            drop(waiting);
            for command in held {
                let waiting = self.with_space(locked(&self.shared.waiting));
                self.give(waiting, command);
            }
        } else {
            // One takes the place of all, behind what uses the same blocks before.
            waiting.enqueued -= held.len() as u64;
            drop(waiting);
            self.push(Command::Forget(held));
        }
        Ok(())
    }

    pub fn enqueued(&self) -> u64 {
        locked(&self.shared.waiting).enqueued
    }

    /// The last command that is known to be done; a device that works ahead of its queue tells where somebody waits.
    pub fn passed(&self) -> u64 {
        self.shared.passed()
    }

    /// Tells [`Queue::passed`] to one who does not keep the queue.
    pub(super) fn progress(&self) -> Box<dyn Fn() -> u64 + Send + Sync> {
        let shared = self.shared.clone();
        Box::new(move || shared.passed())
    }

    /// The last command that was given to the device.
    pub fn completed(&self) -> u64 {
        self.shared.completed.load(Ordering::SeqCst)
    }

    pub fn stalls(&self) -> u64 {
        self.shared.stalls.load(Ordering::Relaxed)
    }

    /// Waits until the command of the ticket has passed, and gives the last one that is known to have; fails with the late
    /// error if there is one, and where the queue is closed before.
    pub fn wait(&self, ticket: u64) -> Result<u64> {
        let shared = &*self.shared;
        if !shared.wait_completed(ticket) {
            return Err(Error::StaleHandle { op: "queue_wait", what: "queue", index: 0 });
        }
        // A device that works ahead of its queue may still be busy, or only now find out what went wrong.
        if self.late_error().is_none() {
            match shared.backend.finish(ticket) {
                Ok(passed) => drop(shared.waited.fetch_max(passed, Ordering::AcqRel)),
                Err(LateFailure { ticket: failed, error }) => {
                    shared.fail("synchronize", failed.unwrap_or(ticket), error);
                }
            }
        }
        // In this order: a command that fails says so before it counts as done.
        let passed = self.passed();
        self.late_error().map_or(Ok(passed), Err)
    }

    pub fn late_error(&self) -> Option<Error> {
        if !self.shared.failed.load(Ordering::Acquire) {
            return None;
        }
        locked(&self.shared.error).clone()
    }

    /// Why nothing can be given to the device any more, if so.
    pub fn lost(&self) -> Option<Error> {
        self.shared.lost.get().cloned()
    }

    /// Forgets the late error, once everything enqueued before has been skipped; fails where the device is lost.
    pub fn recover(&self) -> Result<()> {
        let last = self.enqueued();
        let _ = self.wait(last);
        let shared = &*self.shared;
        // The device may have found something worse meanwhile, or something earlier.
        if let Err(LateFailure { ticket, error }) = shared.backend.finish(last) {
            shared.invalid.begin(ticket.unwrap_or(last));
            shared.note_lost(&error);
        }
        if let Some(error) = self.lost() {
            return Err(error);
        }
        shared.backend.recover()?;
        shared.invalid.end(self.enqueued());
        *locked(&shared.error) = None;
        shared.failed.store(false, Ordering::Release);
        Ok(())
    }

    /// Lets the thread end after the op that it is running; what waits is dropped there. Does not wait for it: everything
    /// that the op uses is kept by its command.
    pub fn close(&self) {
        let shared = &*self.shared;
        {
            let _waiting = locked(&shared.waiting);
            shared.closed.store(true, Ordering::SeqCst);
        }
        shared.work.notify_all();
        shared.space.notify_all();
        let _guard = locked(&shared.progress);
        shared.progressed.notify_all();
    }

    /// Waits until the thread of a closed queue has ended.
    pub fn join(&self) {
        let thread = locked(&self.thread).take();
        if let Some(thread) = thread {
            // It catches every panic.
            let _ = thread.join();
        }
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.close();
    }
}

/// The text of a caught panic.
pub fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| text.to_string())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without text".to_string())
}
