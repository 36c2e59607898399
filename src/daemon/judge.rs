//! The judgement of the namespace, made every few seconds by this daemon: for
//! `/readyz` and the gauge of problems.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use zoomd_store::ops::{CODES, Level, Problem};
use zoomd_workers::supervisor::{Part, Supervisor};

use crate::health::{Gatherer, judge};
use crate::http::Health;

/// Between two judgements.
const EVERY: Duration = Duration::from_secs(3);

/// Begins to judge.
pub(super) fn begin(mut gatherer: Gatherer, health: Arc<Health>, supervisor: &Supervisor) -> Part {
    supervisor.spawn("judgement", |beat| async move {
        let mut tick = tokio::time::interval(EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            beat.waiting(tick.tick()).await;
            // The reads have a limit together.
            let facts = beat.waiting(gatherer.gather(health.problems())).await;
            let judgement = judge(&facts);
            for (code, count) in counts(&judgement.problems) {
                metrics::gauge!("zoomd_problem", "code" => code).set(f64::from(count));
            }
            health.judged(judgement.problems);
        }
    })
}

/// Problems by code, notices left out; every code is told, so that one that is over
/// goes back to 0.
fn counts(problems: &[Problem]) -> impl Iterator<Item = (&'static str, u32)> {
    CODES.into_iter().map(|code| {
        let count = |p: &&Problem| p.code == code && p.level > Level::Notice;
        (code, u32::try_from(problems.iter().filter(count).count()).unwrap_or(u32::MAX))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_counted_and_notices_are_not() {
        let slow = || Problem::degraded("zoom_slow", "slow", "zoomd doctor");
        let problems = [slow(), slow(), Problem::notice("clock_skew", "apart", "ntp")];
        let told: Vec<_> = counts(&problems).filter(|(_, count)| *count > 0).collect();
        assert_eq!(told, [("zoom_slow", 2)]);
        assert_eq!(counts(&[]).count(), CODES.len());
    }
}
