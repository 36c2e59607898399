//! The loops behind the tokens: listening, watching doubts, repairing.
//!
//! Each holds the tokens weakly, so that dropping the last handle ends them as a
//! crash would. A rotation under way holds them strongly.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use zoomd_store::grants::GrantVersion;
use zoomd_wire::AccountName;

use super::{Inner, Tokens};
use crate::rotation::Order;

/// How long a loop may take to notice that its owner is gone.
const NOTICE: Duration = Duration::from_secs(1);
const RECONNECT: Duration = Duration::from_millis(200);

pub(super) fn start(tokens: &Tokens) -> Vec<tokio::task::JoinHandle<()>> {
    let weak = || Arc::downgrade(&tokens.0);
    vec![tokio::spawn(listen(weak())), tokio::spawn(watch(weak())), tokio::spawn(repair(weak()))]
}

fn up(weak: &Weak<Inner>) -> Option<Tokens> {
    weak.upgrade().map(Tokens).filter(|tokens| !tokens.is_closing())
}

/// Hears of commits (`t:<account>`) and of wishes for a rotation.
async fn listen(weak: Weak<Inner>) {
    while let Some(tokens) = up(&weak) {
        let (wake, ask) = (tokens.store().keys().wake(), tokens.store().keys().ask());
        let opened = tokens.store().connection().pubsub().await;
        drop(tokens);
        let Ok(mut pubsub) = opened else {
            tokio::time::sleep(RECONNECT).await;
            continue;
        };
        if pubsub.subscribe(&[&wake, &ask]).await.is_err() {
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

/// The account's grant changed: its token here is read again before a job needs it.
fn heard_commit(tokens: &Tokens, account: &str) {
    let flying = tokens.0.flights.get(account).is_some();
    let Some(cached) = tokens.0.cache.get(account, None) else { return };
    if flying {
        return;
    }
    let (tokens, account) = (tokens.clone(), account.to_owned());
    tokio::spawn(async move { tokens.reload(&account, cached.version).await });
}

/// `<account> <version or -> <life ms>`: somebody without a journal of his own
/// asks for a token that lives so long, or for a rotation of that version.
fn heard_wish(tokens: &Tokens, text: &str) {
    let mut words = text.split(' ');
    let Some(account) = words.next().and_then(|name| AccountName::new(name).ok()) else { return };
    let version: Option<GrantVersion> = words.next().and_then(|text| text.parse().ok());
    let life = words.next().and_then(|ms| ms.parse().ok()).map(Duration::from_millis);
    let tokens = tokens.clone();
    tokio::spawn(async move {
        match (version, life) {
            (Some(_), _) => drop(tokens.start_rotation(Order { account, version, hurry: true })),
            (None, Some(life)) => drop(tokens.usable(account.as_str(), None, life).await),
            (None, None) => {}
        }
    });
}

/// Looks at open intents, and probes those that are ripe.
async fn watch(weak: Weak<Inner>) {
    while let Some(tokens) = up(&weak) {
        match tokens.0.rotator.watch_intents().await {
            Ok(orders) => orders.into_iter().for_each(|order| drop(tokens.start_rotation(order))),
            Err(error) => tracing::debug!(%error, "open intents could not be looked at"),
        }
        tokens.0.cache.sweep();
        let every = tokens.0.rotator.settings().look_every;
        drop(tokens);
        tokio::time::sleep(every.min(NOTICE * 2)).await;
    }
}

/// Compares the journal with the store: at start, on reconnect, and every so often.
async fn repair(weak: Weak<Inner>) {
    let mut last: Option<Instant> = None;
    while let Some(tokens) = up(&weak) {
        let every = tokens.0.rotator.settings().repair_every;
        let due = last.is_none_or(|at| at.elapsed() >= every);
        let asked = tokio::time::timeout(NOTICE.min(every), tokens.0.repair_now.notified()).await;
        if !due && asked.is_err() {
            continue;
        }
        match tokens.0.rotator.repair().await {
            Ok(changed) => {
                last = Some(Instant::now());
                for account in changed {
                    tokens.0.cache.forget(account.as_str());
                }
            }
            Err(error) => tracing::debug!(%error, "journals could not be compared with redis yet"),
        }
    }
}
