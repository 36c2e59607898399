//! View of operators: jobs, failures, outcomes, pause, status.
//!
//! Reads go over the layout as it is; each is bounded, and says where what it
//! shows comes from. Verbs that change something are one script each, which
//! looks again at what the caller saw and does nothing if it changed. All of it
//! works while no daemon runs.
//!
//! Never takes a lease and never calls Zoom. A job in flight is left alone.

mod ahead;
mod batch;
mod blocks;
mod budget;
mod facts;
mod failures;
mod find;
mod gauges;
mod history;
mod jobs;
mod obstacle;
mod order;
mod paused;
mod presence;
mod problem;
mod quota_headers;
mod remembered;
mod rotations;
mod search;
mod share;
mod spent;
mod status;
mod stream;
mod target;
mod view;
mod vitals;
mod wait_facts;
mod waiting;

use std::sync::Arc;

use crate::Store;
use crate::limits::Budgets;

pub use crate::refusal::Refusal;
pub use batch::BatchWait;
pub use budget::{BudgetLine, Waiting};
pub use facts::{AccountFacts, Reason};
pub(crate) use failures::DELETED_BY;
pub use failures::{Cursor, FailureFilter, FailureLine, FailureRecord};
pub use find::{OUTCOMES_LOOK, QUEUED_LOOK};
pub use history::{Point, Window};
pub use jobs::{JobFilter, JobLine};
pub use obstacle::{Asking, Obstacle, Obstacles, keeps};
pub use order::Listing;
pub use paused::Paused;
pub use presence::{DaemonLine, HEARTBEAT, Left, Presence};
pub use problem::{CODES, Level, Problem};
pub use quota_headers::QuotaObservation;
pub use remembered::Remembered;
pub use rotations::{DAYS as ROTATION_DAYS, RotationDays};
pub use search::{JobPage, JobPlace, JobQuery};
pub use status::Status;
pub use stream::BLIND_LOOK;
pub use view::{Block, JobView, LIMITED, Source, State};
pub use vitals::{AccountVitals, AppStop, DayNearEnd, Held, Ready, RecentFailure, Vitals, is_low};
pub use waiting::{WaitingJobs, WaitingLine};

/// An operator's hand on one namespace.
#[derive(Debug, Clone)]
pub struct Ops {
    pub(crate) store: Store,
    pub(crate) budgets: Arc<Budgets>,
    judges: bool,
    look: usize,
}

impl Ops {
    /// The namespace of `store`, under Zoom's published limits.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store, budgets: Arc::default(), judges: false, look: usize::MAX }
    }

    /// Copy under these limits: what is said of waiting jobs follows them.
    #[must_use]
    pub fn within(self, budgets: Budgets) -> Self {
        Self { budgets: Arc::new(budgets), ..self }
    }

    /// Copy with what keeps jobs from running besides budgets and accounts: no
    /// daemon, a Redis that takes no writes, what all daemons report.
    #[must_use]
    pub fn judging(self) -> Self {
        Self { judges: true, ..self }
    }

    /// Variant for frequent callers: it reads at most this number of entries of a stream to find
    /// one job, and at most [`BLIND_LOOK`] for up to 25 ms where nothing says where the job is.
    #[must_use]
    pub fn looking_at(self, most: usize) -> Self {
        Self { look: most, ..self }
    }

    pub(crate) fn judges(&self) -> bool {
        self.judges
    }

    /// The limits its answers follow.
    #[must_use]
    pub fn budgets(&self) -> &Budgets {
        &self.budgets
    }

    /// The namespace it works on.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }
}
