//! The CUDA side without a GPU: kernels compile by NVRTC, their bodies run on the CPU through a shim, and what is missing
//! is said.

mod abi;
mod compile;
mod missing;
mod seam;
mod shim;
#[path = "../support/skip.rs"]
mod skip;

use std::path::{Path, PathBuf};

/// Every kernel file: those of the op folders, and those that ops share.
fn kernel_files() -> Vec<PathBuf> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let ops = std::fs::read_dir(sources.join("ops")).expect("the folder of the ops");
    let folders = ops.map(|entry| entry.expect("a folder").path()).filter(|path| path.is_dir());
    let folders = folders.chain([sources.join("cuda/kernels")]);
    let files = folders.flat_map(|folder| std::fs::read_dir(folder).expect("a folder of kernels"));
    let mut files: Vec<PathBuf> = files.map(|entry| entry.expect("a file").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "cu"));
    files.sort();
    files
}

/// Names of the `__global__` functions of a kernel file; those that macros make are not among them.
fn kernels(text: &str) -> Vec<String> {
    let heads = text.split("__global__").skip(1).map(|rest| rest.split('{').next().unwrap_or(rest));
    heads
        .map(|head| {
            let head = match head.split_once("__launch_bounds__") {
                Some((before, after)) => format!("{before}{}", after.split_once(')').expect("its limit").1),
                None => head.to_string(),
            };
            let before = head.split('(').next().unwrap_or_default();
            before.split_whitespace().last().expect("a kernel's name").to_string()
        })
        .filter(|name| !name.contains('#'))
        .collect()
}

#[test]
fn kernel_files_are_found_and_include_nothing() {
    let files = kernel_files();
    assert!(files.iter().any(|path| path.ends_with("blur_pool/kernel.cu")), "{files:?}");
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains("#include"), "{path:?}: users' machines have no CUDA headers");
        assert!(text.contains("__global__"), "{path:?}");
    }
}
