//! What of CUDA this machine has, and the one line that says what is missing.

use super::context::describe;
use super::nvrtc;
use crate::json::{Object, array, optional};
use cudarc::driver::{DriverError, result, sys};
use cudarc::get_lib_name_candidates;
use libloading::Library;
use std::panic::catch_unwind;

/// What was found; each field is one thing that can be missing.
#[derive(Clone, Debug)]
pub struct Findings {
    /// The newest CUDA that the NVIDIA driver (libcuda.so.1) supports, "13.0".
    pub driver: Option<String>,
    /// The GPUs, or why the driver shows none.
    pub gpus: Result<Vec<Gpu>, String>,
    /// cuDNN's version, "9.10.2", of whatever major version is there.
    pub cudnn: Option<String>,
    /// cuBLASLt's version, "13.0.2".
    pub cublaslt: Option<String>,
    /// NVRTC's version, "13.0".
    pub nvrtc: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Gpu {
    pub name: String,
    /// Compute capability, (9, 0).
    pub capability: (i32, i32),
    /// Bytes.
    pub memory: usize,
}

impl Findings {
    /// The first thing missing, as a reason that goes on after "CUDA was asked for, but", in the order in which one would install them; `None` if CUDA can be used.
    pub fn missing(&self) -> Option<String> {
        let no_gpu = match &self.gpus {
            Ok(gpus) if gpus.is_empty() => Some("it shows none"),
            Ok(_) => None,
            Err(reason) => Some(reason.as_str()),
        };
        let absent = |names: &[&str]| format!("{} not found", names.join(" and "));
        Some(match (&self.driver, no_gpu, &self.cudnn, &self.cublaslt, &self.nvrtc) {
            (None, ..) => "no NVIDIA driver is installed (libcuda.so.1 not found)".to_string(),
            (_, Some(reason), ..) => format!("the NVIDIA driver finds no GPU ({reason})"),
            (_, _, None, ..) => "cuDNN 9 is not installed (libcudnn.so.9 not found)".to_string(),
            (_, _, Some(version), ..) if !version.starts_with("9.") => {
                format!("cuDNN {version} is installed where version 9 is needed")
            }
            (_, _, _, None, _) => format!("cuBLASLt is not installed ({})", absent(&CUBLASLT)),
            (_, _, _, _, None) => {
                format!("NVRTC is not installed ({}, nor in the folder {})", absent(&nvrtc::NAMES), nvrtc::FOLDER)
            }
            _ => return None,
        })
    }

    /// One JSON object, for `doctor`.
    pub fn json(&self) -> String {
        let missing = self.missing();
        let gpus = self.gpus.iter().flatten().map(|gpu| {
            let (major, minor) = gpu.capability;
            let about = Object::new().text("name", &gpu.name).text("capability", &format!("{major}.{minor}"));
            about.value("memory", gpu.memory).end()
        });
        Object::new()
            .value("available", missing.is_none())
            .value("reason", optional(missing.as_deref()))
            .value("driver", optional(self.driver.as_deref()))
            .value("gpus", array(gpus))
            .value("cudnn", optional(self.cudnn.as_deref()))
            .value("cublaslt", optional(self.cublaslt.as_deref()))
            .value("nvrtc", optional(self.nvrtc.as_deref()))
            .end()
    }
}

/// Looks; loads libraries, but opens no device.
pub fn find() -> Findings {
    let named = |version: i32| format!("{}.{}", version / 1000, version % 1000 / 10);
    let (driver, gpus) = match has_driver() {
        true => (Some(ask(driver_version).map_or_else(|_| "unknown".to_string(), named)), ask(all_gpus)),
        false => (None, Ok(Vec::new())),
    };
    Findings { driver, gpus, cudnn: cudnn_version(), cublaslt: cublaslt_version(), nvrtc: nvrtc::version() }
}

/// Asks the driver, whose library has to be there; cudarc panics where it is too old for a function that cudarc knows.
fn ask<T>(what: fn() -> Result<T, DriverError>) -> Result<T, String> {
    match catch_unwind(what) {
        Ok(answer) => answer.map_err(|error| describe(&error)),
        Err(_) => Err("it is too old: update it".to_string()),
    }
}

/// 13020 for CUDA 13.2.
fn driver_version() -> Result<i32, DriverError> {
    let mut version = 0;
    // SAFETY: the driver writes one int; it may be asked before cuInit.
    unsafe { sys::cuDriverGetVersion(&mut version) }.result()?;
    Ok(version)
}

fn has_driver() -> bool {
    // SAFETY: only loads the driver's library, whose initialisers touch nothing else.
    unsafe { sys::is_culib_present() }
}

/// The major version of the CUDA that the driver supports, if it is there and tells.
pub fn driver_major() -> Option<i32> {
    has_driver().then(|| ask(driver_version).ok().map(|version| version / 1000)).flatten()
}

fn all_gpus() -> Result<Vec<Gpu>, DriverError> {
    result::init()?;
    (0..result::device::get_count()?).map(gpu).collect()
}

fn gpu(ordinal: i32) -> Result<Gpu, DriverError> {
    use sys::CUdevice_attribute::{
        CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR as MAJOR, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR as MINOR,
    };
    let device = result::device::get(ordinal)?;
    // SAFETY: the device was just given by the driver.
    let (major, minor, memory) = unsafe {
        (
            result::device::get_attribute(device, MAJOR)?,
            result::device::get_attribute(device, MINOR)?,
            result::device::total_mem(device)?,
        )
    };
    Ok(Gpu { name: result::device::get_name(device)?, capability: (major, minor), memory })
}

/// The cuDNN that is worth telling of where there is no other.
const OLD_CUDNN: &str = "libcudnn.so.8";
/// File names of cuBLASLt that are told where it is missing.
const CUBLASLT: [&str; 2] = ["libcublasLt.so.13", "libcublasLt.so.12"];

/// What a function of a library returns: of the very file that cudarc opens, which tries these names in this order.
fn version_by(library: &str, older: Option<&str>, function: &str) -> Option<usize> {
    let mut names = get_lib_name_candidates(library);
    names.extend(older.map(str::to_string));
    // SAFETY: the initialisers of NVIDIA's libraries only set up their own state; the functions take nothing and return a
    // number.
    names.iter().find_map(|name| unsafe {
        let library = Library::new(name).ok()?;
        Some(library.get::<unsafe extern "C" fn() -> usize>(function).ok()?())
    })
}

fn cudnn_version() -> Option<String> {
    let version = version_by("cudnn", Some(OLD_CUDNN), "cudnnGetVersion")?;
    // Version 9 began with two digits each for minor version and patch.
    let scale = if version < 10_000 { [1000, 100, 1] } else { [10_000, 100, 1] };
    Some(format!("{}.{}.{}", version / scale[0], version % scale[0] / scale[1], version % scale[1]))
}

fn cublaslt_version() -> Option<String> {
    let version = version_by("cublasLt", None, "cublasLtGetVersion")?;
    Some(format!("{}.{}.{}", version / 10_000, version / 100 % 100, version % 100))
}
