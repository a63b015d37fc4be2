//! Kernels compiled at run time by NVRTC, for the machine's own architecture and without any CUDA header.

mod library;

use super::probe;
use super::stored::Stored;
use crate::error::{Error, Result};
use library::Nvrtc;
use std::collections::HashMap;
use std::ffi::CString;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};

/// File names of NVRTC, the newest first.
pub const NAMES: [&str; 2] = ["libnvrtc.so.13", "libnvrtc.so.12"];
/// The major version of the first of them.
const NEWEST: i32 = 13;

/// The environment variable that names a folder with NVRTC in it, such as the `lib` of its PyPI wheel.
pub const FOLDER: &str = "LIBTRAIN_NVRTC_DIR";

/// A kernel file that the library carries.
pub struct Source {
    /// The op's module.
    pub name: &'static str,
    pub text: &'static str,
}

/// NVRTC, which stays loaded from the first call on, if it is there.
///
/// Loaded from a folder it finds `libnvrtc-builtins` beside it (its run path is `$ORIGIN`).
fn nvrtc() -> Option<&'static Nvrtc> {
    static LIBRARY: OnceLock<Option<Nvrtc>> = OnceLock::new();
    let load = || load(std::env::var_os(FOLDER).as_deref().map(Path::new), probe::driver_major());
    LIBRARY.get_or_init(load).as_ref()
}

/// Whether NVRTC is there.
pub fn is_present() -> bool {
    nvrtc().is_some()
}

/// The one in the folder, else the first on the library path; a driver may refuse what one newer than itself has made.
fn load(folder: Option<&Path>, driver: Option<i32>) -> Option<Nvrtc> {
    let mut names = NAMES;
    if driver.is_some_and(|major| major < NEWEST) {
        names.reverse();
    }
    let in_folder = folder.into_iter().flat_map(|folder| names.map(|name| folder.join(name)));
    let anywhere = names.map(|name| Path::new(name).to_path_buf());
    in_folder.chain(anywhere).find_map(|path| Nvrtc::open(&path))
}

/// NVRTC's version, "13.0", if it is there.
pub fn version() -> Option<String> {
    nvrtc()?.version()
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

fn compile_anew(source: &Source, flags: &[String]) -> Result<Vec<u8>> {
    let failed = |what: String| Error::state(source.name, format!("NVRTC {what} (kernel.cu, {})", flags.join(" ")));
    let nvrtc = nvrtc().ok_or_else(|| failed("is not installed".to_string()))?;
    let zero = |_| failed("takes no text with zero bytes".to_string());
    let text = CString::new(format!("{COMMON}\n#line 1 \"kernel.cu\"\n{}", source.text)).map_err(zero)?;
    let name = CString::new(format!("{}/kernel.cu", source.name)).map_err(zero)?;
    let flags = flags.iter().map(|flag| CString::new(flag.as_str())).collect::<std::result::Result<Vec<_>, _>>();
    nvrtc.compile(&text, &name, &flags.map_err(zero)?).map_err(failed)
}
