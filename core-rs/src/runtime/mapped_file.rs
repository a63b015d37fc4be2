//! A file in memory that may be cut off while it is mapped.
//!
//! The system ends a process that reads a page which its file has no more (SIGBUS). Here such pages read as zeros, and whoever
//! ran the command that met one is told: [`lost`] goes up, and the queue fails it late.

use crate::error::{Error, Result};
use crate::shown::shown;
use memmap2::MmapMut;
use std::ops::Deref;

/// A private mapping of a part of a file: writes to it change no file.
pub struct MappedFile {
    map: MmapMut,
    _held: guard::Held,
}

impl MappedFile {
    /// Takes a mapping under guard, for the queue of this number; `name` is told where it is lost.
    pub fn new(mut map: MmapMut, name: &str, queue: u32) -> MappedFile {
        let held = guard::hold(map.as_mut_ptr() as usize, map.len(), name, queue);
        MappedFile { map, _held: held }
    }

    pub fn as_mut_ptr(&mut self) -> *mut u8 {
        self.map.as_mut_ptr()
    }
}

impl Deref for MappedFile {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.map
    }
}

/// How often pages were lost in this process.
pub fn lost() -> u64 {
    guard::lost()
}

/// Fails where pages of a queue's mappings were lost since `seen`, which is brought up to now.
pub fn check(op: &'static str, queue: u32, seen: &mut u64) -> Result<()> {
    let now = lost();
    if now == std::mem::replace(seen, now) {
        return Ok(());
    }
    let Some(name) = guard::lost_name(queue) else { return Ok(()) };
    Err(Error::data(op, format!("\"{}\" was cut off while it was in use: make it again", shown(&name))))
}

#[cfg(unix)]
mod guard {
    use std::mem::MaybeUninit;
    use std::ptr::{null, null_mut};
    use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};
    use std::sync::{Mutex, Once, PoisonError};

    /// A mapping under guard. Regions are never freed, as a signal may come at any time; those of no use are used again.
    struct Region {
        start: AtomicUsize,
        /// Behind its last byte; 0 where it is of no use.
        end: AtomicUsize,
        lost: AtomicBool,
        queue: AtomicU32,
        name: Mutex<String>,
        next: *const Region,
    }

    // SAFETY: `next` is set before the region is published, and never again.
    unsafe impl Send for Region {}
    // SAFETY: as above; all else is atomic or locked.
    unsafe impl Sync for Region {}

    static FIRST: AtomicPtr<Region> = AtomicPtr::new(null_mut());
    static LOST: AtomicU64 = AtomicU64::new(0);
    static TAKING: Mutex<()> = Mutex::new(());
    static INSTALL: Once = Once::new();
    static mut BEFORE: MaybeUninit<libc::sigaction> = MaybeUninit::uninit();

    fn regions() -> impl Iterator<Item = &'static Region> {
        let mut at = FIRST.load(Ordering::Acquire).cast_const();
        std::iter::from_fn(move || {
            // SAFETY: null, or a region, which lives for ever.
            let region: &'static Region = unsafe { at.as_ref()? };
            at = region.next;
            Some(region)
        })
    }

    /// Guards a mapping until it is dropped, which is before the mapping goes.
    pub struct Held(&'static Region);

    impl Drop for Held {
        fn drop(&mut self) {
            self.0.end.store(0, Ordering::Release);
        }
    }

    pub fn hold(start: usize, bytes: usize, name: &str, queue: u32) -> Held {
        INSTALL.call_once(install);
        let _taking = TAKING.lock().unwrap_or_else(PoisonError::into_inner);
        let free = regions().find(|region| region.end.load(Ordering::Acquire) == 0);
        let region = free.unwrap_or_else(|| {
            let region: &'static Region = Box::leak(Box::new(Region {
                start: AtomicUsize::new(0),
                end: AtomicUsize::new(0),
                lost: AtomicBool::new(false),
                queue: AtomicU32::new(0),
                name: Mutex::default(),
                next: FIRST.load(Ordering::Acquire),
            }));
            FIRST.store(std::ptr::from_ref(region).cast_mut(), Ordering::Release);
            region
        });
        *region.name.lock().unwrap_or_else(PoisonError::into_inner) = name.to_string();
        region.lost.store(false, Ordering::Relaxed);
        region.queue.store(queue, Ordering::Relaxed);
        region.start.store(start, Ordering::Relaxed);
        region.end.store(start + bytes, Ordering::Release);
        Held(region)
    }

    pub fn lost() -> u64 {
        LOST.load(Ordering::Acquire)
    }

    pub fn lost_name(queue: u32) -> Option<String> {
        let region = regions().find(|region| {
            let held = region.end.load(Ordering::Acquire) != 0 && region.queue.load(Ordering::Relaxed) == queue;
            held && region.lost.load(Ordering::Acquire)
        })?;
        Some(region.name.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn install() {
        // SAFETY: called once; the handler before is noted before ours can run, and `on_fault` keeps to what a signal's
        // handler may do.
        unsafe {
            let before = &raw mut BEFORE;
            if libc::sigaction(libc::SIGBUS, null(), (*before).as_mut_ptr()) != 0 {
                return;
            }
            let mut ours: libc::sigaction = std::mem::zeroed();
            ours.sa_sigaction = on_fault as *const () as usize;
            ours.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
            libc::sigemptyset(&mut ours.sa_mask);
            libc::sigaction(libc::SIGBUS, &ours, null_mut());
        }
    }

    /// Puts zeros in the place of what a file has no more; any other fault is the handler's before.
    extern "C" fn on_fault(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
        // SAFETY: the system passes a valid description of the fault.
        let at = unsafe { (*info).si_addr() } as usize;
        let region = regions().find(|region| {
            let end = region.end.load(Ordering::Acquire);
            region.start.load(Ordering::Relaxed) <= at && at < end
        });
        if let Some(region) = region {
            // Noted first: whoever reads the zeros then finds it told.
            region.lost.store(true, Ordering::Release);
            LOST.fetch_add(1, Ordering::AcqRel);
            if fill(at, region.end.load(Ordering::Acquire)) {
                return;
            }
        }
        // SAFETY: written before this handler was installed, and never again.
        unsafe {
            let before = &raw const BEFORE;
            pass_on((*before).assume_init_ref(), signal, info, context);
        }
    }

    /// Maps zeros from the page of `at` to the end of the mapping: a file that lacks one page lacks all after it.
    fn fill(at: usize, end: usize) -> bool {
        // SAFETY: calls of the system alone; the pages are those of a mapping that is in use, and `errno` is put back.
        unsafe {
            let errno = errno_place();
            let kept = *errno;
            let page = libc::sysconf(libc::_SC_PAGESIZE) as usize;
            let start = at & !(page - 1);
            let protection = libc::PROT_READ | libc::PROT_WRITE;
            let flags = libc::MAP_FIXED | libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_NORESERVE;
            let made = libc::mmap(start as *mut libc::c_void, end - start, protection, flags, -1, 0);
            *errno = kept;
            made != libc::MAP_FAILED
        }
    }

    #[cfg(any(target_os = "macos", target_os = "ios", target_os = "freebsd"))]
    unsafe fn errno_place() -> *mut libc::c_int {
        // SAFETY: it may be called at any time.
        unsafe { libc::__error() }
    }

    #[cfg(not(any(target_os = "macos", target_os = "ios", target_os = "freebsd")))]
    unsafe fn errno_place() -> *mut libc::c_int {
        // SAFETY: it may be called at any time.
        unsafe { libc::__errno_location() }
    }

    /// Does what would have been done without this guard.
    ///
    /// # Safety
    /// The arguments are those of a handler, and `before` is what the system said was there.
    unsafe fn pass_on(
        before: &libc::sigaction,
        signal: libc::c_int,
        info: *mut libc::siginfo_t,
        context: *mut libc::c_void,
    ) {
        // SAFETY: the caller's promise; a handler has the type that its flags say.
        unsafe {
            match before.sa_sigaction {
                libc::SIG_DFL | libc::SIG_IGN => {
                    // The instruction is run again, and ends the process as it would have.
                    let mut default: libc::sigaction = std::mem::zeroed();
                    default.sa_sigaction = libc::SIG_DFL;
                    libc::sigaction(signal, &default, null_mut());
                }
                handler if before.sa_flags & libc::SA_SIGINFO != 0 => {
                    type Handler = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);
                    std::mem::transmute::<usize, Handler>(handler)(signal, info, context);
                }
                handler => std::mem::transmute::<usize, extern "C" fn(libc::c_int)>(handler)(signal),
            }
        }
    }
}

/// Where the system cuts off no file that is mapped.
#[cfg(not(unix))]
mod guard {
    pub struct Held;

    pub fn hold(_: usize, _: usize, _: &str, _: u32) -> Held {
        Held
    }

    pub fn lost() -> u64 {
        0
    }

    pub fn lost_name(_: u32) -> Option<String> {
        None
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use memmap2::MmapOptions;
    use std::fs::File;

    fn mapped(name: &str, bytes: usize) -> (File, MappedFile) {
        let path = std::env::temp_dir().join(format!("libtrain-{name}-{}", std::process::id()));
        std::fs::write(&path, vec![7; bytes]).unwrap();
        let file = File::options().read(true).write(true).open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        // SAFETY: that the file is cut off is what is tried.
        let map = unsafe { MmapOptions::new().map_copy(&file) }.unwrap();
        (file, MappedFile::new(map, name, 7))
    }

    #[test]
    fn pages_that_a_file_has_no_more_are_zeros_and_told_once() {
        let (file, map) = mapped("guard-cut", 10 * 4096);
        let (_other, whole) = mapped("guard-whole", 4096);
        let mut seen = lost();
        assert_eq!(map[9 * 4096], 7);
        assert!(check("crop_batch", 7, &mut seen).is_ok());
        file.set_len(3 * 4096).unwrap();
        // SAFETY: inside the mapping; not to be read once for all, as its bytes change.
        let read = |at: usize| unsafe { std::ptr::read_volatile(map.as_ptr().add(at)) };
        // The last page that is there, the first that is not, and one behind it.
        assert_eq!([read(2 * 4096), read(3 * 4096), read(8 * 4096)], [7, 0, 0]);
        assert_eq!(whole[0], 7);
        assert!(check("crop_batch", 8, &mut seen.clone()).is_ok(), "it is none of another queue's");
        let error = check("crop_batch", 7, &mut seen).unwrap_err();
        assert_eq!(error.reason(), "\"guard-cut\" was cut off while it was in use: make it again");
        assert!(check("crop_batch", 7, &mut seen).is_ok());
        drop(map);
        // Its place is used again, under another name.
        let (_file, again) = mapped("guard-again", 4096);
        assert_eq!(again[4095], 7);
    }

    /// Runs itself again, to be ended by a fault that is not of a mapping under guard.
    #[test]
    fn another_fault_still_ends_the_process() {
        use std::os::unix::process::ExitStatusExt;
        const INNER: &str = "LIBTRAIN_TEST_FAULT";
        if std::env::var_os(INNER).is_some() {
            let (_held, _map) = mapped("guard-held", 4096);
            let (file, bare) = mapped("guard-bare", 4096);
            let MappedFile { map, _held } = bare;
            drop(_held);
            file.set_len(0).unwrap();
            // SAFETY: it is mapped; that its page is gone is what is tried.
            std::process::exit(i32::from(unsafe { std::ptr::read_volatile(map.as_ptr()) }));
        }
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "runtime::mapped_file::tests::another_fault_still_ends_the_process"])
            .env(INNER, "1")
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .status();
        assert_eq!(status.unwrap().signal(), Some(libc::SIGBUS));
    }
}
