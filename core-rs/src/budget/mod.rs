//! How much memory of the host the library may hold, and who holds it.
//!
//! Linux hands out more memory than there is and ends a process that then uses it, so whatever the library takes from the
//! system is counted here first, and refused before it is touched where it would not fit.

mod account;
mod cgroup;
pub mod faults;
mod holders;
mod process;
mod reclaim;
mod sources;

pub use account::{Account, KINDS, Kind, Place, Reservation};
pub use holders::{HOLDERS, Held, Holder, Refused};
pub use process::{Figures, figures, note_overhead, of_host, require_setting};
pub use reclaim::{Drain, Reclaim, register, under_way};
pub use sources::Source;

/// Why memory was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Short {
    /// Bytes that may be held in all; what it bounds is told by `source`.
    pub budget: u64,
    pub source: Source,
}
