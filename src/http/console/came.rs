//! Results of acts: one for each thing that was acted on.

use zoomd_store::admin::Cancelled;

use super::show::Moment;
use crate::acts::{Discarded, RetryLine};

/// Result of an act.
#[derive(Default)]
pub(super) struct Came {
    pub(super) lines: Vec<Done>,
    pub(super) link: Option<(String, Option<Moment>)>,
    pub(super) told: String,
}

impl From<Vec<Done>> for Came {
    fn from(lines: Vec<Done>) -> Self {
        Self { lines, ..Self::default() }
    }
}

/// Result for one thing that was acted on.
pub(super) struct Done {
    pub(super) id: String,
    pub(super) result: &'static str,
    pub(super) why: Option<String>,
    pub(super) well: bool,
}

impl Done {
    /// A thing that was acted on as a whole.
    pub(super) fn whole(id: &str) -> Self {
        Self { id: id.to_owned(), result: "done", why: None, well: true }
    }

    pub(super) fn cancelled(id: &str, result: Cancelled) -> Self {
        let why = match result {
            Cancelled::AfterReconcile => Some("checks with Zoom first whether its meeting exists"),
            Cancelled::InFlight => Some("a job in flight cannot be cancelled"),
            Cancelled::Over => Some("it has its outcome"),
            Cancelled::NotFound => Some("there is no such job"),
            Cancelled::Changed => Some("it moved again and again; try once more"),
            Cancelled::Broken => Some("a key of its account is of a wrong type"),
            _ => None,
        };
        let well = matches!(result, Cancelled::Done | Cancelled::AfterReconcile);
        let why = why.map(str::to_owned);
        Self { id: id.to_owned(), result: result.as_str(), why, well }
    }
}

impl From<RetryLine> for Done {
    fn from(line: RetryLine) -> Self {
        let well = line.is_well();
        Self { id: line.id, result: line.result, why: line.why, well }
    }
}

impl From<Discarded> for Done {
    fn from(line: Discarded) -> Self {
        let well = line.result == "discarded";
        let why = (!well).then(|| "it is not on the list of failures".to_owned());
        Self { id: line.id, result: line.result, why, well }
    }
}
