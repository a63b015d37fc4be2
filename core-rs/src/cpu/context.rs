//! What a CPU kernel runs with.

use super::fastest::fastest;
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

/// The instruction set that `LIBTRAIN_ISA` asks for; its text where this processor has no such set.
pub fn asked_isa() -> Option<std::result::Result<Isa, String>> {
    let text = std::env::var("LIBTRAIN_ISA").ok()?;
    Some(Isa::parse(&text).filter(|isa| isa.is_supported()).ok_or(text))
}

impl CpuContext {
    /// `threads` 0 takes `LIBTRAIN_THREADS`, or else every core; `LIBTRAIN_ISA` forces an instruction set, else it is the
    /// fastest one.
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
        let isa = asked_isa().unwrap_or_else(|| Ok(fastest())).map_err(|text| {
            let known: Vec<_> = Isa::available().into_iter().map(Isa::name).collect();
            let known = known.join(", ");
            Error::argument(op, format!("Expected LIBTRAIN_ISA as one of {known} on this processor, got \"{text}\""))
        })?;
        let account = Arc::<Account>::default();
        let refused = |error| Error::DeviceUnavailable { message: format!("the system refused a thread ({error})") };
        let pool = ThreadPool::of(threads, &account).map_err(refused)?;
        Ok(CpuContext { pool, isa })
    }
}
