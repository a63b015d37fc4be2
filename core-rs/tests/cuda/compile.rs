//! Every kernel file compiles by NVRTC for the architectures that are supported.

use super::{kernel_files, kernels};
use crate::skip::skip;
use libtrain::cuda::nvrtc::{self, Source};

const ARCHITECTURES: [&str; 2] = ["sm_80", "sm_90"];

fn source(path: &std::path::Path) -> Source {
    // An op's file bears the name of its folder.
    let named = if path.ends_with("kernel.cu") { path.parent().unwrap() } else { path };
    let name = named.file_stem().unwrap().to_string_lossy().into_owned();
    let text = std::fs::read_to_string(path).unwrap();
    // The library's own are constants; these live as long as the test.
    Source { name: name.leak(), text: text.leak() }
}

#[test]
fn every_kernel_file_compiles_for_every_architecture() {
    if !nvrtc::is_present() {
        let reason = format!("NVRTC is not installed: set {} to the folder of libnvrtc.so.13", nvrtc::FOLDER);
        return skip("every_kernel_file_compiles_for_every_architecture", &reason);
    }
    for path in kernel_files() {
        for architecture in ARCHITECTURES {
            let source = source(&path);
            let cubin = nvrtc::compile(&source, architecture).unwrap_or_else(|error| panic!("{path:?}: {error}"));
            assert!(cubin.starts_with(b"\x7fELF"), "{path:?}: no machine code");
            for kernel in kernels(source.text) {
                let symbol = [kernel.as_bytes(), b"\0"].concat();
                assert!(cubin.windows(symbol.len()).any(|bytes| bytes == symbol), "{path:?} lacks {kernel}");
            }
        }
    }
}

#[test]
fn a_kernel_that_does_not_compile_shows_the_compilers_words() {
    if !nvrtc::is_present() {
        return skip("a_kernel_that_does_not_compile_shows_the_compilers_words", "NVRTC is not installed");
    }
    let source = Source { name: "broken", text: "extern \"C\" __global__ void broken() { int x = MISSING; }" };
    let error = nvrtc::compile(&source, "sm_90").unwrap_err().to_string();
    assert!(error.starts_with("broken(): NVRTC refused a kernel"), "{error}");
    assert!(error.contains("identifier \"MISSING\" is undefined"), "{error}");
}
