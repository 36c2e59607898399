//! A world: a Redis, a Zoom, daemons, and the rounds that are played on them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use redis_local::{Options, RedisServer};
use secrecy::SecretString;
use serde_json::json;
use tempfile::TempDir;
use tokio::task::{JoinHandle, JoinSet};
use zoom_sim::{Config, Endpoint, Fault, Sim, UserSpec, What};
use zoomd_store::encryption::KeyRing;
use zoomd_store::grants::{GrantSecrets, Grants, NewGrant, Plan as ZoomPlan};
use zoomd_store::inspect::Ops;
use zoomd_store::rotation::Rotations;
use zoomd_store::streams::enqueue;
use zoomd_store::{Store, StoreConfig, meta};
use zoomd_wire::AccountName;

use crate::book::Books;
use crate::daemon::Daemon;
use crate::family::{Family, Member};
use crate::plan::{Kind, Plan, Scale};
use crate::readings;
use crate::support::KEY;
use crate::table::Rows;
use crate::verdict;

/// Between two looks at everything.
const TICK: Duration = Duration::from_millis(10);
/// Accounts of a round; each is a Zoom user and account of its own.
const ACCOUNTS: usize = 3;
const NS: &str = "zoomd";

/// A world and its present round.
pub struct World {
    pub(crate) scale: Scale,
    pub(crate) redis: RedisServer,
    pub(crate) sim: Arc<Sim>,
    pub(crate) daemons: Vec<Daemon>,
    pub(crate) books: Books,
    pub(crate) store: Store,
    pub(crate) rotations: Rotations,
    pub(crate) dir: TempDir,
    pub(crate) plan: Plan,
    pub(crate) round: u32,
    /// The last meeting of the rounds before.
    pub(crate) meetings_before: u64,
    pub(crate) kills: usize,
    /// Variants of Zoom's behaviour in this round.
    pub(crate) readings: Vec<&'static str>,
    pub(crate) rows: Rows,
    /// Redis' files as they were, and until when it is away.
    pub(crate) back: Option<crate::blows::Back>,
    grants: Grants,
    number: usize,
    seed: u64,
    dice: StdRng,
    consumer: JoinHandle<()>,
}

impl World {
    /// Everything is up, nothing has happened.
    pub async fn start(seed: u64, number: usize, scale: &Scale) -> Self {
        let redis = RedisServer::start_with(Options::default()).expect("redis-server is installed");
        let mut config = Config::default();
        config.rules.api_url = Some(String::new());
        config.seed = Some(seed);
        let sim = Arc::new(Sim::start(config).await);
        let dir = tempfile::Builder::new().prefix("zoomd-chaos-").tempdir().expect("a folder");
        let place = StoreConfig::new(redis.unix_url(), NS);
        let store = Store::connect(&place).await.expect("redis answers");
        let ring = KeyRing::parse(Some(&SecretString::from(KEY)), None).expect("a key");
        let vault = meta::open(&store, &ring).await.expect("a namespace");
        let mut daemons = Vec::new();
        for number in 0..scale.daemons {
            daemons.push(Daemon::start(number, scale, &redis, &sim, dir.path()).await);
        }
        let books = Books::default();
        let consumer = tokio::spawn(books.clone().keep(store.clone()));
        let mut dice = StdRng::seed_from_u64(seed ^ (number as u64).wrapping_mul(0x9e37_79b9));
        let plan = Plan::draw(&mut dice, scale);
        Self {
            scale: scale.clone(),
            redis,
            sim,
            daemons,
            books,
            rotations: Rotations::new(store.clone()),
            grants: Grants::new(store.clone(), vault),
            store,
            dir,
            plan,
            round: 0,
            meetings_before: 0,
            kills: 0,
            readings: Vec::new(),
            rows: Rows::default(),
            back: None,
            number,
            seed,
            dice,
            consumer,
        }
    }

    /// Plays a round, and more until `end`; what they came to.
    ///
    /// # Errors
    /// Returns the violated rules of the round, with its seed and its record.
    pub async fn play(mut self, end: Instant) -> Result<Rows, String> {
        loop {
            self.round += 1;
            if let Err(what) = self.play_round().await {
                let place = format!(
                    "seed {}, world {}, round {} ({:?}; {}): {what}",
                    self.seed,
                    self.number,
                    self.round,
                    self.plan.kind,
                    self.readings.join(", ")
                );
                self.end();
                let logs: PathBuf = self.dir.keep();
                return Err(format!("{place}\nlogs: {}", logs.display()));
            }
            if Instant::now() >= end {
                self.end();
                return Ok(self.rows);
            }
            self.plan = Plan::draw(&mut self.dice, &self.scale);
        }
    }

    fn end(&mut self) {
        self.consumer.abort();
        self.daemons.clear();
    }

    async fn play_round(&mut self) -> Result<(), String> {
        std::mem::take(&mut *self.books.open());
        self.sim.reset_counters();
        self.kills = 0;
        let accounts = self.connect().await;
        let storm = self.plan.kind.storm(&self.scale);
        let late = self.plan.kind == Kind::LateList;
        let mut readings = Vec::new();
        self.sim.rules(|rules| readings = readings::draw(rules, &mut self.dice, late));
        if let Some((name, fault)) = readings::draw_coding(&mut self.dice) {
            self.sim.fault(fault);
            readings.push(name);
        }
        self.rows.read(&readings);
        self.readings = readings;
        let blind = matches!(self.plan.kind, Kind::Redis | Kind::RolledBack);
        let (jobs, families) = jobs(&mut self.dice, &self.scale, &accounts, self.round, blind);
        self.books.open().families.clone_from(&families);
        let changes = self.change(families, storm);
        let producer = produce(self.store.clone(), self.books.clone(), jobs, storm);
        if late {
            self.sim.rules(|rules| rules.list.lag_ms = storm.as_millis() as i64);
        }
        // A Zoom that takes its time, so that there is something to hit.
        let slow = |at, ms| Fault::new(at, What::DelayMs(ms)).after().always();
        self.sim.fault(slow(Endpoint::Create, self.dice.random_range(20..250)));
        for at in [Endpoint::Update, Endpoint::Delete, Endpoint::Status] {
            self.sim.fault(slow(at, self.dice.random_range(10..150)));
        }
        self.sim.fault(slow(Endpoint::List, 30));
        self.arm();
        self.storm(storm).await;
        self.calm().await;
        producer.await.map_err(|error| error.to_string())?;
        changes.join_all().await;
        // Whoever lost accepted jobs with Redis sends them again, as producers do.
        if self.plan.kind == Kind::RolledBack {
            self.send_again().await;
        }
        let last: Vec<_> =
            accounts.iter().map(|a| Job::new(a, &format!("{a}-last"), true)).collect();
        put(&self.store, &self.books, &last).await;
        let end = Instant::now() + self.scale.limit;
        while !self.books.open().open_jobs().is_empty() && Instant::now() < end {
            self.tick(false).await;
            tokio::time::sleep(TICK).await;
        }
        verdict::judge(self, &accounts).await
    }

    async fn storm(&mut self, lasts: Duration) {
        let begin = Instant::now();
        let mut blows = std::mem::take(&mut self.plan.blows).into_iter().peekable();
        while begin.elapsed() < lasts {
            while let Some((_, whom, blow)) = blows.next_if(|(at, ..)| *at <= begin.elapsed()) {
                self.strike(whom, blow).await;
            }
            self.tick(true).await;
            tokio::time::sleep(TICK).await;
        }
    }

    /// New accounts with a token each. In rounds of rotations the first has none:
    /// one alone, since a daemon killed in its rotation would take the answer to
    /// another's with it, which is a window of the protocol.
    async fn connect(&mut self) -> Vec<String> {
        let names: Vec<_> = (0..ACCOUNTS).map(|n| format!("r{}a{n}", self.round)).collect();
        for (n, name) in names.iter().enumerate() {
            let rotations = n == 0 && self.plan.kind == Kind::Rotations;
            self.sim.add_user(UserSpec::named(name));
            let tokens = self.sim.grant(name);
            let secret = |text: String| Some(SecretString::from(text));
            let account = AccountName::new(name).expect("a name");
            let token = SecretString::from(String::new());
            let mut new = NewGrant::imported(account, token, self.sim.url(), "sim-client");
            new.plan = Some(ZoomPlan::Pro);
            new.secrets = GrantSecrets {
                refresh_token: tokens.refresh_token.and_then(secret),
                access_token: secret(tokens.access_token).filter(|_| !rotations),
                client_secret: None,
            };
            if !rotations {
                let now = u64::try_from(self.store.now_ms().await.expect("redis")).expect("a time");
                new.access_expires_ms = now + 3_599_000;
                new.obtained_ms = now;
                new.scope = Some(tokens.scope);
            }
            self.grants.add(&new, false).await.expect("stored");
        }
        names
    }

    async fn send_again(&self) {
        let jobs: Vec<_> = {
            let book = self.books.open();
            let open = book.open_jobs();
            let is_open = |(key, _): &&(String, String)| open.contains(key);
            let job = |(key, text): &(String, String)| Job { key: key.clone(), text: text.clone() };
            book.texts.iter().filter(is_open).map(job).collect()
        };
        put(&self.store, &self.books, &jobs).await;
    }

    /// Sends the jobs of these meetings, each meeting's by itself.
    fn change(&mut self, families: Vec<Family>, storm: Duration) -> JoinSet<()> {
        let mut sent = JoinSet::new();
        for family in families {
            let most = u64::try_from(storm.as_millis() * 7 / 10).unwrap_or(1);
            let begins = Duration::from_millis(self.dice.random_range(0..most));
            let pause = Duration::from_millis(self.dice.random_range(10..900));
            let (store, books, sim) =
                (self.store.clone(), self.books.clone(), Arc::clone(&self.sim));
            sent.spawn(async move {
                tokio::time::sleep(begins).await;
                send(&store, &books, &family.together, None).await;
                if family.later.is_empty() {
                    return;
                }
                tokio::time::sleep(pause).await;
                let number = number_of(&books, &family, storm).await;
                if let Some(number) = number.filter(|_| family.starts) {
                    sim.start_meeting(number);
                }
                send(&store, &books, &family.later, number).await;
            });
        }
        sent
    }
}

/// A job to be sent.
struct Job {
    key: String,
    text: String,
}

impl Job {
    /// A job that is sent again is the same job.
    fn new(account: &str, key: &str, with_id: bool) -> Self {
        let hours = if starts_in_the_past(key) { -72 } else { 48 };
        let start = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(hours);
        let start = start.strftime("%Y-%m-%dT%H:00:00Z").to_string();
        let mut job = json!({
            "account": account, "metadata": {"key": key},
            "meeting": {"topic": key, "type": 2, "start_time": start, "duration": 30},
        });
        if with_id {
            job["id"] = key.into();
        }
        Self { key: key.to_owned(), text: job.to_string() }
    }
}

/// One job in ten does.
pub fn starts_in_the_past(key: &str) -> bool {
    key.ends_with('3')
}

/// The meeting that a family's create made, if any of its jobs names it or it is to start;
/// waited for as long as it may take.
async fn number_of(books: &Books, family: &Family, most: Duration) -> Option<u64> {
    if !family.starts && family.later.iter().all(|member| !member.by_number) {
        return None;
    }
    let end = Instant::now() + most;
    loop {
        if let Some(outcome) = books.open().jobs.get(family.create()).and_then(|o| o.first()) {
            return outcome.meeting;
        }
        if Instant::now() > end {
            return None;
        }
        tokio::time::sleep(TICK).await;
    }
}

/// Sends jobs of a family in one pipeline, and cancels those that an operator regrets.
async fn send(store: &Store, books: &Books, members: &[Member], number: Option<u64>) {
    let job = |member: &Member| Job { key: member.key.clone(), text: member.text(number) };
    put(store, books, &members.iter().map(job).collect::<Vec<_>>()).await;
    let regretted = members.iter().filter(|member| member.is_cancelled);
    let regretted: Vec<_> = regretted.map(|member| member.key.as_str().into()).collect();
    if !regretted.is_empty() {
        // One that cannot be cancelled any more takes effect.
        let _ = Ops::new(store.clone()).cancel(&regretted, "regretted").await;
    }
}

/// The jobs of a round, and the meetings that are changed, which have half of them; one
/// job in four without an id, unless Redis fails too: then nobody can tell whether it took
/// a job.
fn jobs(
    dice: &mut StdRng,
    scale: &Scale,
    accounts: &[String],
    round: u32,
    all_with_ids: bool,
) -> (Vec<Job>, Vec<Family>) {
    let (mut left, mut families, mut jobs) = (scale.jobs / 2, Vec::new(), Vec::new());
    while left > 1 {
        let account = &accounts[dice.random_range(0..accounts.len())];
        let key = format!("{account}-{round}-f{left}x");
        let family = Family::draw(dice, account, &key, left, all_with_ids);
        left -= family.members().count();
        families.push(family);
    }
    for n in 0..scale.jobs - scale.jobs / 2 + left {
        let account = &accounts[dice.random_range(0..accounts.len())];
        let with_id = all_with_ids || dice.random_bool(0.75);
        jobs.push(Job::new(account, &format!("{account}-{round}-{n}"), with_id));
    }
    (jobs, families)
}

fn produce(store: Store, books: Books, jobs: Vec<Job>, storm: Duration) -> JoinHandle<()> {
    tokio::spawn(async move {
        // A burst at first, then a trickle for as long as things go wrong.
        let (burst, rest) = jobs.split_at(jobs.len() / 3);
        put(&store, &books, burst).await;
        let pause = storm.mul_f64(0.8) / u32::try_from(rest.len() / 2 + 1).unwrap_or(1);
        for pair in rest.chunks(2) {
            tokio::time::sleep(pause).await;
            put(&store, &books, pair).await;
        }
    })
}

/// Sends jobs until Redis has them.
async fn put(store: &Store, books: &Books, jobs: &[Job]) {
    let texts: Vec<_> = jobs.iter().map(|job| &job.text).collect();
    for job in jobs {
        let mut book = books.open();
        book.jobs.entry(job.key.clone()).or_default();
        book.names.insert(job.key.clone(), job.key.clone());
        book.texts.push((job.key.clone(), job.text.clone()));
    }
    loop {
        match enqueue(store, &texts).await {
            Ok(entries) => {
                let keys = jobs.iter().map(|job| job.key.clone());
                books.open().names.extend(entries.into_iter().zip(keys));
                return;
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}
