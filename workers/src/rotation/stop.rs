//! A rotation that stops before it has a new pair.

use std::time::Duration;

use zoomd_store::grants::Line;
use zoomd_store::rotation::End;

use super::Ended;

/// A rotation that ends without a new pair, and what is to be said of it.
#[derive(Debug)]
pub(super) struct Stop {
    pub(super) ended: Ended,
    pub(super) outcome: &'static str,
    /// The abort to send; `None` when a script has already ended it.
    pub(super) end: Option<Box<End>>,
}

impl Stop {
    /// Nothing was spent and nothing is wrong: what is stored is another by now.
    pub(super) fn changed() -> Self {
        Self { ended: Ended::Changed, outcome: "changed", end: Some(Box::default()) }
    }

    /// Nothing was spent; the account rests.
    pub(super) fn later(outcome: &'static str, rest: Duration, why: impl Into<String>) -> Self {
        let why = why.into();
        let line = Line::new("gave up").detail(&why);
        let end = End { rest, error: Some(why.clone()), line: Some(line), ..End::default() };
        Self { ended: Ended::Later { wait: rest, why }, outcome, end: Some(Box::new(end)) }
    }

    /// A script has ended it; lease and intent are as they should be.
    pub(super) fn settled(outcome: &'static str, ended: Ended) -> Self {
        Self { ended, outcome, end: None }
    }

    pub(super) fn with_intent(mut self, id: &str) -> Self {
        if let Some(end) = &mut self.end {
            end.intent = Some(id.to_owned());
        }
        self
    }
}
