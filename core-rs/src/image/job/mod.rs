//! Preparing a data set: from an archive or a folder to cache files, on threads of its own.

mod classes;
mod order;
mod prepare;
#[cfg(test)]
mod tests;

pub use order::Made;
pub use prepare::{Most, Options};

use super::cache::Watched;
use super::source::regular::Stamp;
use crate::error::{Error, Result};
use crate::runtime::queue::panic_message;
use crate::shown::shown;
use std::fmt;
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Why a job ended without a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    Cancelled,
    /// What is wrong with the data or the disk.
    Bad(String),
    Panic(String),
}

impl Fault {
    pub fn data(message: impl Into<String>) -> Fault {
        Fault::Bad(message.into())
    }

    /// What the system said about a file.
    pub fn file(path: &Path, error: &std::io::Error) -> Fault {
        let reason = match error.kind() {
            ErrorKind::StorageFull => "The disk is full".to_string(),
            ErrorKind::FileTooLarge | ErrorKind::QuotaExceeded => "The system allows no more bytes there".to_string(),
            ErrorKind::NotFound => "There is no such file or folder".to_string(),
            _ => error.to_string(),
        };
        Fault::Bad(format!("{}: {reason}", shown(&path.to_string_lossy())))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Cancelled => write!(f, "Cancelled"),
            Fault::Bad(message) => write!(f, "{message}"),
            Fault::Panic(message) => write!(f, "Internal error: {message}; please report it"),
        }
    }
}

/// What a job is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Phase {
    /// Looking for what is there: an archive is hashed, a folder listed.
    Looking = 0,
    Decoding = 1,
    /// Writing tables and waiting for the disk.
    Writing = 2,
}

/// How far a job is; written by its threads, read by anybody.
#[derive(Default)]
pub struct Progress {
    cancelled: AtomicBool,
    pub phase: AtomicU32,
    /// Bytes of the source read in this phase, and how many there are.
    pub bytes: AtomicU64,
    pub expected_bytes: AtomicU64,
    /// Entries seen: files and folders of an archive, images of a folder.
    pub entries: AtomicU64,
    pub decoded: AtomicU64,
    pub failed: AtomicU64,
    /// Bytes of pixels given to the disk.
    pub written: AtomicU64,
}

impl Progress {
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// Fails once the job is cancelled.
    pub fn check(&self) -> std::result::Result<(), Fault> {
        if self.is_cancelled() { Err(Fault::Cancelled) } else { Ok(()) }
    }

    fn enter(&self, phase: Phase) {
        self.phase.store(phase as u32, Ordering::Relaxed);
    }

    /// Starts counting bytes anew.
    pub fn expect_bytes(&self, bytes: u64) {
        self.bytes.store(0, Ordering::Relaxed);
        self.expected_bytes.store(bytes, Ordering::Relaxed);
    }

    pub fn add_bytes(&self, count: u64) {
        self.bytes.fetch_add(count, Ordering::Relaxed);
    }

    pub fn add_entry(&self) {
        self.entries.fetch_add(1, Ordering::Relaxed);
    }
}

/// What a job's threads and its owner share.
#[derive(Default)]
struct Shared {
    progress: Progress,
    outcome: OnceLock<Outcome>,
}

/// What a job came to.
pub type Outcome = std::result::Result<String, Fault>;

/// A job that runs, or has run; dropping it cancels it.
pub struct Job {
    running: Mutex<Arc<Shared>>,
    /// What a check is of, and what the file was when it began; it begins anew where that changes.
    watched: Option<(Arc<Watched>, Mutex<Stamp>)>,
}

impl Job {
    /// Starts to prepare a data set.
    pub fn start(options: Options) -> Result<Job> {
        let shared = spawn("image_job_start", "libtrain-data", move |progress| prepare::prepare(&options, progress))?;
        Ok(Job { running: Mutex::new(shared), watched: None })
    }

    /// Starts to check the pixels of a cache, which is watched from then on.
    pub fn watch(watched: Watched) -> Result<Job> {
        let watched = Arc::new(watched);
        let stamp = watched.look().map_err(|fault| Error::data("image_cache_open", fault.to_string()))?;
        let shared = verify(watched.clone())?;
        Ok(Job { running: Mutex::new(shared), watched: Some((watched, Mutex::new(stamp))) })
    }

    fn running(&self) -> Arc<Shared> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn cancel(&self) {
        self.running().progress.cancel();
    }

    /// Hands over how far it is and what it came to: a JSON text about the files, or why there are none; `None` while it runs.
    pub fn look<T>(&self, take: impl FnOnce(&Progress, Option<&Outcome>) -> T) -> T {
        if let Some((watched, before)) = &self.watched {
            let mut before = before.lock().unwrap_or_else(PoisonError::into_inner);
            match watched.look() {
                Err(fault) => return take(&self.running().progress, Some(&Err(fault))),
                // Written to, or only touched: its pixels say which.
                Ok(now) if now != *before && !matches!(self.running().outcome.get(), Some(Err(_))) => {
                    *before = now;
                    if let Ok(anew) = verify(watched.clone()) {
                        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
                        running.progress.cancel();
                        *running = anew;
                    }
                }
                Ok(_) => {}
            }
        }
        let running = self.running();
        take(&running.progress, running.outcome.get())
    }
}

fn verify(watched: Arc<Watched>) -> Result<Arc<Shared>> {
    let check = move |progress: &Progress| watched.verify(progress).map(|()| String::new());
    spawn("image_cache_open", "libtrain-check", check)
}

/// Runs work on a thread of its own.
fn spawn(
    op: &'static str,
    name: &str,
    work: impl FnOnce(&Progress) -> Outcome + Send + 'static,
) -> Result<Arc<Shared>> {
    let shared = Arc::new(Shared::default());
    let running = shared.clone();
    let whole = move || {
        let progress = &running.progress;
        let result = catch_unwind(AssertUnwindSafe(|| work(progress)));
        let result = result.unwrap_or_else(|panic| Err(Fault::Panic(panic_message(&*panic))));
        // However it shows, it is the cancelling that ended it.
        let result = if progress.is_cancelled() { result.map_err(|_| Fault::Cancelled) } else { result };
        let _ = running.outcome.set(result);
    };
    std::thread::Builder::new()
        .name(name.to_string())
        .spawn(whole)
        .map_err(|error| Error::state(op, format!("The system refused a thread ({error})")))?;
    Ok(shared)
}

impl Drop for Job {
    fn drop(&mut self) {
        self.cancel();
    }
}
