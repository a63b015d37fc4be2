//! What a thread has opened ends with it.
//!
//! A Worker is a thread of the operating system, and `terminate()` runs none of its JavaScript any more: only the end of the
//! thread tells that nobody can use its devices and jobs again.

use super::handles::{Entry, Handle, table};
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Queues and jobs that this thread has opened.
struct Owned(RefCell<Vec<Handle>>);

thread_local! {
    static OWNED: Owned = const { Owned(RefCell::new(Vec::new())) };
}

/// Bytes that an arena of the allocator may keep at its end.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const ARENA_KEEPS: libc::c_int = 1 << 20;

/// Once a Worker has opened something: has the allocator give back what is free at the end of an arena. By itself it keeps up to
/// twice the largest block that it ever freed, in an arena of each Worker (8 MiB after a file of MNIST was read), and
/// `malloc_trim` leaves that alone.
fn keep_arenas_small() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        static ONCE: std::sync::Once = std::sync::Once::new();
        ONCE.call_once(|| {
            // SAFETY: it may be called at any time, and changes no block.
            unsafe { libc::mallopt(libc::M_TRIM_THRESHOLD, ARENA_KEEPS) };
        });
    }
}

/// Notes that the calling thread has opened a queue or a job.
pub fn owns(handle: Handle) {
    if !is_main_thread() {
        keep_arenas_small();
    }
    OWNED.with(|owned| {
        let mut handles = owned.0.borrow_mut();
        let table = table();
        handles.retain(|&handle| table.is_live(handle));
        handles.push(handle);
    });
}

impl Drop for Owned {
    fn drop(&mut self) {
        // With the main thread goes the process, and what a driver still has loaded by then is not to be counted on.
        if is_main_thread() {
            return;
        }
        let handles = std::mem::take(self.0.get_mut());
        // A panic here would end the process.
        let _ = catch_unwind(AssertUnwindSafe(|| end(&handles)));
    }
}

/// Closes queues, cancels jobs, and lets go of all that belongs to them.
fn end(handles: &[Handle]) {
    let mut left = Vec::new();
    {
        let mut table = table();
        for &handle in handles {
            let entries = table.remove_queue(handle);
            left.extend(if entries.is_empty() { table.remove(handle).into_iter().collect() } else { entries });
        }
    }
    for entry in &left {
        if let Entry::Queue(queue) = entry {
            queue.close();
        }
    }
    if handles.is_empty() {
        return;
    }
    // Also where all was closed before: what the thread has freed is still the allocator's. Giving memory back waits, for an op under way, the threads of a pool or a GPU, and thread-local values that a driver needs
    // may be gone: a thread of its own does it. Where the system refuses one, the closure is dropped here, with what it holds.
    let _ = std::thread::Builder::new().name("libtrain-end".to_string()).spawn(move || give_back(left));
}

fn give_back(left: Vec<Entry>) {
    for entry in &left {
        if let Entry::Queue(queue) = entry {
            queue.join();
        }
    }
    drop(left);
    // The allocator keeps what the ended threads have freed, in an arena of each: services start Workers all day.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it may be called at any time.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Whether this is the thread that the process began with.
fn is_main_thread() -> bool {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    // SAFETY: both only ask the system for a number.
    return unsafe { libc::gettid() == libc::getpid() };
    #[cfg(target_vendor = "apple")]
    // SAFETY: it only asks the system.
    return unsafe { libc::pthread_main_np() == 1 };
    #[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
    return false;
}

#[cfg(test)]
#[path = "owner_tests.rs"]
mod tests;
