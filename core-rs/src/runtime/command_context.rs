//! The command under way, and which memory holds what was really computed.

use super::backend::Backend;
use super::memory::Block;
use crate::error::{Error, Result};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// Commands that ran after one that failed, before the host knew: a device that works ahead of its queue tells late. What
/// they wrote, they made of values that were never computed.
#[derive(Default)]
pub struct InvalidTickets {
    any: AtomicBool,
    /// First and last ticket, both suspect.
    ranges: Mutex<Vec<(u64, u64)>>,
}

/// Ranges remembered; what a much older failure spoilt has long been overwritten or disposed of.
const MOST_RANGES: usize = 1024;

impl InvalidTickets {
    /// From a failed command on, everything is suspect until [`InvalidTickets::end`].
    pub fn begin(&self, ticket: u64) {
        let mut ranges = self.ranges.lock().unwrap_or_else(PoisonError::into_inner);
        if ranges.len() == MOST_RANGES {
            ranges.remove(0);
        }
        ranges.push((ticket, u64::MAX));
        self.any.store(true, Ordering::Release);
    }

    /// What comes after a ticket is sound again.
    pub fn end(&self, ticket: u64) {
        let mut ranges = self.ranges.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, last) in ranges.iter_mut().filter(|(_, last)| *last == u64::MAX) {
            *last = ticket;
        }
    }

    fn holds(&self, ticket: u64) -> bool {
        self.any.load(Ordering::Acquire)
            && self
                .ranges
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .iter()
                .any(|&(first, last)| (first..=last).contains(&ticket))
    }
}

/// What a command runs with.
pub struct CommandContext<'a> {
    pub backend: &'a dyn Backend,
    /// The command's own.
    pub ticket: u64,
    pub invalid: &'a InvalidTickets,
    /// Whether the queue was closed meanwhile.
    pub closed: &'a AtomicBool,
}

impl CommandContext<'_> {
    /// Fails once the queue was closed: nobody will see what a long command still computes.
    pub fn go_on(&self) -> Result<()> {
        match self.closed.load(Ordering::Relaxed) {
            true => Err(Error::state("replay", "The device was disposed meanwhile")),
            false => Ok(()),
        }
    }

    /// Whether a block holds nothing that was computed.
    pub fn is_poisoned(&self, block: &Block) -> bool {
        block.poisoned.load(Ordering::Relaxed) || self.invalid.holds(block.written.load(Ordering::Relaxed))
    }

    /// Notes that this command has written a block.
    pub fn wrote(&self, block: &Block) {
        block.written.store(self.ticket, Ordering::Relaxed);
        block.poisoned.store(false, Ordering::Relaxed);
        block.touched();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ran_between_a_failure_and_its_discovery_is_suspect() {
        let invalid = InvalidTickets::default();
        assert!(!invalid.holds(7));
        invalid.begin(7);
        assert!([7, 8, 9].iter().all(|&ticket| invalid.holds(ticket)) && !invalid.holds(6));
        invalid.end(8);
        assert!(invalid.holds(8) && !invalid.holds(9));
        invalid.begin(20);
        invalid.end(20);
        assert!(invalid.holds(7) && invalid.holds(20) && !invalid.holds(21));
    }
}
