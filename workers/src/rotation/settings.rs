//! The times and bounds of a rotation. None of them carries correctness.

use std::time::Duration;

/// Settings of token rotation. The defaults are for production; tests shorten them.
#[derive(Debug, Clone)]
pub struct RotationSettings {
    /// Duration of a lease unless it is renewed (at a third).
    pub lease: Duration,
    /// Longest wait of a rotation for requests in flight.
    pub drain: Duration,
    /// Added to the longest an exchange can take before anybody presents the
    /// same token again.
    pub doubt_margin: Duration,
    /// The pause before the token is presented again after the token server answered
    /// that it failed; doubled with each further such answer.
    pub answered_pause: Duration,
    /// The longest of those pauses.
    pub answered_longest: Duration,
    /// Longest time that a silent daemon may still hold a reply on its disk.
    pub probe_after: Duration,
    /// Hold of rotations after Redis' run id changed, unless every process with a journal has
    /// reported before.
    pub settle_after_restart: Duration,
    /// Interval at which every journal entry is compared with the store, and files
    /// without an owner are looked for.
    pub repair_every: Duration,
    /// Interval at which open intents are looked at, should a notice have been missed.
    pub look_every: Duration,
    /// Retention of an entry after its commit.
    pub keep_entries: Duration,
    /// Maximum size of the journal before no rotation starts.
    pub journal_limit: u64,
    /// Shortest time before a new token is replaced, however short its life is by Zoom's answer.
    pub least_between: Duration,
    /// Pause of an account after a rotation that failed at Zoom.
    pub rest: Duration,
    /// Pause of an app after Zoom refused its id or secret.
    pub app_rest: Duration,
    /// Most rotations of this process at once.
    pub at_once: usize,
}

impl Default for RotationSettings {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(30),
            drain: Duration::from_secs(90),
            doubt_margin: Duration::from_secs(15),
            answered_pause: Duration::from_secs(2),
            answered_longest: Duration::from_secs(60),
            probe_after: Duration::from_secs(600),
            settle_after_restart: Duration::from_secs(60),
            repair_every: Duration::from_secs(30),
            look_every: Duration::from_secs(2),
            keep_entries: Duration::from_secs(24 * 3600),
            journal_limit: 256 << 20,
            least_between: Duration::from_secs(5),
            rest: Duration::from_secs(5),
            app_rest: Duration::from_secs(60),
            at_once: 64,
        }
    }
}

impl RotationSettings {
    /// Copy that is so many times faster; what an operator configures stays.
    #[must_use]
    pub(crate) fn faster(mut self, times: u32) -> Self {
        let all = [
            &mut self.lease,
            &mut self.doubt_margin,
            &mut self.answered_pause,
            &mut self.answered_longest,
            &mut self.settle_after_restart,
            &mut self.repair_every,
            &mut self.look_every,
            &mut self.least_between,
            &mut self.rest,
            &mut self.app_rest,
        ];
        for time in all {
            *time /= times.max(1);
        }
        self
    }
}
