//! Metrics of this process, under the names that Prometheus' own libraries use; read from
//! `/proc`, and absent where there is none.

use std::path::Path;

use super::exposition::Exposition;

/// Place of the facts.
const PROC: &str = "/proc";

/// Adds the metrics of this process.
pub fn read(text: &mut Exposition) {
    let file = |name: &str| std::fs::read_to_string(Path::new(PROC).join(name));
    let Ok(stat) = file("self/stat") else { return };
    // The second field is the program's name, which may hold blanks.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let number = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok());
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    if let (Some(user), Some(system)) = (number(11), number(12)) {
        text.gauge("process_cpu_seconds_total", (user + system) / ticks);
    }
    if let Some(threads) = number(17) {
        text.gauge("process_threads", threads);
    }
    if let Some(pages) = number(21) {
        let bytes = pages * rustix::param::page_size() as f64;
        text.gauge("process_resident_memory_bytes", bytes);
    }
    let booted = file("stat").ok();
    let booted =
        booted.as_deref().and_then(|all| all.lines().find_map(|l| l.strip_prefix("btime ")));
    let booted = booted.and_then(|seconds| seconds.trim().parse::<f64>().ok());
    if let (Some(booted), Some(after)) = (booted, number(19)) {
        text.gauge("process_start_time_seconds", booted + after / ticks);
    }
    if let Ok(open) = std::fs::read_dir(Path::new(PROC).join("self/fd")) {
        text.gauge("process_open_fds", open.count() as f64);
    }
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    if let Some(most) = limit.current {
        text.gauge("process_max_fds", most as f64);
    }
}
