//! What a device does for its queue: memory, copies, and running records.

use super::command_context::CommandContext;
use super::held;
use super::record::Record;
use super::replay::Replay;
use crate::budget::{Account, Kind, Place, Reservation};
use crate::error::{Error, Result};
use crate::pages::Buffer;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Where a queue's tensors live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    Cpu,
    Cuda,
}

/// Memory of a device, bytes.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    pub free: usize,
    pub total: usize,
}

/// Host memory that values are read into.
pub trait HostMemory: Send {
    fn bytes(&self) -> &[u8];
    fn bytes_mut(&mut self) -> &mut [u8];
}

/// [`HostMemory`] of no device.
pub struct PlainMemory {
    buffer: Buffer,
    room: Option<Reservation>,
}

impl PlainMemory {
    pub fn new(op: &'static str, bytes: usize, account: &Arc<Account>) -> Result<PlainMemory> {
        let room = account.reserve(Kind::Reads, Place::Host, bytes);
        let room = room.map_err(|short| held::refusal(op, bytes, short, account))?;
        let buffer = account.retried(Kind::Reads, || Buffer::zeroed(bytes).ok_or(()));
        let buffer = buffer.map_err(|()| held::explained(Error::no_memory(op, bytes, None), account))?;
        Ok(PlainMemory { buffer, room: Some(room) })
    }

    /// No bytes.
    pub fn none() -> PlainMemory {
        PlainMemory { buffer: Buffer::default(), room: None }
    }
}

impl HostMemory for PlainMemory {
    fn bytes(&self) -> &[u8] {
        &self.buffer
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        // Whoever asks is about to write all of them.
        self.room.iter().for_each(Reservation::touch);
        &mut self.buffer
    }
}

/// Time on a device from where it was made, in the order of the commands, to where it was stopped.
pub trait Stopwatch: Send {
    fn stop(&mut self) -> Result<()>;

    /// Once the command behind the stop was waited for.
    fn milliseconds(&self) -> Result<f64>;
}

/// A [`Stopwatch`] of a device that does its work in the call.
struct HostStopwatch {
    start: Instant,
    taken: Duration,
}

impl Stopwatch for HostStopwatch {
    fn stop(&mut self) -> Result<()> {
        self.taken = self.start.elapsed();
        Ok(())
    }

    fn milliseconds(&self) -> Result<f64> {
        Ok(self.taken.as_secs_f64() * 1e3)
    }
}

/// What a device that works ahead of its queue found out late.
pub struct LateFailure {
    /// The command that failed, where the device can tell.
    pub ticket: Option<u64>,
    pub error: Error,
}

/// One device behind a queue. Pointers are the device's own: nobody but its backend and its kernels looks behind them.
///
/// The queue's thread calls `begin`, `upload`, `download`, `copy`, `run`, `replay`, `stopwatch` and `mark`, one at a time and in the
/// order of the commands; a backend may return before the work is done, as long as it is done in that order. Any thread may
/// call the others.
pub trait Backend: Send + Sync {
    fn device(&self) -> Device;

    /// What its queue holds is counted there.
    fn account(&self) -> &Arc<Account> {
        Account::nobody()
    }

    /// Memory with undefined contents, aligned to 64 bytes at least; `bytes` is not 0. `op` is who asks.
    fn allocate(&self, op: &'static str, bytes: usize) -> Result<*mut u8>;

    /// # Safety
    /// `pointer` came from [`Backend::allocate`] with the same `bytes`, is freed once, and no later command uses it.
    unsafe fn free(&self, pointer: *mut u8, bytes: usize);

    /// Host to device.
    ///
    /// # Safety
    /// `target` holds `source.len()` bytes of this device.
    unsafe fn upload(&self, source: &[u8], target: *mut u8) -> Result<()>;

    /// [`Backend::upload`] of values that were made while the device was busy: the copy may begin before what was given to
    /// the device earlier is done, but `target` changes only after it.
    ///
    /// # Safety
    /// As for [`Backend::upload`].
    unsafe fn upload_early(&self, source: Box<dyn HostMemory>, target: *mut u8) -> Result<()> {
        // SAFETY: the caller's promise.
        unsafe { self.upload(source.bytes(), target) }
    }

    /// Host memory of `bytes` bytes for [`Backend::upload_early`].
    fn transfer_memory(&self, op: &'static str, bytes: usize) -> Result<Box<dyn HostMemory>> {
        Ok(Box::new(PlainMemory::new(op, bytes, self.account())?))
    }

    /// Bytes that are free and in all, of a device with memory of its own.
    fn room(&self) -> Result<Option<Room>> {
        Ok(None)
    }

    /// Host memory of `bytes` bytes that [`Backend::download`] fills.
    fn host_memory(&self, op: &'static str, bytes: usize) -> Result<Box<dyn HostMemory>> {
        Ok(Box::new(PlainMemory::new(op, bytes, self.account())?))
    }

    /// Device to host; the values are there once the command has been waited for.
    ///
    /// # Safety
    /// `source` holds as many bytes of this device as `target` has, and `target` lives until the copy is done.
    unsafe fn download(&self, source: *const u8, target: &mut dyn HostMemory) -> Result<()>;

    /// Device to device.
    ///
    /// # Safety
    /// Both hold `bytes` bytes of this device.
    unsafe fn copy(&self, source: *const u8, target: *mut u8, bytes: usize) -> Result<()>;

    /// Runs the record's kernel.
    fn run(&self, record: &Record) -> Result<()>;

    /// Runs a captured step, once or several times; [`Graph::kept`](super::capture::Graph::kept) is this device's.
    fn replay(&self, replay: &Replay, context: &CommandContext) -> Result<()> {
        replay.run(context)
    }

    /// Whether a captured step's values get places in one arena. Not where memory is taken as soon as it is asked for:
    /// for a moment there is both the arena and what the recording used.
    fn places_in_arena(&self) -> bool {
        false
    }

    /// Says which command comes next.
    fn begin(&self, _ticket: u64) {}

    /// Makes this a point that [`Backend::finish`] can wait for: after the command of a ticket.
    fn mark(&self, _ticket: u64) -> Result<()> {
        Ok(())
    }

    /// Waits until the command of the ticket, which was given before, is done, and tells what went wrong up to there; gives
    /// the last ticket that is done, as far as it knows.
    fn finish(&self, ticket: u64) -> std::result::Result<u64, LateFailure> {
        Ok(ticket)
    }

    /// Starts a clock between the work given so far and what comes next.
    fn stopwatch(&self) -> Result<Box<dyn Stopwatch>> {
        Ok(Box::new(HostStopwatch { start: Instant::now(), taken: Duration::ZERO }))
    }

    /// Forgets what went wrong.
    fn recover(&self) -> Result<()> {
        Ok(())
    }

    /// What was chosen by timing, as a text for [`Backend::use_plan`].
    fn plan(&self) -> String {
        String::new()
    }

    /// Takes over what was chosen before, where nothing was chosen yet.
    fn use_plan(&self, _plan: &str) -> Result<()> {
        Ok(())
    }

    /// Kernels that the host has launched on a device of its own, and graphs of them.
    fn launches(&self) -> u64 {
        0
    }

    /// Chunks run by each host thread, for the tests of the thread pool.
    fn chunks_by_thread(&self) -> Vec<u64>;
}
