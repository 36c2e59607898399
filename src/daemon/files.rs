//! Open files: how many the system allows, and how many zoomd can need.
//!
//! Each request in flight holds a connection, and connections are files. Invariant:
//! nothing here fails; a limit that is too low is told, not enforced.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files beside the connections to Zoom: Redis, the journal, the ports and their
/// callers, token calls.
const OTHERS: u64 = 64;

/// Number of files `concurrency` requests in flight can need.
pub fn wanted(concurrency: u64) -> u64 {
    concurrency.saturating_add(OTHERS)
}

/// Number of files that this process may open once it has asked for all it can get.
pub fn allowed() -> u64 {
    getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX)
}

/// Raises the limit to all that the system grants: the usual 1,024 suit old programs.
pub(super) fn raise(concurrency: u64) {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let all = Rlimit { current: limit.maximum, maximum: limit.maximum };
        if let Err(error) = setrlimit(Resource::Nofile, all) {
            tracing::warn!(%error, "open files: could not raise the limit");
        }
    }
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let wanted = wanted(concurrency);
    if limit < wanted {
        tracing::warn!(
            limit,
            wanted,
            concurrency,
            "open files: the limit is too low for this concurrency; raise LimitNOFILE (ulimit -n) or lower ZOOMD_CONCURRENCY"
        );
    }
}
