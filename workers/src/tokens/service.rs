//! The loops behind the tokens: listening, watching doubts, repairing.
//!
//! Each holds the tokens weakly, so that dropping the last handle ends them as a
//! crash would. A rotation under way holds them strongly.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use zoomd_store::StoreError;
use zoomd_store::grants::AccountState;
use zoomd_wire::AccountName;

use super::{Inner, Tokens};
use crate::rotation::{Order, Urge, Wish};
use crate::supervisor::{Beat, Part};

/// How long a loop may take to notice that its owner is gone.
const NOTICE: Duration = Duration::from_secs(1);
const RECONNECT: Duration = Duration::from_millis(200);
/// How long Redis may take to subscribe us.
const ANSWER: Duration = Duration::from_secs(10);
/// How long other daemons have to rotate first where the journal cannot be written.
const LEAVE_TO_OTHERS: Duration = Duration::from_secs(1);

pub(super) fn start(tokens: &Tokens) -> Vec<Part> {
    let weak = || Arc::downgrade(&tokens.0);
    let (news, intents, journal, disk) = (weak(), weak(), weak(), weak());
    let presence = weak();
    let supervisor = &tokens.0.supervisor;
    vec![
        supervisor.spawn("token_news", |beat| listen(news, beat)),
        supervisor.spawn("rotation_intents", |beat| watch(intents, beat)),
        supervisor.spawn("journal_repair", |beat| repair(journal, beat)),
        supervisor.spawn("journal_check", |beat| check(disk, beat)),
        supervisor.spawn("rotation_presence", |beat| announce(presence, beat)),
    ]
}

fn up(weak: &Weak<Inner>) -> Option<Tokens> {
    weak.upgrade().map(Tokens).filter(|tokens| !tokens.is_closing())
}

/// Hears of commits (`t:<account>`) and of wishes for a rotation.
async fn listen(weak: Weak<Inner>, beat: Beat) {
    while let Some(tokens) = up(&weak) {
        beat.touch();
        let (wake, ask) = (tokens.store().keys().wake(), tokens.store().keys().ask());
        let opened = tokens.store().connection().pubsub().await;
        drop(tokens);
        let Ok(mut pubsub) = opened else {
            tokio::time::sleep(RECONNECT).await;
            continue;
        };
        let subscribed = tokio::time::timeout(ANSWER, pubsub.subscribe(&[&wake, &ask])).await;
        if !matches!(subscribed, Ok(Ok(()))) {
            tokio::time::sleep(RECONNECT).await;
            continue;
        }
        // What was published while nobody listened is not known: look at all.
        if let Some(tokens) = up(&weak) {
            tokens.0.cache.clear();
            tokens.0.repair_now.notify_one();
        }
        let mut messages = pubsub.on_message();
        loop {
            let next = tokio::time::timeout(NOTICE, messages.next()).await;
            beat.touch();
            let Some(tokens) = up(&weak) else { return };
            let message = match next {
                Err(_) => continue,
                Ok(None) => break,
                Ok(Some(message)) => message,
            };
            let text: String = message.get_payload().unwrap_or_default();
            if message.get_channel_name() == ask {
                heard_wish(&tokens, &text);
            } else if let Some(account) = text.strip_prefix("t:") {
                heard_commit(&tokens, account);
            }
        }
    }
}

/// The account's grant changed: its token here is read again before a job needs
/// it, and if it was removed the journal forgets it too.
fn heard_commit(tokens: &Tokens, account: &str) {
    let flying = tokens.0.flights.get(account).is_some();
    let cached = tokens.0.cache.get(account, None);
    let staged = tokens.journal().latest_version(account).is_some();
    if flying || (cached.is_none() && !staged) {
        return;
    }
    let Ok(name) = AccountName::new(account) else { return };
    let tokens = tokens.clone();
    tokio::spawn(async move {
        match cached {
            Some(cached) => tokens.reload(name.as_str(), cached.version).await,
            None => tokens.erase_if_removed(&name).await,
        }
    });
}

/// `<account> <version> <nonce>[ probe]`: somebody asks that this version be
/// replaced, and waits to hear that it will be.
fn heard_wish(tokens: &Tokens, text: &str) {
    let mut words = text.split(' ');
    let mut next = || words.next().unwrap_or_default();
    let (account, version, nonce) = (AccountName::new(next()), next().parse(), next().to_owned());
    let (Ok(account), Ok(version)) = (account, version) else { return };
    let wish = if next() == "probe" { Wish::ProbeNow } else { Wish::Replace(version) };
    let tokens = tokens.clone();
    tokio::spawn(async move {
        if let Err(error) = tokens.0.rotations.acknowledge(&nonce, tokens.0.rotator.name()).await {
            tracing::debug!(%error, "could not say that a wish was heard");
        }
        if tokens.journal().trouble().is_some() {
            // Others do it. If none does, this one fails in a moment, and the asker is
            // told why.
            tokens.pause(LEAVE_TO_OTHERS).await;
        }
        drop(tokens.start_rotation(Order { account, wish, urge: Urge::Asked }));
    });
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
            Err(error) => tracing::debug!(%error, "open intents could not be looked at"),
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
            Ok(Some(_)) => RECONNECT,
            Err(error) => {
                tracing::debug!(%error, "redis did not hear that this process is there");
                RECONNECT
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
                    tracing::debug!(%error, "accounts of another app could not be looked at");
                }
                last = Some(Instant::now());
                for account in changed {
                    tokens.0.cache.forget(account.as_str());
                }
            }
            Err(error) => tracing::debug!(%error, "journals could not be compared with redis yet"),
        }
    }
}
