//! Failpoints: named points at which a test kills, stops or panics this process.
//!
//! `ZOOMD_FAILPOINT=<name>:kill` ends the process with SIGKILL when it comes to the
//! seam of that name, `<name>:stop` halts it with SIGSTOP, `<name>:panic` panics
//! there; a number behind (`:kill:3`) means the third time. Inert unless set. Names, in their order,
//! of a rotation: `leased`, `drained`, `journalled`, `intended`, `before-send`,
//! `replied` (in memory alone), `staged`, `judged`, `committed`, `refused`,
//! `in-doubt`; of a job: `read`, `admitted`, `claimed`, `leaving` (between the
//! last look at the lease and the socket), `answered`, `looking`, `looked`,
//! `settling`, `settled`, `swept`, `amending`, `amended`.
//! `ZOOMD_FAILPOINT_PACE=<n>` makes leases and waits of rotations n times shorter,
//! `ZOOMD_FAILPOINT_WORK_PACE=<n>` those of jobs; what is configured for calls stays.
//! `ZOOMD_FAILPOINT_CLOCK=<file>` names a file with the milliseconds by which the
//! clock of Redis is to seem wrong; it may change at any moment.
//! `ZOOMD_FAILPOINT_PART=<part>:end`, `:panic` or `:hang` has a part of the supervisor's
//! list do so, when the file that `ZOOMD_FAILPOINT_WHEN` names is there (else at once);
//! so does the part `handler`, which is every handler of a job.
//! `ZOOMD_FAILPOINT_WATCH_PACE=<n>` makes a part that does not move known n times sooner.

use std::pin::pin;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};

/// Between two looks at a file.
const OFTEN: Duration = Duration::from_millis(20);

struct Failpoint {
    name: String,
    /// None: it panics.
    signal: Option<Signal>,
    passes: AtomicU32,
}

static FAILPOINT: LazyLock<Option<Failpoint>> = LazyLock::new(|| {
    let wish = std::env::var("ZOOMD_FAILPOINT").ok()?;
    let mut parts = wish.split(':');
    let name = parts.next()?.to_owned();
    let signal = match parts.next()? {
        "kill" => Some(Signal::KILL),
        "stop" => Some(Signal::STOP),
        "panic" => None,
        _ => return None,
    };
    let passes = parts.next().and_then(|number| number.parse().ok()).unwrap_or(1);
    Some(Failpoint { name, signal, passes: AtomicU32::new(passes) })
});

/// The process came to the seam `name`.
pub(crate) fn at(name: &str) {
    let Some(failpoints) = FAILPOINT.as_ref().filter(|failpoints| failpoints.name == name) else {
        return;
    };
    if failpoints.passes.fetch_sub(1, Ordering::Relaxed) == 1 {
        match failpoints.signal {
            Some(signal) => drop(kill_process(getpid(), signal)),
            None => panic!("the failpoint {name}"),
        }
    }
}

/// Factor by which the waits of rotations are shorter.
pub(crate) fn pace() -> u32 {
    times("ZOOMD_FAILPOINT_PACE")
}

/// The wish about a part: its name, and what is to happen to it.
static PART: LazyLock<Option<(String, String)>> = LazyLock::new(|| {
    let wish = std::env::var("ZOOMD_FAILPOINT_PART").ok()?;
    wish.split_once(':').map(|(part, fate)| (part.to_owned(), fate.to_owned()))
});

/// Runs a part until it meets its fate, if one is wished for.
pub(crate) async fn part(name: &str, work: impl Future<Output = ()>) {
    let Some((_, fate)) = PART.as_ref().filter(|(part, _)| part == name) else {
        return work.await;
    };
    // A part that hangs is there, and is not polled any more.
    let mut work = pin!(work);
    tokio::select! {
        () = &mut work => return,
        () = due() => {}
    }
    match fate.as_str() {
        "panic" => panic!("the failpoint of part {name}"),
        "hang" => std::future::pending().await,
        _ => {}
    }
}

async fn due() {
    let Some(file) = std::env::var_os("ZOOMD_FAILPOINT_WHEN") else { return };
    while !std::path::Path::new(&file).exists() {
        tokio::time::sleep(OFTEN).await;
    }
}

/// Factor by which a part that does not move is found sooner.
pub(crate) fn watch_pace() -> u32 {
    times("ZOOMD_FAILPOINT_WATCH_PACE")
}

pub(crate) fn times(variable: &str) -> u32 {
    let times = std::env::var(variable).ok().and_then(|times| times.parse().ok());
    times.unwrap_or(1).max(1)
}
