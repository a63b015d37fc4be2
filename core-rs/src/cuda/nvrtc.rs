//! Kernels compiled at run time by NVRTC, for the machine's own architecture and without any CUDA header.

use super::stored::Stored;
use crate::error::{Error, Result};
use cudarc::nvrtc::{result, sys};
use libloading::Library;
use std::collections::HashMap;
use std::ffi::CString;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};

/// File names of NVRTC, the newest first.
pub const NAMES: [&str; 2] = ["libnvrtc.so.13", "libnvrtc.so.12"];

/// The environment variable that names a folder with NVRTC in it, such as the `lib` of its PyPI wheel.
pub const FOLDER: &str = "LIBTRAIN_NVRTC_DIR";

/// A kernel file that the library carries.
pub struct Source {
    /// The op's module.
    pub name: &'static str,
    pub text: &'static str,
}

/// Whether NVRTC is there; it stays loaded from the first call on.
///
/// Loaded from a folder it finds `libnvrtc-builtins` beside it (its run path is `$ORIGIN`), and cudarc, which asks by bare
/// name, gets this one by its soname.
pub fn is_present() -> bool {
    static LIBRARY: OnceLock<Option<Library>> = OnceLock::new();
    LIBRARY.get_or_init(|| load(std::env::var_os(FOLDER).as_deref().map(Path::new))).is_some()
}

fn load(folder: Option<&Path>) -> Option<Library> {
    let in_folder = folder.into_iter().flat_map(|folder| NAMES.map(|name| folder.join(name)));
    let anywhere = NAMES.map(|name| Path::new(name).to_path_buf());
    // SAFETY: NVRTC's initialisers only set up its own state.
    in_folder.chain(anywhere).find_map(|path| unsafe { Library::new(path) }.ok())
}

/// NVRTC's version, "13.0", if it is there.
pub fn version() -> Option<String> {
    let (mut major, mut minor) = (0, 0);
    // SAFETY: NVRTC is loaded, and writes two ints.
    let status = if is_present() { unsafe { sys::nvrtcVersion(&mut major, &mut minor) } } else { return None };
    status.result().ok().map(|()| format!("{major}.{minor}"))
}

type Key = (&'static str, String);

/// What every kernel file begins with.
pub const COMMON: &str = include_str!("kernels/common.cuh");

/// Compiled machine code (a cubin) of a kernel file for an architecture such as "sm_90"; compiled once a process, and kept
/// on disk for the next one.
///
/// Machine code, not PTX: a driver older than NVRTC refuses its PTX.
pub fn compile(source: &Source, architecture: &str) -> Result<Arc<Vec<u8>>> {
    static COMPILED: LazyLock<Mutex<HashMap<Key, Arc<Vec<u8>>>>> = LazyLock::new(Mutex::default);
    let flags = [format!("--gpu-architecture={architecture}"), "--std=c++17".to_string()];
    let key = (source.name, flags.join(" "));
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(cubin) = compiled.get(&key) {
        return Ok(cubin.clone());
    }
    let stored = Stored::of(&[&version().unwrap_or_default(), &key.1, source.name, COMMON, source.text]);
    let cubin = Arc::new(match stored.read() {
        Some(cubin) => cubin,
        None => {
            let cubin = compile_anew(source, &flags)?;
            stored.write(&cubin);
            cubin
        }
    });
    compiled.insert(key, cubin.clone());
    Ok(cubin)
}

/// A program of NVRTC, destroyed at the end.
struct Program(sys::nvrtcProgram);

impl Drop for Program {
    fn drop(&mut self) {
        // SAFETY: made by NVRTC and destroyed once. A failure leaves nothing to do.
        let _ = unsafe { result::destroy_program(self.0) };
    }
}

fn compile_anew(source: &Source, flags: &[String]) -> Result<Vec<u8>> {
    let failed = |what: String| Error::state(source.name, format!("NVRTC {what} (kernel.cu, {})", flags.join(" ")));
    if !is_present() {
        return Err(failed("is not installed".to_string()));
    }
    let text = CString::new(format!("{COMMON}\n#line 1 \"kernel.cu\"\n{}", source.text))
        .map_err(|_| failed("takes no text with zero bytes".to_string()))?;
    let name = CString::new(format!("{}/kernel.cu", source.name)).expect("an op's name has no zero bytes");
    let program =
        result::create_program(&text, Some(&name)).map_err(|error| failed(format!("failed: {:?}", error.0)))?;
    let program = Program(program);
    // SAFETY: the program lives until the end of this function.
    if let Err(error) = unsafe { result::compile_program(program.0, flags) } {
        // SAFETY: as above.
        let log = unsafe { result::get_program_log(program.0) }.unwrap_or_default();
        let log: Vec<u8> = log.into_iter().map(|byte| byte as u8).take_while(|&byte| byte != 0).collect();
        return Err(failed(format!("refused a kernel: {:?}\n{}\n", error.0, String::from_utf8_lossy(&log).trim_end())));
    }
    let mut bytes = 0;
    // SAFETY: the program is compiled; NVRTC writes one number.
    let status = unsafe { sys::nvrtcGetCUBINSize(program.0, &mut bytes) };
    status.result().map_err(|error| failed(format!("gave no machine code: {:?}", error.0)))?;
    let mut cubin = vec![0u8; bytes];
    // SAFETY: the buffer has the size that NVRTC asked for.
    let status = unsafe { sys::nvrtcGetCUBIN(program.0, cubin.as_mut_ptr().cast()) };
    status.result().map_err(|error| failed(format!("gave no machine code: {:?}", error.0)))?;
    Ok(cubin)
}
