//! What memory is held by, and the text of a refusal.

use super::Source;
use std::fmt::Write;

/// What the bytes that are held belong to; `lib/ffi/memory.ts` has the same order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Holder {
    /// Whatever has no other role: what ops made and nobody has disposed of.
    Results,
    Weights,
    Gradients,
    Optimizer,
    DataSet,
    RecordedSteps,
    /// Blocks that nothing uses, kept for the next tensors.
    Reuse,
    /// Blocks that only work under way still uses, which the next tensors may have after it.
    Enqueued,
    Scratch,
    Reads,
    Values,
}

pub const HOLDERS: usize = 11;

/// In the order of [`Holder`]: what goes on after "… by".
const NAMES: [&str; HOLDERS] = [
    "results not disposed",
    "weights",
    "gradients",
    "the optimizer",
    "the data set",
    "recorded steps",
    "blocks kept for reuse",
    "work under way",
    "buffers of kernels",
    "values being read",
    "values being written",
];

impl Holder {
    /// The role of a tensor, as JavaScript gives it; what only the library itself holds is none.
    pub fn of_tensor(code: u32) -> Option<Holder> {
        const ROLES: [Holder; 5] =
            [Holder::Results, Holder::Weights, Holder::Gradients, Holder::Optimizer, Holder::DataSet];
        ROLES.get(code as usize).copied()
    }
}

/// Bytes by [`Holder`].
pub type Held = [u64; HOLDERS];

/// An allocation that was refused, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub asked: u64,
    pub held: u64,
    /// What the device has left, where it can tell.
    pub free: Option<u64>,
    /// What may be held in all; 0 where that is not known.
    pub budget: u64,
    pub source: Source,
    pub by: Held,
}

/// How many holders a message names.
const NAMED: usize = 3;

impl Refused {
    /// In one line, with the biggest holders.
    pub fn reason(&self) -> String {
        let mut text = format!("Expected to allocate {} bytes", self.asked);
        if self.asked >= 1 << 20 && self.budget > 0 {
            let _ = write!(text, " ({})", size(self.asked));
        }
        if self.budget == 0 {
            text.push_str(", the system refused (");
            if let Some(free) = self.free {
                let _ = write!(text, "{free} bytes are free, ");
            }
            let _ = write!(text, "{} bytes are held by this device)", self.held);
        } else {
            let left = self.budget.saturating_sub(self.held);
            let (left, budget, source) = (size(left), size(self.budget), self.source.words());
            let _ = write!(text, ", got room for {left} of {budget} ({source})");
            let _ = write!(text, ": {} are held", size(self.held));
            let mut held: Vec<_> = self.by.iter().zip(NAMES).filter(|(bytes, _)| **bytes > 0).collect();
            held.sort_by_key(|(bytes, _)| std::cmp::Reverse(**bytes));
            for (place, (bytes, name)) in held.iter().take(NAMED).enumerate() {
                let _ = write!(text, "{} {} by {name}", if place == 0 { "," } else { " and" }, size(**bytes));
            }
        }
        text
    }
}

/// Bytes in the largest binary unit of which there is one.
fn size(bytes: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    match units.into_iter().find(|(power, _)| bytes >> power > 0) {
        Some((power, unit)) => format!("{:.1} {unit}", bytes as f64 / (1_u64 << power) as f64),
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_biggest_holders() {
        let mut by = [0; HOLDERS];
        for (holder, bytes) in
            [(Holder::Weights, 3 << 20), (Holder::Results, 5 << 30), (Holder::Reuse, 1), (Holder::Gradients, 2 << 20)]
        {
            by[holder as usize] = bytes;
        }
        let held = by.iter().sum();
        let refused = Refused { asked: 3 << 30, held, free: None, budget: 6 << 30, source: Source::ControlGroup, by };
        assert_eq!(
            refused.reason(),
            "Expected to allocate 3221225472 bytes (3.0 GiB), got room for 1019.0 MiB of 6.0 GiB (the limit of the \
             control group): 5.0 GiB are held, 5.0 GiB by results not disposed and 3.0 MiB by weights and 2.0 MiB by \
             gradients"
        );
        let unknown = Refused { asked: 8192, held: 7, free: Some(5), budget: 0, source: Source::System, by };
        assert_eq!(
            unknown.reason(),
            "Expected to allocate 8192 bytes, the system refused (5 bytes are free, 7 bytes are held by this device)"
        );
    }
}
