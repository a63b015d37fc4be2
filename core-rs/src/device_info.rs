//! What this machine is, as JSON for `doctor` and for the run's records. It names no host and no user.

use crate::budget::{self, Figures};
use crate::cpu::context::asked_isa;
use crate::cpu::fastest::{fastest, rates};
use crate::cpu::isa::Isa;
use crate::cuda::probe;
use crate::json::{Object, strings};

/// One JSON object.
pub fn json() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let bytes = |name| field(&status, name).and_then(|text| text.strip_suffix(" kB")?.trim().parse::<u64>().ok());
    let own_threads = field(&status, "Threads").and_then(|text| text.parse::<u64>().ok());
    let model = field(&info, "model name").unwrap_or(std::env::consts::ARCH);
    let cpu = Object::new()
        .text("model", model)
        .value("available", strings(Isa::available().into_iter().map(Isa::name)))
        .text("isa", asked_isa().and_then(Result::ok).unwrap_or_else(fastest).name())
        .value(
            "rates",
            rates().iter().fold(Object::new(), |object, rate| object.value(rate.isa.name(), rate.gflops.round())).end(),
        )
        .value("features", strings(features(field(&info, "flags").unwrap_or(""))))
        .value("cores", threads);
    let process = Object::new()
        .value("memory", bytes("VmRSS").unwrap_or(0) * 1024)
        .value("peakMemory", bytes("VmHWM").unwrap_or(0) * 1024)
        .value("threads", own_threads.unwrap_or(0));
    let Figures { held, budget, source } = budget::figures();
    let memory = Object::new().value("budget", budget).value("source", source as u32).value("held", held);
    let memory = memory.end();
    Object::new()
        .value("cpu", cpu.end())
        .value("memory", memory)
        .value("process", process.end())
        .value("cuda", probe::find().json())
        .end()
}

/// The first line `name : value` of a file under /proc.
fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix(':').map(str::trim))
}

/// Instruction sets that kernels use, or could use; `flags` are the kernel's names of those that it lets programs use.
fn features(flags: &str) -> Vec<&'static str> {
    #[cfg(target_arch = "x86_64")]
    let known = [
        ("avx2", is_x86_feature_detected!("avx2")),
        ("fma", is_x86_feature_detected!("fma")),
        ("avx512f", is_x86_feature_detected!("avx512f")),
        ("avx512_bf16", is_x86_feature_detected!("avx512bf16")),
        // The standard library cannot ask for it on stable Rust.
        ("amx", flags.split_whitespace().any(|flag| flag == "amx_tile")),
    ];
    #[cfg(not(target_arch = "x86_64"))]
    let known: [(&str, bool); 0] = {
        let _ = flags;
        []
    };
    known.into_iter().filter_map(|(name, has)| has.then_some(name)).collect()
}
