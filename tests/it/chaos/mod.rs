//! Storms and campaigns: tokens that live for seconds, several daemons, and
//! whatever can happen to them.
//!
//! As tests they are short. `make chaos-tokens` runs a long one: it is the same
//! code with `ZOOMD_CHAOS_SECONDS` (and `ZOOMD_CHAOS_SEED`, which is printed).

#![expect(clippy::print_stdout, reason = "a campaign ends with its table")]

mod blows;
mod going_back;
mod work;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use rustix::process::Signal;
use secrecy::SecretString;
use zoom_sim::{Config, Endpoint, Fault, FaultId, What};
use zoomd_store::encryption::KeyRing;
use zoomd_store::grants::{AccountState, Grants, NewGrant, Plan};
use zoomd_store::rotation::Rotations;
use zoomd_store::streams::{Stream, Tail, enqueue};
use zoomd_store::{Store, meta};
use zoomd_wire::AccountName;

use crate::support::{Daemon, KEY, Rig, job};

use blows::ALL;
use blows::Misfortune::{self, *};
use work::{Seen, Work};

/// Longest time for the last outcomes.
const QUIET: Duration = Duration::from_secs(150);

/// A campaign this long has time for a store that goes back, and for the hold after it.
const LONG: Duration = Duration::from_secs(60);

/// Parameters of a campaign.
#[derive(Debug, Clone)]
struct Campaign {
    lasts: Duration,
    daemons: usize,
    accounts: usize,
    jobs_each_second: usize,
    token_life_ms: i64,
    /// Factor by which the waits of a rotation are shorter.
    pace: u32,
    misfortunes: &'static [Misfortune],
    seed: u64,
}

struct House {
    /// Before the folder of their logs, which a failed test prints.
    daemons: Vec<Daemon>,
    rig: Rig,
    grants: Grants,
    rotations: Rotations,
    store: Store,
    work: Arc<Work>,
    accounts: usize,
    struck: BTreeMap<Misfortune, u64>,
    lost: Vec<FaultId>,
    /// Of those, how many struck.
    replies_lost: u64,
    /// Rotations that a store did not know any more when it came back.
    forgotten: u64,
    parked: BTreeMap<String, u64>,
}

impl Campaign {
    async fn house(&self) -> House {
        let mut config = Config::unlimited();
        config.rules.tokens.access_ttl_ms = self.token_life_ms;
        let mut rig = Rig::with(redis_local::Options::default(), config).await;
        rig.set("ZOOMD_FAILPOINT_PACE", &self.pace.to_string());
        let toml = "[zoom]\nconnect_timeout = \"300ms\"\ntoken_timeout = \"1s\"\n\
                    request_timeout = \"2s\"\n[jobs]\nlease = \"11s\"\n\
                    [rotation]\nprobe_after = \"4s\"\n";
        std::fs::write(rig.dir.path().join("zoomd.toml"), toml).expect("written");
        let store = rig.store().await;
        let ring = KeyRing::parse(Some(&SecretString::from(KEY)), None).expect("a key");
        let vault = meta::open(&store, &ring).await.expect("a namespace");
        let (grants, rotations) =
            (Grants::new(store.clone(), vault), Rotations::new(store.clone()));
        let mut house = House {
            rig,
            grants,
            rotations,
            store,
            work: Arc::default(),
            accounts: self.accounts,
            daemons: Vec::new(),
            struck: BTreeMap::new(),
            lost: Vec::new(),
            replies_lost: 0,
            forgotten: 0,
            parked: BTreeMap::new(),
        };
        for number in 0..self.accounts {
            house.consent(&account(number)).await;
        }
        for _ in 0..self.daemons {
            house.daemons.push(house.rig.daemon());
        }
        house
    }

    /// Runs it to its end: every job has its outcome, every account works.
    async fn run(&self) -> (House, Seen) {
        let mut house = self.house().await;
        let work = Arc::clone(&house.work);
        let watching = tokio::spawn(Arc::clone(&work).watch(house.store.clone()));
        let producing = tokio::spawn(Arc::clone(&work).produce(self.clone(), house.store.clone()));
        let mut rng = StdRng::seed_from_u64(self.seed);
        let end = Instant::now() + self.lasts;
        while Instant::now() < end {
            tokio::time::sleep(Duration::from_millis(rng.random_range(150..700))).await;
            if !self.misfortunes.is_empty() {
                let which = self.misfortunes[rng.random_range(0..self.misfortunes.len())];
                house.strike(which, &mut rng).await;
            }
            house.see_to_consents().await;
        }
        house.replies_lost = house.lost.iter().map(|id| house.rig.sim.struck(*id)).sum();
        house.rig.sim.clear_faults();
        let produced = producing.await.expect("produced");
        // One more for every account: each works when all is quiet.
        let jobs = produced + self.accounts;
        let last: Vec<_> = (0..self.accounts)
            .map(|number| job(account(number).as_str(), &id(produced + number)))
            .collect();
        enqueue(&house.store, &last).await.expect("redis is there");
        let end = Instant::now() + QUIET;
        while work.outcomes() < jobs {
            assert!(Instant::now() < end, "{}", house.missing(jobs));
            house.see_to_consents().await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        watching.abort();
        (house, work.take())
    }
}

impl House {
    async fn consent(&self, account: &AccountName) {
        let token = self.rig.sim.grant(account.as_str()).refresh_token.expect("an oauth app");
        let issuer = self.rig.sim.url();
        let mut new = NewGrant::imported(account.clone(), token.into(), issuer, "sim-client");
        new.plan = Some(Plan::Unlimited);
        self.grants.add(&new, true).await.expect("stored");
    }

    fn names(&self) -> impl Iterator<Item = AccountName> {
        (0..self.accounts).map(account)
    }

    /// People whose accounts need it consent again, at once.
    async fn see_to_consents(&mut self) {
        let names = self.names().collect();
        let Ok(parked) = self.rotations.in_state(names, AccountState::NeedsReauth).await else {
            return;
        };
        for name in parked {
            let look = self.rotations.look(&name).await.ok().flatten();
            let why = look.and_then(|look| look.account.why).unwrap_or_default();
            *self.parked.entry(why).or_default() += 1;
            self.consent(&name).await;
        }
    }

    fn missing(&self, jobs: usize) -> String {
        let left: Vec<_> = self.work.missing(jobs).take(3).map(|id| self.shown(&id)).collect();
        format!("{} of {jobs} outcomes came; first missing: {left:#?}", self.work.outcomes())
    }

    fn shown(&self, id: &str) -> String {
        self.rig.run(&["job", "show", id]).stdout
    }

    fn table(&self, campaign: &Campaign, seen: &Seen) -> String {
        let counters = self.rig.sim.counters();
        let broken = &counters.broken;
        let mut out = format!("seed {} for {:?}\n", campaign.seed, campaign.lasts);
        let mut row = |name: &str, value: u64| {
            let _ = writeln!(out, "{name:<42}{value:>8}");
        };
        row("daemons", campaign.daemons as u64);
        row("accounts", campaign.accounts as u64);
        row("jobs, each with one outcome", seen.outcomes.len() as u64);
        row("jobs that failed", seen.failures.values().map(|n| u64::from(*n)).sum());
        row("meetings made", counters.meetings_created);
        row("duplicate meetings", broken.twin);
        row("rotations", counters.rotations);
        for (which, times) in &self.struck {
            row(&format!("struck: {which:?}"), *times);
        }
        row("rotations that the store forgot", self.forgotten);
        row("token replies lost on the network", self.replies_lost);
        row("token replies waited for in vain", counters.rotations_abandoned);
        for (why, times) in &self.parked {
            row(&format!("accounts parked: {why}"), *times);
        }
        row("spent refresh tokens presented", broken.spent_refresh_token);
        row("dead refresh tokens presented", broken.dead_refresh_token);
        row("dead access tokens used", broken.dead_access_token);
        row("expired access tokens used", broken.expired_access_token);
        row("rotations under a request", broken.rotation_in_flight);
        out
    }
}

fn account(number: usize) -> AccountName {
    AccountName::new(&format!("user{number}")).expect("a name")
}

fn id(number: usize) -> String {
    format!("c{number}")
}

/// Invariants that hold whatever happens.
fn holds(house: &House, seen: &Seen, table: &str) {
    let broken = house.rig.sim.counters().broken;
    let twice: Vec<_> = seen.outcomes.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "{twice:?}\n{table}");
    assert_eq!(broken.twin, 0, "{table}");
    assert_eq!(broken.rotation_in_flight, 0, "{:?}\n{table}", house.rig.sim.violations());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_storm_no_spent_dead_or_expired_token_is_used() {
    let campaign = Campaign {
        lasts: Duration::from_secs(9),
        daemons: 3,
        accounts: 50,
        jobs_each_second: 300,
        token_life_ms: 4_000,
        pace: 30,
        misfortunes: &[],
        seed: 0,
    };
    let (house, seen) = campaign.run().await;
    let table = house.table(&campaign, &seen);
    println!("{table}");
    holds(&house, &seen, &table);
    assert!(seen.failures.is_empty(), "{:?}", seen.failures);
    let counters = house.rig.sim.counters();
    assert!(counters.broken.none(), "{:?}\n{table}", house.rig.sim.violations());
    for number in 0..campaign.accounts {
        let look = house.rotations.look(&account(number)).await.expect("redis").expect("there");
        let rotations = house.rig.sim.rotations(account(number).as_str());
        let generation = look.grant.expect("a grant").version.generation;
        assert_eq!(generation, rotations, "one rotation a generation");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_strikes_every_account_works_in_the_end() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let lasts = Duration::from_secs(number("ZOOMD_CHAOS_SECONDS").unwrap_or(8));
    // A minute's hold after a store that went back outlasts a silent daemon, scaled too.
    let (pace, misfortunes) = if lasts < LONG { (30, &ALL[1..]) } else { (10, ALL) };
    let campaign = Campaign {
        lasts,
        daemons: 3,
        accounts: 20,
        jobs_each_second: 60,
        token_life_ms: 4_000,
        pace,
        misfortunes,
        seed: number("ZOOMD_CHAOS_SEED").unwrap_or_else(rand::random),
    };
    println!("seed {}", campaign.seed);
    let (house, seen) = campaign.run().await;
    let table = house.table(&campaign, &seen);
    println!("{table}");
    holds(&house, &seen, &table);
    let counters = house.rig.sim.counters();
    let broken = &counters.broken;
    let struck = |which| house.struck.get(&which).copied().unwrap_or(0);
    // A daemon killed with an exchange on the network loses its reply, too, and on
    // a starved machine a late reply comes later than anyone waits for it.
    let kills = struck(DaemonKilled);
    let in_kills = kills * campaign.accounts as u64;
    let too_late = counters.rotations_abandoned.min(struck(TokenReplyLate));
    let lost = house.replies_lost + too_late + in_kills;
    let parked: u64 = house.parked.values().sum();
    assert!(parked <= lost, "{table}");
    assert_eq!(house.parked.keys().filter(|why| *why != "reply_lost").count(), 0, "{table}");
    // One probe for each lost reply; again where its answer was lost with a process
    // or could not be written, and from a process that was stopped before sending.
    let lost_answers =
        [DaemonStopped, DaemonTerminated, DaemonKilled, RedisStopped, RedisKilled].map(struck);
    // The probe of a refresh that is rolled back may come before that.
    let early = [RefreshRolledBack, RefreshEndsLate].map(struck).iter().sum::<u64>();
    let most = parked + lost_answers.iter().sum::<u64>() + 2 * early;
    assert!(broken.spent_refresh_token <= most, "{table}");
    // One 401 for each account at most, where a process was stopped or Redis forgot.
    let forgot = [DaemonStopped, RedisStopped, RedisKilled, StoreGoesBack].map(struck);
    let most = forgot.iter().sum::<u64>() * campaign.accounts as u64;
    assert!(broken.dead_access_token <= most, "{table}");
    assert_eq!(struck(StoreGoesBack) > 0, house.forgotten > 0, "{table}");
}
