//! The walls of the house: which crate may use which, which library belongs to one
//! crate alone, and no circle of imports. Each wall is an absence, so only a test can
//! hold it.

mod circles;
mod imports;
mod kinds;
mod tokens;
mod words;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Crates of ours that a crate may use; in tests, `testing` too.
struct Room {
    name: &'static str,
    uses: &'static [&'static str],
    testing: &'static [&'static str],
}

const HOUSE: &[Room] = &[
    Room { name: "json-fields", uses: &[], testing: &[] },
    Room { name: "zoomd-wire", uses: &["json-fields"], testing: &[] },
    Room { name: "redis-local", uses: &[], testing: &[] },
    Room { name: "zoom-sim", uses: &[], testing: &[] },
    Room { name: "zoom-api", uses: &["json-fields"], testing: &["zoom-sim"] },
    Room { name: "zoomd-store", uses: &["zoomd-wire"], testing: &["redis-local", "zoomd-model"] },
    Room { name: "zoomd-model", uses: &["zoomd-store"], testing: &[] },
    Room {
        name: "zoomd-workers",
        uses: &["zoomd-wire", "zoom-api", "zoomd-store"],
        testing: &["zoom-sim", "redis-local"],
    },
    Room {
        name: "zoomd",
        uses: &[
            "zoomd-wire",
            "zoom-api",
            "zoomd-store",
            "zoomd-workers",
            "zoom-sim",
            "redis-local",
        ],
        testing: &[],
    },
];

/// Libraries, by the start of their names, and the only crates that may use
/// them.
const OWNED: &[(&str, &[&str])] = &[
    ("redis", &["zoomd-store"]),
    ("reqwest", &["zoom-api"]),
    ("apalis", &["zoomd-workers"]),
    ("chrono", &["zoomd-workers"]),
    ("cron", &["zoomd-workers"]),
    ("clap", &["zoomd", "zoom-sim"]),
    ("anyhow", &["zoomd"]),
    ("axum", &["zoomd"]),
    ("indicatif", &["zoomd"]),
    ("figment", &["zoomd"]),
    ("opentelemetry", &["zoomd"]),
    ("prost", &["zoomd"]),
    ("chacha20poly1305", &["zoomd-store"]),
];

/// Libraries that, inside the crate that owns them, only these files name.
/// A folder stands for all that is in it.
const ADAPTERS: &[(&str, &str, &[&str])] = &[
    ("apalis", "workers/src", &["workers/src/pipeline/"]),
    ("chrono", "workers/src", &["workers/src/timetable.rs"]),
    ("cron", "workers/src", &["workers/src/timetable.rs"]),
    ("clap", "src", &["src/cli/", "src/output/"]),
    ("clap", "crates/zoom-sim/src", &["crates/zoom-sim/src/main.rs"]),
    ("anyhow", "src", &["src/"]),
    ("opentelemetry", "src", &["src/telemetry/traces/"]),
];

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline", "--locked"])
        .current_dir(ROOT)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Every (crate, what it depends on, whether for tests only).
fn edges() -> Vec<(String, String, bool)> {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap();
    let edges = packages.iter().flat_map(|package| {
        let name = package["name"].as_str().unwrap();
        package["dependencies"].as_array().unwrap().iter().map(move |dependency| {
            let used = dependency["name"].as_str().unwrap();
            (name.to_owned(), used.to_owned(), dependency["kind"] == "dev")
        })
    });
    edges.collect()
}

fn allowed(user: &str, used: &str, testing: bool) -> bool {
    if let Some(room) = HOUSE.iter().find(|room| room.name == user)
        && HOUSE.iter().any(|room| room.name == used)
    {
        return room.uses.contains(&used) || (testing && room.testing.contains(&used));
    }
    // redis-local is ours and not the library whose name it begins with.
    used == "redis-local"
        || OWNED
            .iter()
            .filter(|(library, _)| belongs(used, library))
            .all(|(_, owners)| owners.contains(&user))
}

/// `apalis-core` belongs to `apalis`; `cronjob` does not to `cron`.
fn belongs(name: &str, library: &str) -> bool {
    name.strip_prefix(library).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_']))
}

#[test]
fn every_arrow_points_down_and_libraries_stay_in_their_crate() {
    let forbidden: Vec<_> = edges()
        .into_iter()
        .filter(|(user, used, testing)| !allowed(user, used, *testing))
        .collect();
    assert!(forbidden.is_empty(), "forbidden: {forbidden:?}");
}

#[test]
fn the_walls_can_be_broken() {
    for (user, used) in [
        ("zoomd-wire", "zoomd-store"),
        ("zoom-api", "zoomd-store"),
        ("zoomd-store", "zoom-api"),
        ("zoom-sim", "zoomd-wire"),
        ("zoom-sim", "json-fields"),
        ("zoomd-workers", "zoomd"),
        ("zoomd-workers", "redis"),
        ("zoomd", "reqwest"),
        ("zoomd", "apalis-core"),
        ("zoomd-store", "clap_complete"),
    ] {
        assert!(!allowed(user, used, false), "{user} may use {used}");
    }
    assert!(allowed("zoom-api", "zoom-sim", true) && !allowed("zoom-api", "zoom-sim", false));
}

#[test]
fn every_crate_has_its_room() {
    let crates: BTreeSet<_> = edges().into_iter().map(|(user, _, _)| user).collect();
    let rooms: BTreeSet<_> = HOUSE.iter().map(|room| room.name.to_owned()).collect();
    assert_eq!(crates, rooms);
}

/// Every Rust file of ours below `folder`, by its path from the root.
fn sources(folder: &str) -> Vec<(String, String)> {
    let mut folders = vec![PathBuf::from(ROOT).join(folder)];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name =
                    path.strip_prefix(Path::new(ROOT)).unwrap().to_string_lossy().into_owned();
                files.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    files
}

/// True if the code (not a comment) names the library.
fn names(code: &str, library: &str) -> bool {
    code.lines().map(str::trim_start).filter(|line| !line.starts_with("//")).any(|line| {
        let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_' && c != ':');
        words.any(|word| {
            let first = word.split("::").next().unwrap_or_default();
            word.contains("::") && belongs(first, library)
        })
    })
}

#[test]
fn thin_adapters_are_the_only_files_that_name_what_they_adapt() {
    for (library, folder, adapters) in ADAPTERS {
        let strays: Vec<_> = sources(folder)
            .into_iter()
            .filter(|(path, code)| {
                names(code, library) && !adapters.iter().any(|adapter| path.starts_with(adapter))
            })
            .map(|(path, _)| path)
            .collect();
        assert!(strays.is_empty(), "{library} is named outside of {adapters:?}: {strays:?}");
    }
    let apalis: Vec<_> = sources("workers/src")
        .into_iter()
        .filter(|(_, code)| names(code, "apalis"))
        .map(|(path, _)| path)
        .collect();
    assert!(apalis.len() <= 2, "apalis is adapted in too many files: {apalis:?}");
}

/// Files that start tasks or threads which the supervisor does not watch: how many
/// lines do so, and why nobody need watch them.
const UNWATCHED: &[(&str, usize, &str)] = &[
    ("workers/src/supervisor/mod.rs", 1, "it is the supervisor"),
    ("workers/src/journal/mod.rs", 3, "one write to the disk, waited for"),
    ("workers/src/deauthorization.rs", 1, "one write to the disk, waited for"),
    ("workers/src/rotation/repair.rs", 2, "one look at the disk, waited for"),
    ("workers/src/tokens/launch.rs", 2, "one rotation, whose end is told however it ends"),
    ("src/http/connections/mod.rs", 1, "one connection"),
    ("src/http/api/zoom.rs", 2, "one read of Zoom, waited for"),
    ("src/http/carry.rs", 1, "one write, carried to its end when its client leaves"),
    ("src/http/public/mod.rs", 1, "one consent, waited for"),
    ("src/telemetry/lines.rs", 1, "the log; what it loses is counted"),
    ("src/telemetry/mod.rs", 1, "the last words of a process, waited for"),
    ("src/dev/mod.rs", 1, "the daemon of zoomd dev, waited for"),
    ("src/cli/account/redirect.rs", 1, "a command"),
    ("src/cli/account/login.rs", 1, "a command"),
    ("src/cli/enqueue/read.rs", 1, "a command"),
];

/// Lines outside of tests that start a task or a thread.
fn spawns(code: &str) -> usize {
    let code = code.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let ways = [
        "tokio::spawn",
        "task::spawn",
        "spawn_blocking",
        "spawn_local",
        "JoinSet",
        "Handle::current",
        "Handle::try_current",
        "runtime::Handle",
        "thread::spawn",
        "thread::Builder",
        "thread::scope",
    ];
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.filter(|line| ways.iter().any(|way| line.contains(way))).count()
}

/// A panic in a task that nobody watches leaves half a daemon.
#[test]
fn every_task_is_a_part_that_is_watched_or_short_lived_with_a_reason() {
    let found: BTreeSet<_> = ["src", "workers/src", "crates"]
        .into_iter()
        .flat_map(sources)
        .filter(|(path, _)| {
            let double = ["crates/zoom-sim/", "crates/redis-local/"];
            !path.contains("tests") && !double.iter().any(|d| path.starts_with(d))
        })
        .map(|(path, code)| (path, spawns(&code)))
        .filter(|(_, spawns)| *spawns > 0)
        .collect();
    let listed: BTreeSet<_> =
        UNWATCHED.iter().map(|(path, spawns, _)| ((*path).to_owned(), *spawns)).collect();
    assert_eq!(found, listed, "use Supervisor::spawn, or give the reason in UNWATCHED");
}

/// Files that count time by an interval of their own, and why.
const INTERVALS: &[(&str, &str)] = &[
    ("workers/src/supervisor/beat.rs", "it is the one way"),
    ("workers/src/supervisor/mod.rs", "it looks at the others' clocks"),
    ("workers/src/pipeline/backend.rs", "it is polled, not awaited"),
    ("src/daemon/systemd.rs", "it feeds the watchdog also when all parts have ended"),
];

/// Work that comes again and again has one shape: a part, and the turns of its beat.
#[test]
fn what_comes_again_and_again_takes_the_turns_of_its_beat() {
    let found: BTreeSet<_> = ["src", "workers/src"]
        .into_iter()
        .flat_map(sources)
        .filter(|(path, _)| !path.contains("tests"))
        .filter(|(_, code)| code.contains("time::interval") || code.contains("IntervalStream"))
        .map(|(path, _)| path)
        .collect();
    let listed: BTreeSet<_> = INTERVALS.iter().map(|(path, _)| (*path).to_owned()).collect();
    assert_eq!(found, listed, "use Beat::every, or give the reason in INTERVALS");
}

/// Tests may tell longer stories than code.
#[test]
fn every_file_is_small_and_says_what_it_is() {
    let folders = ["src", "workers", "crates", "tests"];
    let most = |path: &str| if path.contains("tests") { 600 } else { 400 };
    let files: Vec<_> = folders.into_iter().flat_map(sources).collect();
    let long = files.iter().filter(|(path, code)| code.lines().count() > most(path));
    let dumb =
        files.iter().filter(|(path, code)| !path.contains("tests") && !code.starts_with("//!"));
    let wrong: Vec<_> = long.chain(dumb).map(|(path, _)| path).collect();
    assert!(wrong.is_empty(), "too long, or without a header: {wrong:?}");
}
