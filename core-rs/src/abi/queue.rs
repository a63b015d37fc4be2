//! Exports about queues: make, wait, count, recover.

use super::guard::{ABI_VERSION, export, inject_panic};
use crate::budget::{self, Figures};
use crate::cpu::CpuContext;
use crate::cuda::CudaContext;
use crate::error::{Error, Result};
use crate::runtime::backend::Backend;
use crate::runtime::handles::{Entry, Handle, table};
use crate::runtime::held;
use crate::runtime::owner;
use crate::runtime::queue::Queue;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

pub(super) fn queue_of(op: &'static str, slot: u32, generation: u32) -> Result<Arc<Queue>> {
    table().queue(op, Handle { slot, generation })
}

export! {
    /// out: the ABI version.
    fn lt_abi_version() |out| {
        out.push(ABI_VERSION)
    }
}

export! {
    /// For tests: the `calls`-th guarded call after this one panics (0: none).
    fn lt_inject_panic(calls: u32) |_out| {
        inject_panic(calls);
        Ok(())
    }
}

export! {
    /// For tests: the next block that a queue asks from the system is refused.
    fn lt_inject_out_of_memory(queue_slot: u32, queue_generation: u32) |_out| {
        queue_of("inject_out_of_memory", queue_slot, queue_generation)?.counters.fail_next_allocation.store(true, Ordering::Relaxed);
        Ok(())
    }
}

export! {
    /// For tests: the n-th allocation of memory from now is refused, of any queue and kind: blocks, arenas, buffers of kernels,
    /// reads and host values (0: none). out: how many were asked for so far (u64).
    fn lt_inject_refusal(allocations: u32) |out| {
        out.push_u64(budget::faults::inject(allocations))
    }
}

export! {
    /// kind 0: CPU, 1: CUDA; threads 0: as many as there are cores (CPU); tf32 1: f32 products and convolutions may round
    /// their factors to TF32 (CUDA). out: the queue's handle.
    fn lt_queue_create(kind: u32, threads: u32, tf32: u32) |out| {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        out.reserve(2)?;
        budget::require_setting().map_err(|text| {
            let message = format!("Expected LIBTRAIN_MEMORY as bytes, say 2G or 500M, got \"{text}\"");
            Error::argument("Device", message)
        })?;
        let backend: Arc<dyn Backend> = match kind {
            0 => Arc::new(CpuContext::new(threads as usize)?),
            1 => Arc::new(CudaContext::open(tf32 == 1)?),
            _ => return Err(Error::argument("queue_create", format!("Expected `kind` 0 (CPU) or 1 (CUDA), got {kind}"))),
        };
        let queue = Queue::new(NEXT.fetch_add(1, Ordering::Relaxed), backend)?;
        let handle = table().insert(Entry::Queue(Arc::new(queue)));
        owner::owns(handle);
        out.push_handle(handle)
    }
}

export! {
    /// Ends the queue's thread after the op that it is running, and lets go of everything that belongs to it: handles of
    /// its tensors, reads and graphs are stale from here on. So does the end of the thread that created it.
    fn lt_queue_destroy(queue_slot: u32, queue_generation: u32) |_out| {
        let handle = Handle { slot: queue_slot, generation: queue_generation };
        let queue = queue_of("queue_destroy", queue_slot, queue_generation)?;
        queue.close();
        let entries = table().remove_queue(handle);
        drop(entries);
        Ok(())
    }
}

export! {
    /// Waits until the command of the ticket has passed; fails with a late error. Call it nonblocking. out: the last ticket
    /// that is known to have passed (u64).
    fn lt_queue_wait(queue_slot: u32, queue_generation: u32, ticket_low: u32, ticket_high: u32) |out| {
        let queue = queue_of("queue_wait", queue_slot, queue_generation)?;
        let (ticket, last) = (u64::from(ticket_high) << 32 | u64::from(ticket_low), queue.enqueued());
        if ticket > last {
            // Nobody may ever enqueue it, and a call that waits cannot be ended.
            return Err(Error::argument("queue_wait", format!("Expected a ticket up to {last}, got {ticket}")));
        }
        out.push_u64(queue.wait(ticket)?)
    }
}

export! {
    /// out: tickets known to be done (u64), enqueued tickets (u64), 1 if a late error waits.
    fn lt_queue_progress(queue_slot: u32, queue_generation: u32) |out| {
        let queue = queue_of("queue_progress", queue_slot, queue_generation)?;
        out.push_u64(queue.passed())?;
        out.push_u64(queue.enqueued())?;
        out.push(u32::from(queue.late_error().is_some()))
    }
}

export! {
    /// Waits for what was enqueued, then forgets the late error (fails where the device is lost); tensors that were skipped stay unreadable.
    fn lt_queue_recover(queue_slot: u32, queue_generation: u32) |_out| {
        queue_of("queue_recover", queue_slot, queue_generation)?.recover()
    }
}

export! {
    /// out, as u64: handles, storages, their bytes, bytes reserved, system allocations, stalls, launches, threads, chunks run
    /// by each thread.
    fn lt_queue_stats(queue_slot: u32, queue_generation: u32) |out| {
        let queue = queue_of("queue_stats", queue_slot, queue_generation)?;
        out.push_u64(queue.handles.load(Ordering::Relaxed))?;
        for counter in [
            &queue.counters.live_storages,
            &queue.counters.live_bytes,
            &queue.counters.reserved,
            &queue.counters.system_allocations,
        ] {
            out.push_u64(counter.load(Ordering::Relaxed))?;
        }
        out.push_u64(queue.stalls())?;
        out.push_u64(queue.backend().launches())?;
        let chunks = queue.backend().chunks_by_thread();
        out.push_u64(chunks.len() as u64)?;
        chunks.into_iter().try_for_each(|count| out.push_u64(count))
    }
}

export! {
    /// Keeps what is enqueued from here on from being run until lt_queue_release.
    fn lt_queue_hold(queue_slot: u32, queue_generation: u32) |_out| {
        queue_of("queue_hold", queue_slot, queue_generation)?.hold()
    }
}

export! {
    /// Has what was held run (1), or forgets it (0).
    fn lt_queue_release(queue_slot: u32, queue_generation: u32, run: u32) |_out| {
        queue_of("queue_release", queue_slot, queue_generation)?.release(run != 0)
    }
}

export! {
    /// Bounds what the queue may hold, in bytes; 0 for no limit of its own.
    fn lt_queue_limit(queue_slot: u32, queue_generation: u32, bytes_low: u32, bytes_high: u32) |_out| {
        let queue = queue_of("queue_limit", queue_slot, queue_generation)?;
        queue.backend().account().set_limit(u64::from(bytes_high) << 32 | u64::from(bytes_low));
        Ok(())
    }
}

export! {
    /// out, as u64: bytes that the process holds of its budget, the budget as it is now, the code of what it comes from, the
    /// queue's own limit (0: none), then bytes that the queue holds by holder.
    fn lt_queue_memory(queue_slot: u32, queue_generation: u32) |out| {
        let queue = queue_of("queue_memory", queue_slot, queue_generation)?;
        let account = queue.backend().account();
        let Figures { held, budget, source } = budget::figures();
        let numbers = [held, budget, source as u64, account.limit()];
        numbers.into_iter().chain(held::of_queue(account)).try_for_each(|number| out.push_u64(number))
    }
}

export! {
    /// Gives the blocks kept for reuse back to the system.
    fn lt_queue_trim(queue_slot: u32, queue_generation: u32) |_out| {
        queue_of("queue_trim", queue_slot, queue_generation)?.pool.trim();
        Ok(())
    }
}

export! {
    /// Begins (1) or ends (0) timing every record on the device; what was timed before is forgotten.
    fn lt_queue_profile(queue_slot: u32, queue_generation: u32, on: u32) |_out| {
        queue_of("queue_profile", queue_slot, queue_generation)?.profile().switch(on != 0);
        Ok(())
    }
}

export! {
    /// What was timed from a place on, once it was waited for. out: how many, and a JSON text of so many objects with
    /// commas between them: op, ms, bytes read and written, inputs and outputs as [dtype, shape].
    fn lt_queue_timed(queue_slot: u32, queue_generation: u32, first: u32) |out| {
        let queue = queue_of("queue_timed", queue_slot, queue_generation)?;
        let (count, text) = queue.profile().json(first as usize, out.room().saturating_sub(8))?;
        out.push(count as u32)?;
        out.text(&text)
    }
}

export! {
    /// out: a text of what was chosen by timing on this device, for lt_queue_use_plan; empty where nothing was.
    fn lt_queue_plan(queue_slot: u32, queue_generation: u32) |out| {
        let plan = queue_of("queue_plan", queue_slot, queue_generation)?.backend().plan();
        // A plan that is cut off is none.
        out.reserve(1 + plan.len().div_ceil(4))?;
        out.text(&plan)
    }
}

export! {
    /// Takes the choices of lt_queue_plan over, made by this or another process on such a device, where nothing was chosen
    /// yet; so results are the same bits again.
    fn lt_queue_use_plan(queue_slot: u32, queue_generation: u32, plan: &[u8]) |_out| {
        let op = "queue_use_plan";
        let queue = queue_of(op, queue_slot, queue_generation)?;
        let text = std::str::from_utf8(plan?);
        queue.backend().use_plan(text.map_err(|_| Error::argument(op, "Expected `plan` as UTF-8"))?)
    }
}

export! {
    /// For tests: out: the records that CPU queues of this process have run (u64), so that none can stand in for a GPU's.
    fn lt_cpu_runs() |out| {
        out.push_u64(crate::cpu::runs())
    }
}

export! {
    /// out: a JSON text about this machine: cpu {model, isa, available, threads}, cuda {driver, …}.
    fn lt_device_info() |out| {
        out.text(&crate::device_info::json())
    }
}
