//! Settings of the queue, from the configuration.

use std::time::Duration;

use crate::limits::Budgets;

/// Times and bounds of the queue; the same in all daemons of a namespace.
#[derive(Debug, Clone)]
pub struct QueueSettings {
    /// Duration of a lease without renewal.
    pub lease: Duration,
    /// A request begins within this time of its lease, or not at all.
    pub send_within: Duration,
    /// Time limit of one exchange with Zoom.
    pub request_timeout: Duration,
    /// Time for which the id of a finished job is remembered.
    pub remember: Duration,
    /// Leases a job may lose before it is handed out to be failed.
    pub poison_sweeps: u32,
    /// Waits longer than this are published as a `job.waiting` event.
    pub tell_after: Duration,
    /// Retention of an outcome in its reply list.
    pub reply_kept: Duration,
    /// Retention of entries in an output stream.
    pub output_kept: Duration,
    /// Maximum size of an output stream.
    pub output_bytes: u64,
    /// Maximum number of entries of an output stream; `None`: unlimited.
    pub output_entries: Option<u64>,
    /// Retention of a failure in the index.
    pub failures_kept: Duration,
    /// Retention of a meeting in the register after its last end.
    pub meetings_kept: Duration,
    /// True if updates that wait go with the call of the job before them.
    pub merge_updates: bool,
    /// Zoom's limits.
    pub budgets: Budgets,
}

impl Default for QueueSettings {
    fn default() -> Self {
        let hours = |n: u64| Duration::from_secs(n * 3600);
        Self {
            lease: Duration::from_secs(30),
            send_within: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            remember: hours(24),
            poison_sweeps: 3,
            tell_after: Duration::from_secs(60),
            reply_kept: Duration::from_secs(600),
            output_kept: hours(7 * 24),
            output_bytes: 256 << 20,
            output_entries: None,
            failures_kept: hours(30 * 24),
            meetings_kept: hours(30 * 24),
            merge_updates: true,
            budgets: Budgets::default(),
        }
    }
}
