//! The whole CUDA backend, host code included, on an emulated driver: probe, queue, NVRTC, launch, and values back.

use super::abi::{Caller, lt_blur_pool, lt_blur_pool_backward, open};
use super::shim::compile;
use crate::skip::skip;
use libtrain::cuda::{nvrtc, probe};
use libtrain::ops::blur_pool::cuda::SOURCE;
use std::path::Path;
use std::process::Command;

const TEST: &str = "blur_pool_runs_on_a_cuda_queue";

/// Set in the process that has the emulated driver; the driver is looked for when a process starts to use CUDA.
const CHILD: &str = "LIBTRAIN_TEST_EMULATED";

#[test]
fn blur_pool_runs_on_a_cuda_queue() {
    if std::env::var_os(CHILD).is_some() {
        return the_two_devices_agree();
    }
    if !nvrtc::is_present() {
        return skip(TEST, "NVRTC is not installed");
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("emulated");
    std::fs::create_dir_all(&folder).unwrap();
    let driver = folder.join("libcuda.so");
    let Some(()) = compile(TEST, &SOURCE, include_str!("../shim/emulated_driver.cpp"), &driver) else { return };
    std::fs::copy(&driver, folder.join("libcudnn.so.9")).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "emulated::blur_pool_runs_on_a_cuda_queue", "--nocapture"]);
    let others = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(folder).chain(std::env::split_paths(&others))).unwrap();
    let output = child.env(CHILD, "1").env("LD_LIBRARY_PATH", path).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

fn the_two_devices_agree() {
    let found = probe::find();
    assert_eq!(found.missing(), None);
    assert_eq!(found.gpus.unwrap()[0].name, "emulated");
    let run = |caller: Caller| {
        let image: Vec<f32> = (0..2 * 9 * 7 * 5).map(|i| (i * 7919 % 1000) as f32 / 1000.0).collect();
        let bytes: Vec<u8> = image.iter().flat_map(|value| value.to_ne_bytes()).collect();
        let x = caller.tensor(0, &[2, 9, 7, 5], &bytes);
        let y = caller.op(lt_blur_pool, x, &[5.0, 2.0, 1.0]).unwrap();
        let dx = caller.op(lt_blur_pool_backward, y, &[9.0, 7.0, 5.0, 2.0, 1.0]).unwrap();
        let empty = caller.tensor(0, &[0, 9, 7, 5], &[]);
        assert!(caller.op(lt_blur_pool, empty, &[5.0, 2.0, 1.0]).is_ok());
        [caller.read(y, 2 * 5 * 4 * 5), caller.read(dx, image.len())].concat()
    };
    let [cpu, cuda] = [0, 1].map(|kind| run(open(kind).unwrap()));
    for (i, (cpu, cuda)) in cpu.iter().zip(&cuda).enumerate() {
        assert!((cpu - cuda).abs() < 1e-6, "value {i}: {cpu} on the CPU, {cuda} on CUDA");
    }
}
