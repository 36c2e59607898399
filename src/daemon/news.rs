//! Changes of accounts, and pauses, in the log, whichever process made them: a command, the
//! public endpoint, another daemon.
//!
//! Follows `<ns>:events`. That an account needs authorization is logged by the
//! daemon that found out, with Zoom's words; here only where a new grant of the same
//! user took its place.

use std::time::Duration;

use serde_json::Value;
use zoomd_store::Store;
use zoomd_store::streams::{Item, Stream, Tail};
use zoomd_workers::supervisor::{Beat, Part, Supervisor};

/// Longest time that one read blocks.
const BLOCK: Duration = Duration::from_secs(2);
/// After a read that failed.
const PAUSE: Duration = Duration::from_secs(1);
/// Events read at once.
const MOST: usize = 1_000;

/// Begins to follow the events.
pub(super) fn follow(store: Store, supervisor: &Supervisor) -> Part {
    supervisor.spawn("account_news", |beat| serve(store, beat))
}

async fn serve(store: Store, beat: Beat) {
    // That Redis is away is logged by the engine.
    let mut tail = loop {
        match beat.waiting(Tail::from_now(&store, &[Stream::Events])).await {
            Ok(tail) => break tail,
            Err(error) => {
                tracing::debug!(%error, "redis: events cannot be followed yet");
                beat.waiting(tokio::time::sleep(PAUSE)).await;
            }
        }
    };
    loop {
        match beat.waiting(tail.next(BLOCK, MOST)).await {
            Ok(items) => items.iter().for_each(tell),
            Err(error) => {
                tracing::debug!(%error, "redis: events cannot be read");
                beat.waiting(tokio::time::sleep(PAUSE)).await;
            }
        }
    }
}

fn tell(item: &Item) {
    let (event, account) = (item.field("event"), item.field("account"));
    if !event.starts_with("account.") && !event.starts_with("namespace.") {
        return;
    }
    let data: Value = serde_json::from_str(item.field("data")).unwrap_or_default();
    let (waiting_jobs, reason) = (data["waiting_jobs"].as_u64(), data["reason"].as_str());
    match (event, reason) {
        ("account.connected", _) => {
            tracing::info!(account, waiting_jobs, reason, "account {account} is connected");
        }
        ("account.removed", _) => {
            tracing::info!(account, waiting_jobs, reason, "account {account} is removed");
        }
        ("account.paused", _) => {
            tracing::info!(account, waiting_jobs, reason, "account {account} is paused");
        }
        ("account.resumed", _) => {
            tracing::info!(account, waiting_jobs, "account {account} is resumed");
        }
        ("namespace.paused", _) => tracing::info!(reason, "all jobs are paused"),
        ("namespace.resumed", _) => tracing::info!("all jobs are resumed"),
        ("account.needs_reauth", Some("superseded")) => tracing::warn!(
            account,
            waiting_jobs,
            reason,
            "account {account} needs authorization: its zoom user was connected as another \
             account; next: zoomd account login {account}"
        ),
        _ => {}
    }
}
