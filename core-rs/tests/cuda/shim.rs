//! Kernel files compiled by g++ with the shim, and launched as CUDA would launch them.

use super::kernels;
use crate::skip::skip;
use libloading::Library;
use libtrain::cuda::nvrtc::Source;
use std::ffi::{CStr, c_char, c_void};
use std::path::Path;
use std::process::Command;

/// A kernel file built for the CPU.
pub struct Shimmed(Library);

/// In which order blocks, and threads of a block, run.
#[derive(Clone, Copy, Debug)]
pub enum Order {
    Forward,
    Reverse,
}

pub const ORDERS: [Order; 2] = [Order::Forward, Order::Reverse];

type Launch = unsafe extern "C" fn(*const u32, *const u32, u32, i32, *const *const c_void) -> i32;

impl Shimmed {
    /// Builds a kernel file; skips `test` where there is no g++.
    pub fn build(test: &str, source: &Source) -> Option<Shimmed> {
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}.so"));
        compile(test, source, "", &library)?;
        // SAFETY: our own library, without initialisers.
        Some(Shimmed(unsafe { Library::new(library) }.expect("the library just built")))
    }

    /// Runs a kernel; `arguments` point at one value each.
    ///
    /// # Safety
    /// The arguments are those of the kernel, and the buffers as large as it takes them to be.
    pub unsafe fn launch(
        &self,
        kernel: &str,
        grid: [u32; 3],
        threads: [u32; 3],
        order: Order,
        arguments: &[*const c_void],
    ) -> Result<(), String> {
        // SAFETY: SHIM_EXPORT gives the launcher this signature; the caller answers for the arguments.
        unsafe {
            let launch = self.0.get::<Launch>(format!("launch_{kernel}")).expect("an exported kernel");
            let status = launch(grid.as_ptr(), threads.as_ptr(), 0, order as i32, arguments.as_ptr());
            let error = self.0.get::<unsafe extern "C" fn() -> *const c_char>("shim_error").expect("of the shim")();
            if status == 0 { Ok(()) } else { Err(CStr::from_ptr(error).to_string_lossy().into_owned()) }
        }
    }
}

/// Builds a library of a kernel file, with more code behind it; skips `test` where there is no g++.
pub fn compile(test: &str, source: &Source, more: &str, library: &Path) -> Option<()> {
    let exports: String = kernels(source.text).iter().map(|kernel| format!("SHIM_EXPORT({kernel})\n")).collect();
    let (name, text) = (source.name, source.text);
    let file = library.with_extension("cpp");
    std::fs::write(&file, format!("#line 1 \"{name}/kernel.cu\"\n{text}\n{exports}{more}")).unwrap();
    let shim = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/shim/cuda_shim.h");
    let mut compiler = Command::new("g++");
    compiler.args("-std=c++17 -O1 -Wall -Wextra -Wno-unknown-pragmas -shared -fPIC -include".split(' '));
    let Ok(output) = compiler.arg(shim).arg(&file).arg("-o").arg(library).output() else {
        skip(test, "g++ is not installed");
        return None;
    };
    let messages = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && messages.is_empty(), "g++ on {name}: {messages}");
    Some(())
}

/// A pointer to an argument.
pub fn argument<T>(value: &T) -> *const c_void {
    std::ptr::from_ref(value).cast()
}

#[test]
fn the_shim_runs_barriers_shuffles_and_shared_memory() {
    let source = Source { name: "selftest", text: include_str!("../shim/selftest.cu") };
    let test = "the_shim_runs_barriers_shuffles_and_shared_memory";
    let Some(shimmed) = Shimmed::build(test, &source) else { return };
    let x: Vec<f32> = (0..1024).map(|i| i as f32).collect();
    let run = |kernel: &str, blocks: u32, threads: u32, order: Order| {
        let mut y = vec![f32::NAN; x.len()];
        let (from, to, n) = (x.as_ptr(), y.as_mut_ptr(), 1000u32);
        let arguments = [argument(&from), argument(&to), argument(&n)];
        // SAFETY: the kernels read and write at most 1024 values.
        let result = unsafe { shimmed.launch(kernel, [blocks, 1, 1], [threads, 1, 1], order, &arguments) };
        result.map(|()| y)
    };
    for order in ORDERS {
        let turned = run("turn_around", 16, 64, order).unwrap();
        assert!((0..1024).all(|i| turned[i] == x[i / 64 * 64 + 63 - i % 64]), "{order:?}");
        let sums = run("sum", 2, 256, order).unwrap();
        assert_eq!(sums[0] + sums[1], 999.0 * 500.0, "{order:?}");
        assert_eq!(run("divergent", 1, 64, order).unwrap_err(), "threads wait at different barriers");
        assert_eq!(run("sum", 1, 2048, order).unwrap_err(), "a launch that CUDA refuses");
    }
    let [first, second] = ORDERS.map(|order| run("racy", 1, 64, order).unwrap());
    assert!((0..64).any(|i| first[i].to_bits() != second[i].to_bits()), "a missing barrier has to show");
}
