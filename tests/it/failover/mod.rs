//! A master that is moved under three daemons, while jobs come in and tokens rotate.
//!
//! As a test it is short: one planned failover, and one master that was frozen,
//! replaced and woken, with nothing of Redis' own to keep it from taking writes.
//! `make failover` strikes again and again, Sentinel and Cluster, and ends with a
//! table: the same code with `ZOOMD_FAILOVER_ROUNDS`.

#![expect(clippy::print_stdout, reason = "a campaign ends with its table")]

mod places;

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use places::{Blow, Place};
use secrecy::SecretString;
use zoom_sim::Config;
use zoomd_store::encryption::KeyRing;
use zoomd_store::grants::{AccountState, Grants, NewGrant, Plan};
use zoomd_store::rotation::Rotations;
use zoomd_store::streams::{Stream, Tail, enqueue};
use zoomd_store::{Store, StoreConfig, meta};
use zoomd_wire::AccountName;

use crate::support::{Daemon, KEY, Rig, job, until};

const ACCOUNTS: usize = 8;
/// Short enough that every account's token is refreshed after a blow.
const TOKEN_LIFE_MS: i64 = 4_000;
/// The longest time for which a blow may stop jobs or rotations: the failover itself (up to 15 s here), the
/// 5 s for which the intake is held, the minute for which rotations wait where a process
/// stays silent, and room for a busy machine.
const STANDSTILL: Duration = Duration::from_secs(90);
/// Jobs each tenth of a second.
const AT_ONCE: usize = 4;
/// Longest time for the last outcomes.
const QUIET: Duration = Duration::from_secs(150);
/// The slot of `{zoomd}`.
const SLOT: u16 = 12_314;

/// Outcomes that were seen.
#[derive(Debug, Default)]
struct Seen {
    /// Number of outcomes of each job, and whether it succeeded.
    outcomes: HashMap<String, (u32, bool)>,
    last: Option<Instant>,
    /// The longest time without a new one.
    gap: Duration,
}

impl Seen {
    fn came(&mut self, job: &str, succeeded: bool) {
        let now = Instant::now();
        let told = self.outcomes.entry(job.to_owned()).or_insert((0, succeeded));
        told.0 += 1;
        if told.0 == 1 {
            self.gap = self.gap.max(self.last.map_or(Duration::ZERO, |last| now - last));
            self.last = Some(now);
        }
    }
}

/// One row of the table.
#[derive(Debug, Default)]
struct Row {
    jobs: usize,
    /// After the blow.
    rotations: u64,
    forgotten: usize,
    failed: usize,
    told_twice: usize,
    lost: usize,
    doubled: u64,
    dead_tokens: usize,
    standstill: Duration,
    standstill_of_rotations: Duration,
    warnings: usize,
}

impl Row {
    const HEAD: &'static str = "| what | jobs | rotations | forgotten by Redis | failed | told twice \
         | lost | doubled | dead tokens | jobs stood still | rotations stood still | warnings of a daemon |\n\
         |---|---|---|---|---|---|---|---|---|---|---|---|";

    fn line(&self, what: &str) -> String {
        format!(
            "| {what} | {} | {} | {} | {} | {} | {} | {} | {} | {:.1} s | {:.1} s | {} |",
            self.jobs,
            self.rotations,
            self.forgotten,
            self.failed,
            self.told_twice,
            self.lost,
            self.doubled,
            self.dead_tokens,
            self.standstill.as_secs_f64(),
            self.standstill_of_rotations.as_secs_f64(),
            self.warnings,
        )
    }
}

/// Three daemons on one place.
struct House {
    rig: Rig,
    place: Place,
    store: Store,
    rotations: Rotations,
    daemons: Vec<Daemon>,
    seen: Arc<Mutex<Seen>>,
    /// Jobs given in so far; they are numbered.
    given: Arc<AtomicUsize>,
    giving: Arc<AtomicBool>,
}

impl House {
    async fn start(place: Place) -> Self {
        let mut config = Config::unlimited();
        config.rules.tokens.access_ttl_ms = TOKEN_LIFE_MS;
        let mut rig = Rig::with(redis_local::Options::default(), config).await;
        let namespace = if matches!(place, Place::Cluster { .. }) { "{zoomd}" } else { "zoomd" };
        rig.set("ZOOMD_REDIS_URL", &place.url());
        rig.set("ZOOMD_NAMESPACE", namespace);
        let store =
            Store::connect(&StoreConfig::new(place.url(), namespace)).await.expect("connected");
        let ring = KeyRing::parse(Some(&SecretString::from(KEY)), None).expect("a key");
        let vault = meta::open(&store, &ring).await.expect("a namespace");
        let grants = Grants::new(store.clone(), vault);
        for number in 0..ACCOUNTS {
            let name = account(number);
            let token = rig.sim.grant(name.as_str()).refresh_token.expect("an oauth app");
            let mut new = NewGrant::imported(name, token.into(), rig.sim.url(), "sim-client");
            new.plan = Some(Plan::Unlimited);
            grants.add(&new, true).await.expect("stored");
        }
        let daemons = (0..3).map(|_| rig.daemon()).collect();
        let rotations = Rotations::new(store.clone());
        let house = Self {
            rig,
            place,
            store,
            rotations,
            daemons,
            seen: Arc::default(),
            given: Arc::default(),
            giving: Arc::new(AtomicBool::new(true)),
        };
        let conn = house.store.connection();
        tokio::spawn(async move { conn.watch_master().await });
        tokio::spawn(watch(house.store.clone(), Arc::clone(&house.seen)));
        tokio::spawn(give(
            house.store.clone(),
            Arc::clone(&house.given),
            Arc::clone(&house.giving),
        ));
        house
    }

    /// One blow under load: what it cost.
    async fn row(&mut self, blow: Blow) -> Row {
        let from = self.given.load(Ordering::Acquire);
        let twins = self.doubled();
        let warned = self.warnings();
        self.giving.store(true, Ordering::Release);
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.seen.lock().expect("whole").gap = Duration::ZERO;
        let mut rest = Rest::of(&self.rig.sim);
        let (place, given, seen) = (&mut self.place, &self.given, &self.seen);
        let sim = &self.rig.sim;
        let strike = async {
            place.strike(blow).await;
            let rotations = sim.counters().rotations;
            // Until a job that was given in afterwards is done: the standstill is over.
            let (next, end) = (given.load(Ordering::Acquire) + 2 * AT_ONCE, Instant::now() + QUIET);
            while Instant::now() < end
                && !seen.lock().expect("whole").outcomes.contains_key(&id(next))
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            rotations
        };
        let rotations = tokio::select! {
            never = rest.watch(sim) => match never {},
            rotations = strike => rotations,
        };
        self.giving.store(false, Ordering::Release);
        let forgotten = tokio::select! {
            never = rest.watch(&self.rig.sim) => match never {},
            forgotten = self.settle(from) => forgotten,
        };
        let mut row = Row { forgotten, standstill_of_rotations: rest.longest, ..Row::default() };
        let to = self.given.load(Ordering::Acquire);
        {
            let seen = self.seen.lock().expect("whole");
            let told: Vec<_> = (from..to).filter_map(|n| seen.outcomes.get(&id(n))).collect();
            row.jobs = to - from;
            row.lost = row.jobs - told.len();
            row.failed = told.iter().filter(|(_, succeeded)| !succeeded).count();
            row.told_twice = told.iter().filter(|(times, _)| *times > 1).count();
            row.standstill = seen.gap;
        }
        row.rotations = self.rig.sim.counters().rotations - rotations;
        row.doubled = self.doubled() - twins;
        row.dead_tokens = self.dead().await;
        let after = self.warnings();
        row.warnings =
            after.iter().zip(&warned).map(|(after, before)| after - before).max().unwrap_or(0);
        row
    }

    /// Waits for the outcomes of all jobs from `from` on. What Redis forgot before a
    /// daemon had it is given in again, under the same ids: how many those were.
    async fn settle(&self, from: usize) -> usize {
        let (end, mut forgotten, mut still) = (Instant::now() + QUIET, 0, (0, Instant::now()));
        loop {
            let to = self.given.load(Ordering::Acquire);
            let missing: Vec<_> = {
                let seen = self.seen.lock().expect("whole");
                (from..to).filter(|n| !seen.outcomes.contains_key(&id(*n))).collect()
            };
            if missing.is_empty() || Instant::now() > end {
                return forgotten;
            }
            if missing.len() != still.0 {
                still = (missing.len(), Instant::now());
            } else if forgotten == 0 && still.1.elapsed() > Duration::from_secs(10) {
                let gone = self.gone(&missing).await;
                forgotten = gone.len();
                let jobs: Vec<_> = gone.iter().map(|n| one(*n)).collect();
                put(&self.store, &jobs).await;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Of these jobs those that Redis knows nothing of.
    async fn gone(&self, missing: &[usize]) -> Vec<usize> {
        let unknown = |n: &&usize| {
            until("what Redis knows of a job", || {
                match self.rig.run(&["job", "show", &id(**n)]).code {
                    0 => Some(false),
                    3 => Some(true),
                    _ => None,
                }
            })
        };
        missing.iter().filter(unknown).copied().collect()
    }

    fn doubled(&self) -> u64 {
        self.rig.sim.counters().broken.twin
    }

    async fn dead(&self) -> usize {
        let names = (0..ACCOUNTS).map(account).collect();
        self.rotations
            .in_state(names, AccountState::NeedsReauth)
            .await
            .map_or(ACCOUNTS, |l| l.len())
    }

    /// Lines of warnings in each daemon's log.
    fn warnings(&self) -> Vec<usize> {
        let count = |daemon: &Daemon| daemon.log().matches("\"level\":\"WARN\"").count();
        self.daemons.iter().map(count).collect()
    }
}

fn account(number: usize) -> AccountName {
    AccountName::new(&format!("user{number}")).expect("a name")
}

fn id(number: usize) -> String {
    format!("f{number}")
}

fn one(number: usize) -> String {
    job(account(number % ACCOUNTS).as_str(), &id(number))
}

/// Gives jobs in while it is told to.
async fn give(store: Store, given: Arc<AtomicUsize>, giving: Arc<AtomicBool>) {
    let mut beat = tokio::time::interval(Duration::from_millis(100));
    loop {
        beat.tick().await;
        if !giving.load(Ordering::Acquire) {
            continue;
        }
        let from = given.load(Ordering::Acquire);
        let batch: Vec<_> = (from..from + AT_ONCE).map(one).collect();
        put(&store, &batch).await;
        given.store(from + AT_ONCE, Ordering::Release);
    }
}

/// Adds jobs. Some may be in when Redis fails; the same id makes nothing twice.
async fn put(store: &Store, jobs: &[String]) {
    while enqueue(store, jobs).await.is_err() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn watch(store: Store, seen: Arc<Mutex<Seen>>) {
    let mut tail = Tail::from_start(&store, &[Stream::Results, Stream::Failures]);
    loop {
        let Ok(items) = tail.next(Duration::from_millis(50), 1_000).await else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let mut seen = seen.lock().expect("whole");
        for item in items {
            seen.came(item.field("job_id"), item.stream == Stream::Results);
        }
    }
}

/// The longest time without a rotation.
struct Rest {
    known: u64,
    since: Instant,
    longest: Duration,
}

impl Rest {
    fn of(sim: &zoom_sim::Sim) -> Self {
        let known = sim.counters().rotations;
        Self { known, since: Instant::now(), longest: Duration::ZERO }
    }

    async fn watch(&mut self, sim: &zoom_sim::Sim) -> Infallible {
        loop {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let now = sim.counters().rotations;
            self.longest = self.longest.max(self.since.elapsed());
            if now != self.known {
                (self.known, self.since) = (now, Instant::now());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_that_is_moved_or_woken_costs_no_job_and_no_token() {
    let rounds = std::env::var("ZOOMD_FAILOVER_ROUNDS").ok().and_then(|n| n.parse::<usize>().ok());
    let long = Duration::from_secs(14);
    let mut campaigns = Vec::new();
    match rounds {
        None => {
            let woken = vec![Blow::Planned, Blow::Frozen(Duration::from_secs(4))];
            campaigns.push(("sentinel", Place::sentinel(1), woken));
        }
        Some(_) => {
            let blows = vec![Blow::Planned, Blow::Killed, Blow::Frozen(long)];
            campaigns.push(("sentinel", Place::sentinel(1), blows.clone()));
            let guarded = Place::sentinel(2);
            guarded.min_replicas(1);
            campaigns.push(("sentinel, min-replicas-to-write 1", guarded, blows));
            let blows = vec![Blow::Planned, Blow::Killed, Blow::Frozen(long), Blow::Moved];
            campaigns.push(("cluster", Place::cluster(SLOT), blows));
        }
    }
    let (mut table, mut wrong) = (vec![Row::HEAD.to_owned()], Vec::new());
    for (name, place, blows) in campaigns {
        let mut house = House::start(place).await;
        for (nth, blow) in (0..rounds.unwrap_or(1)).flat_map(|_| &blows).enumerate() {
            if nth > 0 {
                house.place.healed();
            }
            let row = house.row(*blow).await;
            let line = row.line(&format!("{name}: {blow:?}"));
            println!("{line}");
            let lost = row.lost + row.failed + row.dead_tokens > 0 || row.doubled > 0;
            let still = row.standstill.max(row.standstill_of_rotations) > STANDSTILL;
            if lost || still || row.rotations == 0 {
                wrong.push(line.clone());
            }
            table.push(line);
        }
    }
    println!("{}", table.join("\n"));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
