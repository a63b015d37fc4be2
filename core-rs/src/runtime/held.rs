//! Who holds the memory: what the budgets count, and the roles of the tensors alive.

use super::handles::{Entry, table};
use super::memory::Storage;
use crate::budget::{self, Account, HOLDERS, Held, Holder, Kind, Place, Refused, Short, Source};
use crate::error::Error;
use std::collections::HashSet;
use std::sync::Arc;

/// What was refused to a queue, and who holds the rest: of the queue alone where its own limit was met, else of the process.
pub fn refusal(op: &'static str, asked: usize, Short { budget, source }: Short, account: &Arc<Account>) -> Error {
    let own = matches!(source, Source::Device | Source::System | Source::Injected);
    let by = if own { of_queue(account) } else { of_process() };
    let held = by.iter().sum();
    Error::OutOfMemory { op, memory: Box::new(Refused { asked: asked as u64, held, free: None, budget, source, by }) }
}

/// An error of the system or a driver, with who holds the memory where that is what is short.
pub fn explained(error: Error, account: &Arc<Account>) -> Error {
    let Error::OutOfMemory { op, mut memory } = error else { return error };
    memory.by = of_queue(account);
    memory.held = memory.by.iter().sum();
    Error::OutOfMemory { op, memory }
}

/// Of one queue.
pub fn of_queue(account: &Arc<Account>) -> Held {
    held(account.held(), account.live(), |of, _| Arc::ptr_eq(of, account))
}

/// Of all queues, where they hold memory of the host.
pub fn of_process() -> Held {
    let (held_by_kind, live) = budget::of_host();
    held(held_by_kind, live, |_, place| place == Place::Host)
}

fn held(kinds: [u64; budget::KINDS], live: u64, counts: impl Fn(&Arc<Account>, Place) -> bool) -> Held {
    let mut by = [0; HOLDERS];
    let mut seen = HashSet::new();
    table().each(|entry| {
        let mut add = |storage: &Arc<Storage>, holder: Option<Holder>| {
            if counts(storage.account(), storage.place()) && seen.insert(Arc::as_ptr(storage)) {
                by[holder.unwrap_or_else(|| storage.role()) as usize] += storage.capacity() as u64;
            }
        };
        match entry {
            Entry::Tensor(tensor) => add(&tensor.storage, None),
            // The slots of its arguments have no handles.
            Entry::Graph(graph, _) => {
                graph.inputs.iter().for_each(|input| add(&input.storage, Some(Holder::RecordedSteps)))
            }
            _ => {}
        }
    });
    let of_kind = |kind: Kind| kinds[kind as usize];
    // What has no handle any more, but is still to be used: by reads, transfers and recorded steps.
    let others = live.saturating_sub(by.iter().sum());
    by[Holder::Results as usize] += others;
    by[Holder::RecordedSteps as usize] += of_kind(Kind::Arenas);
    let kept = of_kind(Kind::Blocks).saturating_sub(live);
    let enqueued = budget::under_way(&counts).min(kept);
    by[Holder::Enqueued as usize] = enqueued;
    by[Holder::Reuse as usize] = kept - enqueued;
    by[Holder::Scratch as usize] = of_kind(Kind::Scratch);
    by[Holder::Reads as usize] = of_kind(Kind::Reads);
    by[Holder::Values as usize] = of_kind(Kind::Values);
    by
}
