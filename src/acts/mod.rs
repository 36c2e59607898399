//! What is done to a namespace by people and programs: the command line, the API and the
//! console act here, so that one act has the same effect and the same record.

mod namespace;

use zoomd_store::inspect::Ops;

use crate::actor::Actor;

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

    /// Tells in the log who did what to which, and why.
    fn record(&self, what: &'static str, of: &str, reason: &str) {
        let (who, via) = (&self.actor.name, self.via.as_str());
        tracing::info!(who, via, what, of, reason, "{who} did {what}");
    }
}
