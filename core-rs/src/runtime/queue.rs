//! The queue of one device and isolate: commands go in from JavaScript's thread and run in order on a thread of the queue.

use super::backend::{Backend, Device, LateFailure};
use super::capture::Capture;
use super::command::Command;
use super::command_context::{CommandContext, InvalidTickets};
use super::held;
use super::mapped_file;
use super::memory::{BlockPool, Counters};
use super::profile::Profile;
use crate::budget::{Account, Drain};
use crate::cpu::scratch::{self, ScratchRefused};
use crate::error::{Error, Result};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::thread::{JoinHandle, ThreadId};
use std::time::{Duration, Instant};

/// Commands that may wait; a call that finds the queue full waits itself.
pub const CAPACITY: usize = 4096;

/// How long the queue's thread looks for new work before it sleeps.
const SPIN: Duration = Duration::from_micros(50);

#[derive(Default)]
struct Waiting {
    commands: VecDeque<Command>,
    enqueued: u64,
    asleep: bool,
    /// Commands that [`Queue::hold`] keeps from being run; none where nothing is held.
    held: Option<Vec<Command>>,
}

/// What the calling threads and the queue's thread share.
struct Shared {
    /// The queue's number.
    queue: u32,
    waiting: Mutex<Waiting>,
    /// Set with `waiting` locked, once: nothing that waits is run any more.
    closed: AtomicBool,
    work: Condvar,
    space: Condvar,
    /// Commands finished or skipped; the ticket of a command is its number, from 1.
    completed: AtomicU64,
    /// The last ticket that somebody waited for, and that the device has passed.
    waited: AtomicU64,
    invalid: InvalidTickets,
    profile: Profile,
    /// Why the device is of no use any more.
    lost: OnceLock<Error>,
    /// Times that a call had to wait as the queue was full.
    stalls: AtomicU64,
    progress: Mutex<()>,
    progressed: Condvar,
    waiters: AtomicU32,
    failed: AtomicBool,
    error: Mutex<Option<Error>>,
    backend: Arc<dyn Backend>,
    /// The queue's own.
    thread: OnceLock<ThreadId>,
}

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

impl Shared {
    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// Waits until a command was given to the device; false where the queue is closed before.
    fn wait_completed(&self, ticket: u64) -> bool {
        let completed = || self.completed.load(Ordering::SeqCst) >= ticket;
        if completed() {
            return true;
        }
        self.waiters.fetch_add(1, Ordering::SeqCst);
        let mut guard = locked(&self.progress);
        while !completed() && !self.is_closed() {
            guard = self.progressed.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
        drop(guard);
        self.waiters.fetch_sub(1, Ordering::SeqCst);
        completed()
    }

    fn run_all(&self) {
        let _ = self.thread.set(std::thread::current().id());
        scratch::belongs_to(self.backend.account());
        self.run_until_closed();
        // Commands hold memory, and those that read or transfer hold a queue: this one for ever, if they stayed in it.
        let (left, held) = {
            let mut waiting = locked(&self.waiting);
            (std::mem::take(&mut waiting.commands), waiting.held.take())
        };
        drop((left, held));
    }

    fn run_until_closed(&self) {
        let mut lost = mapped_file::lost();
        while let Some(command) = self.next() {
            let ticket = self.completed.load(Ordering::Relaxed) + 1;
            let name = command.name();
            if self.failed.load(Ordering::Acquire) {
                command.skip();
            } else {
                let awaited = command.is_awaited();
                let context =
                    CommandContext { backend: &*self.backend, ticket, invalid: &self.invalid, closed: &self.closed };
                let result = catch_unwind(AssertUnwindSafe(|| {
                    self.backend.begin(ticket);
                    let timed = self.profile.begin(&command, &*self.backend)?;
                    command.run(&context)?;
                    mapped_file::check(name, self.queue, &mut lost)?;
                    self.profile.end(timed)?;
                    if awaited || self.waiters.load(Ordering::SeqCst) > 0 { self.backend.mark(ticket) } else { Ok(()) }
                }));
                let account = self.backend.account();
                let result = result.unwrap_or_else(|panic| Err(error_of_panic(name, &*panic, account)));
                if let Err(error) = result {
                    if self.is_closed() {
                        return;
                    }
                    self.fail(name, ticket, error);
                }
            }
            self.completed.store(ticket, Ordering::SeqCst);
            if self.waiters.load(Ordering::SeqCst) > 0 {
                let _guard = locked(&self.progress);
                self.progressed.notify_all();
            }
        }
    }

    fn fail(&self, name: &'static str, ticket: u64, error: Error) {
        let mut first = locked(&self.error);
        // The queue's thread and one that waits may both find something; the first one is told.
        if first.is_some() {
            return;
        }
        self.note_lost(&error);
        self.invalid.begin(ticket);
        // A replay's error names the op inside it, a transfer's the op of the device that the values come from.
        *first = Some(Error::Late {
            op: error.op().unwrap_or(name),
            record: ticket,
            message: error.reason().into_owned(),
            lost: error.is_lost(),
            memory: error.memory().cloned().map(Box::new),
        });
        self.failed.store(true, Ordering::Release);
    }

    /// The last command that is known to be done.
    fn passed(&self) -> u64 {
        match self.backend.device() {
            Device::Cpu => self.completed.load(Ordering::SeqCst),
            Device::Cuda => self.waited.load(Ordering::Acquire),
        }
    }

    fn note_lost(&self, error: &Error) {
        if matches!(error, Error::DeviceLost { .. }) {
            let _ = self.lost.set(error.clone());
        }
    }

    fn next(&self) -> Option<Command> {
        let mut spin_until = None;
        let mut waiting = locked(&self.waiting);
        loop {
            if self.is_closed() {
                return None;
            }
            if let Some(command) = waiting.commands.pop_front() {
                if waiting.commands.len() == CAPACITY - 1 {
                    self.space.notify_all();
                }
                return Some(command);
            }
            let now = Instant::now();
            if now < *spin_until.get_or_insert(now + SPIN) {
                drop(waiting);
                for _ in 0..32 {
                    std::hint::spin_loop();
                }
                waiting = locked(&self.waiting);
            } else {
                waiting.asleep = true;
                waiting = self.work.wait(waiting).unwrap_or_else(PoisonError::into_inner);
                spin_until = None;
            }
        }
    }
}

impl Drain for Shared {
    fn drain(&self) {
        // Its own thread would wait for itself.
        if self.thread.get() != Some(&std::thread::current().id()) {
            let waiting = locked(&self.waiting);
            let last = waiting.enqueued - waiting.held.as_ref().map_or(0, Vec::len) as u64;
            drop(waiting);
            self.wait_completed(last);
        }
    }
}

/// What a kernel's panic means: memory that it could not have, or a fault of its own.
fn error_of_panic(op: &'static str, panic: &(dyn std::any::Any + Send), account: &Arc<Account>) -> Error {
    match panic.downcast_ref::<ScratchRefused>() {
        Some(&ScratchRefused { bytes, short }) => held::refusal(op, bytes, short, account),
        None => Error::Panic { op, message: panic_message(panic) },
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
