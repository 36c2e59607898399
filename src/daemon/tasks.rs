//! Periodic tasks of every daemon: finishing deauthorizations, and reporting which keys its
//! journal needs.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use zoomd_store::encryption::KeyId;
use zoomd_store::rekey;
use zoomd_workers::deauthorization::Deauthorizations;
use zoomd_workers::supervisor::{Beat, Part};
use zoomd_workers::tokens::Tokens;

type Keys = BTreeMap<KeyId, u64>;

/// Between two rounds.
const EVERY: Duration = Duration::from_secs(30);
/// Between two looks at the journal.
const LOOK: Duration = Duration::from_secs(1);
/// Longest wait for Redis to take the report of keys at the end.
const LAST_WORD: Duration = Duration::from_secs(1);

/// The rounds, until they are ended.
pub(super) struct Tasks {
    parts: [Part; 2],
    tokens: Tokens,
    daemon: String,
}

/// Begins them.
pub(super) fn begin(tokens: &Tokens, daemon: &str) -> Tasks {
    let deauthorizations = Deauthorizations::new(tokens.grants(), Some(tokens.journal().clone()));
    let (ours, id) = (tokens.clone(), daemon.to_owned());
    let supervisor = tokens.supervisor();
    let parts = [
        supervisor.spawn("deauthorizations", |beat| deauthorizations.serve(EVERY, beat)),
        supervisor.spawn("journal_keys", |beat| tell_keys(ours, id, beat)),
    ];
    Tasks { parts, tokens: tokens.clone(), daemon: daemon.to_owned() }
}

/// Tells soon when another key is needed or one no more, and the rest in time.
async fn tell_keys(tokens: Tokens, daemon: String, beat: Beat) {
    let mut turns = beat.every(LOOK);
    let mut told: Option<(Instant, Keys)> = None;
    loop {
        turns.next().await;
        let keys = tokens.journal().keys();
        let known = told.as_ref().is_some_and(|(at, last)| {
            keys.keys().eq(last.keys()) && (keys.is_empty() || at.elapsed() < EVERY)
        });
        if !known && tell(&tokens, &daemon, &keys).await {
            told = Some((Instant::now(), keys));
        }
    }
}

async fn tell(tokens: &Tokens, daemon: &str, keys: &Keys) -> bool {
    let told = rekey::tell(tokens.grants().store(), daemon, keys).await;
    if let Err(error) = &told {
        tracing::debug!(%error, "rotation journal: could not report which keys it needs");
    }
    told.is_ok()
}

impl Tasks {
    /// Ends them. What the journal needs stays told until somebody takes it over.
    pub(super) async fn end(self) {
        drop(self.parts);
        let keys = self.tokens.journal().keys();
        let _ = tokio::time::timeout(LAST_WORD, tell(&self.tokens, &self.daemon, &keys)).await;
    }
}
