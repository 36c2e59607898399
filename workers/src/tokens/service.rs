//! Background loops of the tokens: unresolved exchanges, repair, and the heartbeat.
//! `news` has the one that listens.
//!
//! Each holds the tokens weakly, so that dropping the last handle ends them as a
//! crash would. A rotation under way holds them strongly.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use zoomd_store::StoreError;
use zoomd_store::grants::AccountState;

use super::alive::{NOTICE, up};
use super::{Inner, Tokens, news};
use crate::rotation::{Order, Urge, Wish};
use crate::supervisor::{Beat, Part};

/// Between two attempts while Redis is away.
const RETRY: Duration = Duration::from_millis(200);

pub(super) fn start(tokens: &Tokens) -> Vec<Part> {
    let weak = || Arc::downgrade(&tokens.0);
    let (heard, intents, journal, disk) = (weak(), weak(), weak(), weak());
    let presence = weak();
    let supervisor = &tokens.0.supervisor;
    vec![
        supervisor.spawn("token_news", |beat| news::listen(heard, beat)),
        supervisor.spawn("rotation_intents", |beat| watch(intents, beat)),
        supervisor.spawn("journal_repair", |beat| repair(journal, beat)),
        supervisor.spawn("journal_check", |beat| check(disk, beat)),
        supervisor.spawn("rotation_presence", |beat| announce(presence, beat)),
    ]
}

/// Looks whether the journal could be written.
async fn check(weak: Weak<Inner>, beat: Beat) {
    while let Some(tokens) = up(&weak) {
        // A disk may take its time.
        beat.waiting(tokens.journal().check()).await;
        drop(tokens);
        beat.waiting(tokio::time::sleep(NOTICE)).await;
    }
}

/// Looks at open intents, and probes those that are ripe.
async fn watch(weak: Weak<Inner>, beat: Beat) {
    while let Some(tokens) = up(&weak) {
        beat.touch();
        let mut pause = tokens.0.rotator.settings().look_every.min(NOTICE * 2);
        // Each intent may wait for replicas.
        match beat.waiting(tokens.0.rotator.watch_intents()).await {
            Ok(watched) => {
                pause = watched.next.map_or(pause, |next| next.min(pause));
                watched.ripe.into_iter().for_each(|order| drop(tokens.start_rotation(order)));
            }
            Err(error) => {
                tracing::debug!(%error, "token refresh: could not read open exchanges from redis")
            }
        }
        tokens.0.cache.sweep();
        drop(tokens);
        beat.waiting(tokio::time::sleep(pause)).await;
    }
}

/// Says that this process is there, and gives a server that is another by now what
/// the journal holds.
async fn announce(weak: Weak<Inner>, beat: Beat) {
    while let Some(tokens) = up(&weak) {
        let pause = match beat.waiting(tokens.0.rotator.beat()).await {
            Ok(None) => NOTICE,
            Ok(Some(run_id)) if beat.waiting(tokens.0.rotator.commit_all(&run_id)).await => {
                Duration::ZERO
            }
            Ok(Some(_)) => RETRY,
            Err(error) => {
                tracing::debug!(%error, "token refresh: could not announce this process in redis");
                RETRY
            }
        };
        drop(tokens);
        beat.waiting(tokio::time::sleep(pause)).await;
    }
}

/// Accounts that were another app's may be the configured one's by now.
async fn reclaim(tokens: &Tokens) -> Result<(), StoreError> {
    let (grants, mut last) = (tokens.grants(), None);
    loop {
        let names = grants.names(last.as_deref(), 500).await?;
        let Some(end) = names.last() else { return Ok(()) };
        last = Some(end.as_str().to_owned());
        for account in tokens.0.rotations.in_state(names, AccountState::WrongApp).await? {
            tokens.run(Order { account, wish: Wish::Reclaim, urge: Urge::Asked }).await;
        }
    }
}

/// Compares the journal with the store: at start, on reconnect, and every so often.
async fn repair(weak: Weak<Inner>, beat: Beat) {
    let mut last: Option<Instant> = None;
    while let Some(tokens) = up(&weak) {
        beat.touch();
        let every = tokens.0.rotator.settings().repair_every;
        let due = last.is_none_or(|at| at.elapsed() >= every);
        let asked = tokio::time::timeout(NOTICE.min(every), tokens.0.repair_now.notified()).await;
        if !due && asked.is_err() {
            continue;
        }
        // As long as there are entries: each of its commands has a limit.
        match beat.waiting(tokens.0.rotator.repair()).await {
            Ok(changed) => {
                if last.is_none()
                    && let Err(error) = beat.waiting(reclaim(&tokens)).await
                {
                    tracing::debug!(%error, "redis: could not read the accounts of another app");
                }
                last = Some(Instant::now());
                for account in changed {
                    tokens.0.cache.forget(account.as_str());
                }
            }
            Err(error) => {
                tracing::debug!(%error, "rotation journal: journals could not be compared with redis yet")
            }
        }
    }
}
