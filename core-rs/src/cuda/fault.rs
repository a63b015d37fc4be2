//! What kernels found wrong: a few words of device memory that they write and the host reads where it waits anyway.
//!
//! A kernel cannot return an error. One that meets a label out of range or a gradient that is not finite claims the fault
//! word for its command, and every op that writes in place looks at the word first and then changes nothing. The host sees
//! the word at the next mark and tells the late error that the CPU would have told at once.

use super::buffer::DeviceBuffer;
use super::context::{CudaContext, failed};
use super::io::DevicePointer;
use crate::error::{Error, Result};
use cudarc::driver::{result, sys};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Tells what went wrong from what the kernel reported: where (a position) and what (a value's bits).
pub type Describe = fn(place: u32, what: u32) -> String;

/// As [`Describe`], with a limit that the host knows: how many classes or rows there are.
pub type DescribeWithin = fn(place: u32, what: u32, limit: u32) -> String;

/// What an op that reported something is told as.
#[derive(Clone, Copy)]
enum Words {
    Plain(Describe),
    Within(DescribeWithin, u32),
}

impl Words {
    fn is(self, other: Words) -> bool {
        match (self, other) {
            (Words::Plain(one), Words::Plain(two)) => std::ptr::fn_addr_eq(one, two),
            (Words::Within(one, limit), Words::Within(two, other)) => limit == other && std::ptr::fn_addr_eq(one, two),
            _ => false,
        }
    }

    fn of(self, place: u32, what: u32) -> String {
        match self {
            Words::Plain(describe) => describe(place, what),
            Words::Within(describe, limit) => describe(place, what, limit),
        }
    }
}

/// `FaultWord` of `kernels/common.cuh`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct FaultWord {
    pub claim: u64,
    pub detail: u64,
    ticket: u64,
}

/// Bytes of the word.
pub const WORD: usize = size_of::<FaultWord>();

/// `Fault` of `kernels/common.cuh`: what a kernel is given.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Fault {
    word: DevicePointer,
    ticket: u64,
    op: u32,
    unused: u32,
}

/// The fault word of one queue, and the ops that may write it.
pub struct Faults {
    word: Arc<DeviceBuffer>,
    /// The command under way; 0 while a graph is recorded, whose launches take the ticket from the word.
    ticket: AtomicU64,
    ops: Mutex<Vec<(&'static str, Words)>>,
}

impl Faults {
    pub(super) fn new(word: Arc<DeviceBuffer>) -> Faults {
        Faults { word, ticket: AtomicU64::new(0), ops: Mutex::default() }
    }

    /// Names the command whose launches follow; 0 for those of a graph being recorded.
    pub fn set_ticket(&self, ticket: u64) {
        self.ticket.store(ticket, Ordering::Relaxed);
    }

    pub(super) fn word(&self) -> DevicePointer {
        self.word.pointer()
    }

    /// What a kernel of this op is given.
    pub fn of(&self, op: &'static str, describe: Describe) -> Fault {
        self.told(op, Words::Plain(describe))
    }

    /// [`Faults::of`] for a text that names a limit of this call.
    pub fn within(&self, op: &'static str, limit: u32, describe: DescribeWithin) -> Fault {
        self.told(op, Words::Within(describe, limit))
    }

    /// For a kernel that looks whether something failed, and reports nothing itself.
    pub fn seen(&self) -> Fault {
        Fault { word: self.word(), ticket: 0, op: 0, unused: 0 }
    }

    fn told(&self, op: &'static str, words: Words) -> Fault {
        let mut ops = self.ops.lock().unwrap_or_else(PoisonError::into_inner);
        let known = ops.iter().position(|&(name, other)| name == op && other.is(words));
        let index = known.unwrap_or_else(|| {
            ops.push((op, words));
            ops.len() - 1
        });
        Fault { word: self.word(), ticket: self.ticket.load(Ordering::Relaxed), op: index as u32 + 1, unused: 0 }
    }

    /// The error that a word tells, with the ticket of its command.
    pub fn error(&self, word: &FaultWord) -> Option<(u64, Error)> {
        let (ticket, op) = (word.claim >> 16, (word.claim & 0xffff) as usize);
        let ops = self.ops.lock().unwrap_or_else(PoisonError::into_inner);
        let &(name, words) = ops.get(op.checked_sub(1)?)?;
        let message = words.of((word.detail >> 32) as u32, word.detail as u32);
        Some((ticket, Error::argument(name, message)))
    }
}

impl CudaContext {
    /// Names the command whose graph is launched next.
    pub(super) fn tell_ticket(&self, ticket: u64) -> Result<()> {
        let told = |error| failed("replay", "Naming the replay under way", &error);
        self.bind().map_err(told)?;
        let (place, stream) = (self.faults.word() + 16, self.stream().cu_stream());
        // SAFETY: the ticket is the third of the word's three times eight bytes, low half first.
        unsafe {
            sys::cuMemsetD32Async(place, ticket as u32, 1, stream).result().map_err(told)?;
            sys::cuMemsetD32Async(place + 4, (ticket >> 32) as u32, 1, stream).result().map_err(told)
        }
    }

    /// Makes the word say that nothing is wrong, after everything launched so far.
    pub(super) fn clear_fault(&self) -> Result<()> {
        let told = |error| failed("recover", "Clearing the fault word", &error);
        self.bind().map_err(told)?;
        let (word, stream) = (self.faults.word(), self.stream().cu_stream());
        // SAFETY: the word is three times eight bytes of this device.
        unsafe {
            result::memset_d8_async(word, 0, WORD, stream).map_err(told)?;
            // No place yet: the smallest wins.
            result::memset_d8_async(word + 8, 0xff, 8, stream).map_err(told)
        }
    }
}
