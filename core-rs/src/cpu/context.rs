//! What a CPU kernel runs with.

use super::isa::Isa;
use super::pool::ThreadPool;
use crate::budget::Account;
use crate::error::{Error, Result};
use std::sync::Arc;

/// The threads and the instruction set of one queue.
pub struct CpuContext {
    pub pool: ThreadPool,
    pub isa: Isa,
}

/// Threads that a queue may be asked for.
pub const MAX_THREADS: usize = 256;

impl CpuContext {
    /// `threads` 0 takes `LIBTRAIN_THREADS`, or else every core; `LIBTRAIN_ISA` forces an instruction set.
    pub fn new(threads: usize) -> Result<CpuContext> {
        let op = "Device";
        let threads = match (threads, std::env::var("LIBTRAIN_THREADS")) {
            (0, Ok(text)) => text.parse().ok().filter(|n| (1..=MAX_THREADS).contains(n)).ok_or_else(|| {
                Error::argument(
                    op,
                    format!("Expected LIBTRAIN_THREADS as a whole number from 1 to {MAX_THREADS}, got \"{text}\""),
                )
            })?,
            (0, Err(_)) => std::thread::available_parallelism().map_or(1, |n| n.get().min(MAX_THREADS)),
            (n, _) if n <= MAX_THREADS => n,
            (n, _) => return Err(Error::argument(op, format!("Expected at most {MAX_THREADS} threads, got {n}"))),
        };
        let isa = match std::env::var("LIBTRAIN_ISA") {
            Ok(text) => Isa::parse(&text).filter(|isa| isa.is_supported()).ok_or_else(|| {
                let known: Vec<_> = Isa::available().into_iter().map(Isa::name).collect();
                Error::argument(
                    op,
                    format!("Expected LIBTRAIN_ISA as one of {} on this processor, got \"{text}\"", known.join(", ")),
                )
            })?,
            Err(_) => Isa::detect(),
        };
        let account = Arc::<Account>::default();
        let refused = |error| Error::DeviceUnavailable { message: format!("the system refused a thread ({error})") };
        let pool = ThreadPool::of(threads, &account).map_err(refused)?;
        Ok(CpuContext { pool, isa })
    }
}
