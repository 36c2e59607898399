//! Where a test may have this process killed or stopped, exactly there.
//!
//! `ZOOMD_SEAM=<name>:kill` ends the process with SIGKILL when it comes to the
//! seam of that name, `<name>:stop` halts it with SIGSTOP; a number behind
//! (`:kill:3`) means the third time. Inert unless set. Names, in their order:
//! `leased`, `drained`, `journalled`, `intended`, `before-send`, `replied` (in
//! memory alone), `staged`, `judged`, `committed`, `refused`, `in-doubt`.
//! `ZOOMD_SEAM_PACE=<n>` makes leases and waits of rotations n times shorter.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::process::{Signal, getpid, kill_process};

struct Seam {
    name: String,
    signal: Signal,
    passes: AtomicU32,
}

static SEAM: LazyLock<Option<Seam>> = LazyLock::new(|| {
    let wish = std::env::var("ZOOMD_SEAM").ok()?;
    let mut parts = wish.split(':');
    let name = parts.next()?.to_owned();
    let signal = match parts.next()? {
        "kill" => Signal::KILL,
        "stop" => Signal::STOP,
        _ => return None,
    };
    let passes = parts.next().and_then(|number| number.parse().ok()).unwrap_or(1);
    Some(Seam { name, signal, passes: AtomicU32::new(passes) })
});

/// The process came to the seam `name`.
pub(super) fn at(name: &str) {
    let Some(seam) = SEAM.as_ref().filter(|seam| seam.name == name) else { return };
    if seam.passes.fetch_sub(1, Ordering::Relaxed) == 1 {
        let _ = kill_process(getpid(), seam.signal);
    }
}

/// How many times faster the clockwork is to run.
pub(crate) fn pace() -> u32 {
    std::env::var("ZOOMD_SEAM_PACE").ok().and_then(|pace| pace.parse().ok()).unwrap_or(1)
}
