//! What this machine is, as JSON for `doctor` and for the run's records.

use crate::cpu::isa::Isa;

/// One JSON object.
pub fn json() -> String {
    let names: Vec<String> = Isa::available().into_iter().map(|isa| format!("\"{}\"", isa.name())).collect();
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
    format!(
        "{{\"cpu\":{{\"model\":\"{}\",\"available\":[{}],\"cores\":{threads}}}}}",
        escaped(&cpu_model()),
        names.join(",")
    )
}

fn cpu_model() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':').map(|(_, name)| name.trim().to_string()));
    model.unwrap_or_else(|| std::env::consts::ARCH.to_string())
}

fn escaped(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .flat_map(|c| if c == '"' || c == '\\' { vec!['\\', c] } else { vec![c] })
        .collect()
}
