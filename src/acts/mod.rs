//! Actions of people and programs on a namespace. The command line, the API and the console
//! all act here, so that one action has the same effect and the same audit record.
//!
//! Invariant: every act that changed something is in the audit with who, what, when and
//! why. It stays done if the audit takes no writes; the log says so then.

mod accounts;
mod connect_link;
mod enqueue;
mod failures;
mod jobs;
mod namespace;
mod return_to;
mod tokens;

use zoomd_store::audit::{self, Act};
use zoomd_store::inspect::Ops;

use crate::actor::Actor;

pub use accounts::{RemovedAccount, Revoked, existing, missing};
pub use connect_link::{LinkRequest, label, life};
pub use enqueue::{Accepted, Taken};
pub use failures::{Discarded, RetryLine, Rules};
pub use tokens::{NO_APP, refused, tokens};

/// The way by which somebody acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// A command.
    Cli,
    /// A request to the API.
    Api,
    /// A page of the console.
    Console,
}

impl Via {
    fn as_str(self) -> &'static str {
        match self {
            Self::Cli => "cli",
            Self::Api => "api",
            Self::Console => "console",
        }
    }
}

/// Somebody's hand on the namespace.
#[derive(Debug, Clone)]
pub struct Hand {
    ops: Ops,
    actor: Actor,
    via: Via,
}

impl Hand {
    /// The hand of `actor`.
    pub fn new(ops: Ops, actor: Actor, via: Via) -> Self {
        Self { ops, actor, via }
    }

    /// The operations of the namespace, as this actor may use them.
    pub fn ops(&self) -> &Ops {
        &self.ops
    }

    /// Writes down what was done to which, why, and what came of it.
    pub async fn record(&self, what: &str, of: &str, reason: &str, outcome: &str) {
        let (who, via) = (self.actor.name.as_str(), self.via.as_str());
        // A command prints its own result.
        if self.via != Via::Cli {
            tracing::info!(who, via, what, of, reason, outcome, "{who} did {what}");
        }
        let act = Act {
            who: who.to_owned(),
            via: via.to_owned(),
            what: what.to_owned(),
            of: of.to_owned(),
            reason: reason.to_owned(),
            outcome: outcome.to_owned(),
        };
        if let Err(error) = audit::record(self.ops.store(), &act).await {
            tracing::warn!(%error, who, what, of, "audit: an action could not be recorded");
        }
    }
}

/// The thing that an act is about, in short: one name, or the first of many.
fn named<'a>(mut ids: impl ExactSizeIterator<Item = &'a str>) -> String {
    let count = ids.len();
    let first = ids.next().unwrap_or_default();
    if count > 1 { format!("{first} and {} more", count - 1) } else { first.to_owned() }
}

/// Number of each word, as `3 cancelled, 1 in_flight`.
fn tally<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let mut counts = std::collections::BTreeMap::<_, u64>::new();
    words.for_each(|word| *counts.entry(word).or_default() += 1);
    let parts: Vec<_> = counts.iter().map(|(word, count)| format!("{count} {word}")).collect();
    parts.join(", ")
}
