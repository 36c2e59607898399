//! The judgement of the namespace, made every few seconds by this daemon: for
//! `/readyz`, the gauge of problems, and a log line for each that begins or ends. It also
//! notes the counters, for the charts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use zoomd_store::inspect::{CODES, Level, Ops, Problem};
use zoomd_workers::supervisor::{Part, Supervisor};

use super::announce::Announcer;
use crate::health::{Gatherer, judge, watched};
use crate::http::Health;

/// Problems that nobody logs where they are found.
const UNTOLD: [&str; 3] = ["zoom_slow", "key_missing", "clock_skew"];
/// Between two judgements.
const EVERY: Duration = Duration::from_secs(3);

/// Begins to judge.
pub(super) fn begin(
    mut gatherer: Gatherer,
    ops: Ops,
    health: Arc<Health>,
    supervisor: &Supervisor,
) -> Part {
    supervisor.spawn("judgement", |beat| async move {
        let mut turns = beat.every(EVERY);
        let mut told = Told::default();
        let mut announcer = Announcer::new(ops.clone());
        loop {
            turns.next().await;
            // The reads have a limit together.
            let own = health.problems();
            let facts = beat.waiting(gatherer.gather(own.clone())).await;
            let judgement = judge(&facts);
            told.hear(&judgement.problems, &own);
            for (code, count) in counts(&judgement.problems) {
                metrics::gauge!("zoomd_problem", "code" => code).set(f64::from(count));
            }
            // A Redis that takes no writes is told by the judgement.
            if let Ok(found) = &facts.found {
                let _ = beat.waiting(ops.note_counts()).await;
                beat.waiting(announcer.hear(&judgement.problems, found)).await;
            }
            let watched = watched(&facts);
            health.judged(judgement, facts.found.ok().map(|found| *found), watched);
        }
    })
}

/// A problem, apart from its words.
type Key = (String, Option<String>, Option<String>);

/// Problems of the namespace that the log has, or will have if they stay: one that
/// comes and goes within a judgement is not told. What this daemon finds by itself is
/// logged where it is found, but for [`UNTOLD`].
#[derive(Debug, Default)]
struct Told(BTreeMap<Key, bool>);

impl Told {
    fn hear(&mut self, problems: &[Problem], own: &[Problem]) {
        let found = problems.iter().filter(|p| p.level > Level::Notice);
        let found = found
            .filter(|p| own.iter().all(|one| one.code != p.code) || UNTOLD.contains(&&*p.code));
        let mut now = BTreeMap::new();
        for problem in found {
            let (account, host) = (problem.account.clone(), problem.host.clone());
            let key = (problem.code.to_string(), account, host);
            let was_there = self.0.remove(&key);
            if was_there == Some(false) {
                let (code, account) = (&*problem.code, problem.account.as_deref());
                let (jobs, next) = (problem.jobs, &problem.next);
                tracing::warn!(code, account, jobs, next, "{}", problem.what);
            }
            now.insert(key, was_there.is_some());
        }
        let told = std::mem::replace(&mut self.0, now).into_iter().filter(|(_, told)| *told);
        for ((code, account, host), _) in told {
            tracing::info!(code, account, host, "problem {code} is resolved");
        }
    }
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
