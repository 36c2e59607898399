//! Readiness of this process for work, for `/readyz` and the service manager.
//!
//! Owns the running engine for as long as it takes work; once it is taken out to
//! be drained, the process is not ready any more.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use zoomd_store::inspect::{DayNearEnd, Level, Problem, Vitals};
use zoomd_store::{ErrorKind, Store, StoreError};
use zoomd_wire::Kind;
use zoomd_workers::Engine;
use zoomd_workers::report::words;
use zoomd_workers::supervisor::Supervisor;

use crate::health::{Found, Judgement};

/// Time for one answer of Redis before it counts as absent.
const PATIENCE: Duration = Duration::from_secs(2);

/// Time for which a judgement of the namespace is used.
const FRESH: Duration = Duration::from_secs(20);

/// Everything that readiness depends on.
#[derive(Debug)]
pub struct Health {
    phase: Mutex<Phase>,
    supervisor: Supervisor,
    /// The daemon's last judgement of its namespace.
    judged: Mutex<Option<Judged>>,
}

#[derive(Debug)]
struct Judged {
    at: Instant,
    judgement: Judgement,
    /// Vitals of Redis behind the judgement; `None`: Redis could not be asked.
    vitals: Option<Vitals>,
    /// Those that it tells the others.
    watched: Vec<Problem>,
    /// Daily limits close to their end; `None`: not known.
    days_near_end: Option<Vec<DayNearEnd>>,
}

#[derive(Debug)]
enum Phase {
    /// Waiting for Redis, or opening the namespace; with the error, where there is one.
    Starting(Option<StoreError>),
    Running(Store, Box<Engine>),
    Stopping(Store),
}

/// Readiness, with the reasons against it.
#[derive(Debug, Serialize)]
pub struct Ready {
    /// True when all checks are well.
    pub ready: bool,
    /// There are problems: some jobs wait or fail, or soon will.
    pub degraded: bool,
    /// Failed checks and problems, a sentence each.
    pub reasons: Vec<String>,
    pub checks: BTreeMap<&'static str, Check>,
    /// Each problem, with since when, how many jobs it holds back and what to do.
    pub problems: Vec<Problem>,
}

#[derive(Debug, Serialize)]
pub struct Check {
    /// True when it is well.
    pub ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl From<Result<(), String>> for Check {
    fn from(result: Result<(), String>) -> Self {
        Self { ok: result.is_ok(), why: result.err() }
    }
}

impl Health {
    /// Of a daemon whose parts `supervisor` watches.
    pub fn new(supervisor: Supervisor) -> Self {
        let (phase, judged) = (Mutex::new(Phase::Starting(None)), Mutex::default());
        Self { phase, supervisor, judged }
    }

    /// The daemon waits for Redis, which failed so.
    pub fn waits_for_redis(&self, error: &StoreError) {
        *self.lock() = Phase::Starting(Some(error.clone()));
    }

    /// The engine runs from here on.
    pub fn run(&self, store: Store, engine: Engine) {
        *self.lock() = Phase::Running(store, Box::new(engine));
    }

    /// Takes the engine out, to be drained; not ready from here on.
    pub fn take(&self) -> Option<Engine> {
        let mut phase = self.lock();
        match std::mem::replace(&mut *phase, Phase::Starting(None)) {
            Phase::Running(store, engine) => {
                *phase = Phase::Stopping(store);
                Some(*engine)
            }
            other => {
                *phase = other;
                None
            }
        }
    }

    /// Leased jobs of this daemon by kind; none before it runs.
    pub fn in_hand_by_kind(&self) -> Vec<(Kind, usize)> {
        match &*self.lock() {
            Phase::Running(_, engine) => engine.in_hand_by_kind(),
            Phase::Starting(_) | Phase::Stopping(_) => Vec::new(),
        }
    }

    /// The part that failed, if one has.
    fn parts(&self) -> Result<(), String> {
        self.supervisor.fault().map_or(Ok(()), |fault| Err(fault.to_string()))
    }

    /// Problems that keep this daemon from running jobs.
    pub fn problems(&self) -> Vec<Problem> {
        match &*self.lock() {
            Phase::Running(_, engine) => engine.problems(),
            Phase::Starting(Some(error)) => vec![redis_problem(error)],
            Phase::Starting(None) | Phase::Stopping(_) => Vec::new(),
        }
    }

    /// Problems that this daemon tells the others: its own, and those that it saw by
    /// looking for long.
    pub fn told(&self) -> Vec<Problem> {
        let judged = self.judged.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = judged.as_ref().filter(|judged| judged.at.elapsed() < FRESH);
        let watched = fresh.map(|judged| judged.watched.clone()).unwrap_or_default();
        drop(judged);
        merged(self.problems(), watched)
    }

    /// The daemon judged its namespace: these are all its problems, and those that only
    /// it can tell, for it has looked for long.
    pub fn judged(&self, judgement: Judgement, found: Option<Found>, watched: Vec<Problem>) {
        let (vitals, days_near_end) =
            found.map(|found| (found.vitals, found.days_near_end)).unzip();
        let judged = Judged { at: Instant::now(), judgement, vitals, watched, days_near_end };
        *self.judged.lock().unwrap_or_else(PoisonError::into_inner) = Some(judged);
    }

    /// The last judgement and what it was read from, unless it is of long ago.
    pub fn judgement(&self) -> Option<(Judgement, Option<Vitals>)> {
        let judged = self.judged.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = judged.as_ref().filter(|judged| judged.at.elapsed() < FRESH);
        fresh.map(|judged| (judged.judgement.clone(), judged.vitals.clone()))
    }

    /// Daily limits close to their end; `None`: not known.
    pub fn days_near_end(&self) -> Option<Vec<DayNearEnd>> {
        let judged = self.judged.lock().unwrap_or_else(PoisonError::into_inner);
        judged.as_ref().filter(|judged| judged.at.elapsed() < FRESH)?.days_near_end.clone()
    }

    /// The problems of the namespace, unless they are of long ago.
    fn of_namespace(&self) -> Vec<Problem> {
        let judged = self.judged.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = judged.as_ref().filter(|judged| judged.at.elapsed() < FRESH);
        fresh.map(|judged| judged.judgement.problems.clone()).unwrap_or_default()
    }

    /// Looks at every check.
    pub async fn ready(&self) -> Ready {
        let store = match &*self.lock() {
            Phase::Running(store, _) | Phase::Stopping(store) => Ok(store.clone()),
            Phase::Starting(why) => Err(why.clone()),
        };
        let redis = match store {
            Ok(store) => redis(&store).await,
            Err(Some(error)) => Err(error),
            Err(None) => Err(StoreError::new(ErrorKind::Unreachable, "not connected yet")),
        };
        // While Redis is away only what this daemon knows of itself is true.
        let known = if redis.is_ok() { self.of_namespace() } else { Vec::new() };
        let mut problems = merged(known, self.problems());
        if let Err(error) = &redis
            && !problems.iter().any(|problem| problem.code.starts_with("redis_"))
        {
            problems.insert(0, redis_problem(error));
        }
        let phase = self.lock();
        let (intake, draining) = match &*phase {
            Phase::Starting(_) => (Err("the daemon is starting".to_owned()), Ok(())),
            Phase::Running(_, engine) => (engine.ready(), Ok(())),
            Phase::Stopping(_) => (Ok(()), Err("the daemon is stopping".to_owned())),
        };
        let checks = BTreeMap::from([
            ("redis", Check::from(redis.map_err(|error| error.to_string()))),
            ("intake", Check::from(intake)),
            ("draining", Check::from(draining)),
            ("journal", Check::from(journal(&phase).map_or(Ok(()), Err))),
            ("parts", Check::from(self.parts())),
        ]);
        drop(phase);
        Ready::of(checks, problems)
    }

    fn lock(&self) -> MutexGuard<'_, Phase> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ready {
    fn of(checks: BTreeMap<&'static str, Check>, problems: Vec<Problem>) -> Self {
        // Without its journal a daemon serves the accounts whose tokens live.
        let ready = checks.iter().all(|(name, check)| check.ok || *name == "journal");
        let whys = || checks.values().filter_map(|check| check.why.as_ref());
        // A check that failed has its cause among the problems, often.
        let told = |why: &String| problems.iter().any(|problem| problem.what.contains(why));
        let counts = |problem: &&Problem| problem.level > Level::Notice;
        let counted = || problems.iter().filter(counts);
        let mut reasons: Vec<_> = counted().map(|problem| problem.what.clone()).collect();
        for why in whys().filter(|why| !told(why)) {
            if !reasons.contains(why) {
                reasons.push(why.clone());
            }
        }
        Self { ready, degraded: counted().count() > 0, reasons, checks, problems }
    }
}

/// The problems of the namespace, and those of this daemon that are not among them yet.
fn merged(mut known: Vec<Problem>, own: Vec<Problem>) -> Vec<Problem> {
    for problem in own {
        let same = |other: &Problem| {
            (&other.code, &other.account, &other.host)
                == (&problem.code, &problem.account, &problem.host)
        };
        if !known.iter().any(same) {
            known.push(problem);
        }
    }
    known
}

fn redis_problem(error: &StoreError) -> Problem {
    words::redis(error.kind(), &error.to_string())
}

/// Why no token is refreshed here.
fn journal(phase: &Phase) -> Option<String> {
    match phase {
        Phase::Running(_, engine) => Some(engine.tokens().journal().trouble()?.to_string()),
        Phase::Starting(_) | Phase::Stopping(_) => None,
    }
}

async fn redis(store: &Store) -> Result<(), StoreError> {
    match tokio::time::timeout(PATIENCE, store.now_ms()).await {
        Ok(answer) => answer.map(drop),
        Err(_) => Err(StoreError::new(ErrorKind::Unreachable, "redis did not answer within 2 s")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks, problems; ready, degraded, reasons.
    type Row = (
        &'static [(&'static str, Option<&'static str>)],
        Vec<Problem>,
        bool,
        bool,
        &'static [&'static str],
    );

    fn check(why: Option<&str>) -> Check {
        Check::from(why.map_or(Ok(()), |why| Err(why.to_owned())))
    }

    #[test]
    fn readiness_and_reasons_follow_from_checks_and_problems() {
        let slow = || Problem::degraded("zoom_slow", "creates are slow", "zoomd doctor");
        let full = || Problem::degraded("rotation_impossible", "refreshes stop: disk full", "df");
        let table: [Row; 5] = [
            (&[("redis", None), ("journal", None)], vec![], true, false, &[]),
            (&[("redis", None)], vec![slow()], true, true, &["creates are slow"]),
            (
                &[("journal", Some("disk full"))],
                vec![full()],
                true,
                true,
                &["refreshes stop: disk full"],
            ),
            (&[("redis", Some("gone")), ("intake", Some("gone"))], vec![], false, false, &["gone"]),
            (
                &[("draining", Some("the daemon is stopping"))],
                vec![slow()],
                false,
                true,
                &["creates are slow", "the daemon is stopping"],
            ),
        ];
        for (checks, problems, ready, degraded, reasons) in table {
            let checks = checks.iter().map(|(name, why)| (*name, check(*why))).collect();
            let said = Ready::of(checks, problems);
            assert_eq!((said.ready, said.degraded), (ready, degraded), "{said:?}");
            assert_eq!(said.reasons, reasons);
        }
    }
}
