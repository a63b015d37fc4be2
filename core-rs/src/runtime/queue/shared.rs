//! What the calling threads and the queue's own thread share: the commands that wait, and the loop that runs them.

use super::super::backend::{Backend, Device};
use super::super::command::Command;
use super::super::command_context::{CommandContext, InvalidTickets};
use super::super::profile::Profile;
use super::super::{held, mapped_file};
use super::{CAPACITY, locked, panic_message};
use crate::budget::{Account, Drain};
use crate::cpu::scratch::{self, ScratchRefused};
use crate::error::Error;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

/// How long the queue's thread looks for new work before it sleeps.
const SPIN: Duration = Duration::from_micros(50);

#[derive(Default)]
pub(super) struct Waiting {
    pub(super) commands: VecDeque<Command>,
    pub(super) enqueued: u64,
    pub(super) asleep: bool,
    /// Commands that [`super::Queue::hold`] keeps from being run; none where nothing is held.
    pub(super) held: Option<Vec<Command>>,
}

/// What the calling threads and the queue's thread share.
pub(super) struct Shared {
    /// The queue's number.
    pub(super) queue: u32,
    pub(super) waiting: Mutex<Waiting>,
    /// Set with `waiting` locked, once: nothing that waits is run any more.
    pub(super) closed: AtomicBool,
    pub(super) work: Condvar,
    pub(super) space: Condvar,
    /// Commands finished or skipped; the ticket of a command is its number, from 1.
    pub(super) completed: AtomicU64,
    /// The last ticket that somebody waited for, and that the device has passed.
    pub(super) waited: AtomicU64,
    pub(super) invalid: InvalidTickets,
    pub(super) profile: Profile,
    /// Why the device is of no use any more.
    pub(super) lost: OnceLock<Error>,
    /// Times that a call had to wait as the queue was full.
    pub(super) stalls: AtomicU64,
    pub(super) progress: Mutex<()>,
    pub(super) progressed: Condvar,
    pub(super) waiters: AtomicU32,
    pub(super) failed: AtomicBool,
    pub(super) error: Mutex<Option<Error>>,
    pub(super) backend: Arc<dyn Backend>,
    /// The queue's own.
    pub(super) thread: OnceLock<ThreadId>,
}

impl Shared {
    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// Waits until a command was given to the device; false where the queue is closed before.
    pub(super) fn wait_completed(&self, ticket: u64) -> bool {
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

    pub(super) fn run_all(&self) {
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

    pub(super) fn fail(&self, name: &'static str, ticket: u64, error: Error) {
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
    pub(super) fn passed(&self) -> u64 {
        match self.backend.device() {
            Device::Cpu => self.completed.load(Ordering::SeqCst),
            Device::Cuda => self.waited.load(Ordering::Acquire),
        }
    }

    pub(super) fn note_lost(&self, error: &Error) {
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
