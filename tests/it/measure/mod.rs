//! Measurements of the API and the console: a namespace with a great many waiting jobs, and
//! the cost of those who look on.
//!
//! As tests they are small and hold what time does not change. `make measure-api` is the same
//! with a million jobs and an optimised daemon, and holds the times, too.

mod load;
mod waiting;

use std::time::Duration;

use crate::support::Rig;

/// A number that the environment names, else this one.
fn number(name: &str, small: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(small)
}

/// True for a measurement, whose times are held.
fn is_measured() -> bool {
    std::env::var_os("ZOOMD_MEASURE_JOBS").is_some()
}

/// Accounts with these names, from one import.
fn connect(rig: &Rig, names: impl Iterator<Item = String>) {
    let line = |name: String| {
        let token = rig.sim.grant(&name).refresh_token.expect("a refresh token");
        serde_json::json!({"account": name, "refresh_token": token}).to_string() + "\n"
    };
    rig.run_with(&["account", "import", "-"], &names.map(line).collect::<String>()).expect(0);
}

/// The middle of these times, and the longest.
fn middle(mut times: Vec<Duration>) -> (Duration, Duration) {
    times.sort_unstable();
    (times[times.len() / 2], times[times.len() - 1])
}

/// The memory of a process, KiB.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
