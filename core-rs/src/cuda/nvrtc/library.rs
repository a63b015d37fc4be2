//! The functions of NVRTC, of one file: cudarc looks for a file of its own choice, which may be of another version.

use libloading::Library;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::Path;
use std::ptr::null_mut;

/// `nvrtcResult`; 0 is success.
type Status = c_int;
/// `nvrtcProgram`
type Program = *mut c_void;

/// NVRTC's functions, with the library that they are in.
pub struct Nvrtc {
    version: unsafe extern "C" fn(*mut c_int, *mut c_int) -> Status,
    error_string: unsafe extern "C" fn(Status) -> *const c_char,
    create: unsafe extern "C" fn(
        *mut Program,
        *const c_char,
        *const c_char,
        c_int,
        *const *const c_char,
        *const *const c_char,
    ) -> Status,
    compile: unsafe extern "C" fn(Program, c_int, *const *const c_char) -> Status,
    log_size: unsafe extern "C" fn(Program, *mut usize) -> Status,
    log: unsafe extern "C" fn(Program, *mut c_char) -> Status,
    code_size: unsafe extern "C" fn(Program, *mut usize) -> Status,
    code: unsafe extern "C" fn(Program, *mut c_char) -> Status,
    destroy: unsafe extern "C" fn(*mut Program) -> Status,
    _library: Library,
}

/// A program, destroyed at the end.
struct Compiled<'a> {
    nvrtc: &'a Nvrtc,
    program: Program,
}

impl Drop for Compiled<'_> {
    fn drop(&mut self) {
        // SAFETY: made by NVRTC and destroyed once. A failure leaves nothing to do.
        let _ = unsafe { (self.nvrtc.destroy)(&mut self.program) };
    }
}

impl Nvrtc {
    /// The library at a path, or of a name; `None` where it is not there or lacks a function.
    pub fn open(path: &Path) -> Option<Nvrtc> {
        // SAFETY: NVRTC's initialisers only set up its own state, and its functions have these types.
        unsafe {
            let library = Library::new(path).ok()?;
            Some(Nvrtc {
                version: *library.get(b"nvrtcVersion\0").ok()?,
                error_string: *library.get(b"nvrtcGetErrorString\0").ok()?,
                create: *library.get(b"nvrtcCreateProgram\0").ok()?,
                compile: *library.get(b"nvrtcCompileProgram\0").ok()?,
                log_size: *library.get(b"nvrtcGetProgramLogSize\0").ok()?,
                log: *library.get(b"nvrtcGetProgramLog\0").ok()?,
                code_size: *library.get(b"nvrtcGetCUBINSize\0").ok()?,
                code: *library.get(b"nvrtcGetCUBIN\0").ok()?,
                destroy: *library.get(b"nvrtcDestroyProgram\0").ok()?,
                _library: library,
            })
        }
    }

    /// "13.0"
    pub fn version(&self) -> Option<String> {
        let (mut major, mut minor) = (0, 0);
        // SAFETY: NVRTC writes two ints.
        let status = unsafe { (self.version)(&mut major, &mut minor) };
        (status == 0).then(|| format!("{major}.{minor}"))
    }

    /// Machine code of a program, or what went wrong, as what follows "NVRTC".
    pub fn compile(&self, text: &CStr, name: &CStr, flags: &[CString]) -> Result<Vec<u8>, String> {
        let mut program = null_mut();
        let no_headers = std::ptr::null();
        // SAFETY: both texts end in a zero and are copied; NVRTC writes one program.
        let status = unsafe { (self.create)(&mut program, text.as_ptr(), name.as_ptr(), 0, no_headers, no_headers) };
        self.check(status, "failed")?;
        let compiled = Compiled { nvrtc: self, program };
        let flags: Vec<*const c_char> = flags.iter().map(|flag| flag.as_ptr()).collect();
        // SAFETY: the program is alive, and so are the flags.
        let status = unsafe { (self.compile)(compiled.program, flags.len() as c_int, flags.as_ptr()) };
        if status != 0 {
            let (name, log) = (self.name_of(status), self.log_of(&compiled));
            return Err(format!("refused a kernel: {name}\n{}\n", log.trim_end()));
        }
        let mut bytes = 0;
        // SAFETY: the program is compiled; NVRTC writes one number.
        self.check(unsafe { (self.code_size)(compiled.program, &mut bytes) }, "gave no machine code")?;
        let mut code = vec![0u8; bytes];
        // SAFETY: the buffer has the size that NVRTC asked for.
        self.check(unsafe { (self.code)(compiled.program, code.as_mut_ptr().cast()) }, "gave no machine code")?;
        Ok(code)
    }

    fn log_of(&self, compiled: &Compiled) -> String {
        let mut bytes = 0;
        // SAFETY: the program is alive; NVRTC writes one number, then as many bytes.
        let log = unsafe {
            let status = (self.log_size)(compiled.program, &mut bytes);
            let mut log = vec![0u8; if status == 0 { bytes } else { 0 }];
            if log.is_empty() || (self.log)(compiled.program, log.as_mut_ptr().cast()) != 0 {
                return String::new();
            }
            log
        };
        String::from_utf8_lossy(log.split(|&byte| byte == 0).next().unwrap_or_default()).into_owned()
    }

    fn check(&self, status: Status, what: &str) -> Result<(), String> {
        if status == 0 { Ok(()) } else { Err(format!("{what}: {}", self.name_of(status))) }
    }

    /// "NVRTC_ERROR_COMPILATION"
    fn name_of(&self, status: Status) -> String {
        // SAFETY: NVRTC gives a constant text.
        unsafe { CStr::from_ptr((self.error_string)(status)) }.to_string_lossy().into_owned()
    }
}
