//! A Redis, a Zoom, accounts, and engines on them, all of one test's own.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use redis_local::{Options, RedisServer};
use secrecy::SecretString;
use serde_json::{Value, json};
use tempfile::TempDir;
use zoom_api::{App, Client, Endpoints};
use zoom_sim::{Config, Sim};
use zoomd_store::encryption::{KeyRing, Vault};
use zoomd_store::grants::{GrantSecrets, Grants, Identity, NewGrant, Plan};
use zoomd_store::queue::QueueSettings;
use zoomd_store::{Store, StoreConfig, meta};
use zoomd_wire::AccountName;
use zoomd_workers::consent::issuer;
use zoomd_workers::patience::Patience;
use zoomd_workers::tokens::RotationSettings;
use zoomd_workers::{Engine, Settings, Setup};

use crate::resp::{Answer, Resp};

/// Longest wait of a test. It allows for a busy machine and is no promise.
pub const LIMIT: Duration = Duration::from_secs(60);
const AGED_KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const NS: &str = "zoomd";

/// Everything one test runs on.
pub struct World {
    pub redis: RedisServer,
    /// Zoom.
    pub sim: Sim,
    /// The namespace.
    pub store: Store,
    /// The key.
    pub vault: Vault,
    data: TempDir,
    engines: AtomicU32,
}

impl World {
    /// A Zoom without limits.
    pub async fn new() -> Self {
        Self::with(Config::unlimited()).await
    }

    /// A Zoom of a kind.
    pub async fn with(config: Config) -> Self {
        Self::on(Options { aof: Some("everysec"), ..Options::default() }, config).await
    }

    /// With the key of a namespace that is kept as a file.
    pub async fn aged(config: Config) -> Self {
        Self::keyed(Options::default(), config, SecretString::from(AGED_KEY)).await
    }

    /// The world opened again, after that file was put into it.
    pub async fn reopened(mut self) -> Self {
        zoomd_store::layout::raise(&self.store).await.expect("the layout of this version");
        let ring = KeyRing::parse(Some(&SecretString::from(AGED_KEY)), None).expect("a key");
        self.vault = meta::open(&self.store, &ring).await.expect("a namespace");
        self
    }

    /// A Redis of a kind, too.
    pub async fn on(options: Options, config: Config) -> Self {
        Self::keyed(options, config, KeyRing::generate_key()).await
    }

    async fn keyed(options: Options, config: Config, key: SecretString) -> Self {
        let _ = tracing_subscriber::fmt()
            .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
            .with_test_writer()
            .try_init();
        let redis = RedisServer::start_with(options).expect("a redis-server on PATH");
        let sim = Sim::start(config).await;
        let store = Store::connect(&StoreConfig::new(redis.unix_url(), NS)).await.expect("redis");
        let ring = KeyRing::parse(Some(&key), None).expect("a key");
        let vault = meta::open(&store, &ring).await.expect("a namespace");
        let data = TempDir::new().expect("a folder");
        Self { redis, sim, store, vault, data, engines: AtomicU32::new(0) }
    }

    /// A connection of its own.
    pub fn resp(&self) -> Resp {
        Resp::connect(self.redis.port())
    }

    /// Connects an account whose Zoom user has the same name.
    pub async fn account(&self, name: &str) {
        self.account_aged(name, 0).await;
    }

    /// Imports an account with a consent to these scopes.
    pub async fn account_with_scope(&self, name: &str, scope: &str) {
        let tokens = self.sim.seed(name, None, Some(scope)).tokens;
        self.connect_with(name, 0, Plan::Unlimited, tokens).await;
    }

    /// Connects an account of this plan.
    pub async fn account_on(&self, name: &str, plan: Plan) {
        self.connect(name, 0, plan).await;
    }

    /// Copy with tokens that were issued `age_s` seconds ago.
    pub async fn account_aged(&self, name: &str, age_s: u64) {
        self.connect(name, age_s, Plan::Unlimited).await;
    }

    async fn connect(&self, name: &str, age_s: u64, plan: Plan) {
        self.connect_with(name, age_s, plan, self.sim.grant(name)).await;
    }

    async fn connect_with(&self, name: &str, age_s: u64, plan: Plan, tokens: zoom_sim::Tokens) {
        let account = AccountName::new(name).expect("a name");
        let now = u64::try_from(self.store.now_ms().await.expect("redis")).expect("a time");
        let issuer = issuer(&self.client(Duration::from_secs(2)));
        let secret = |text: &str| Some(SecretString::from(text.to_owned()));
        let new = NewGrant {
            secrets: GrantSecrets {
                access_token: secret(&tokens.access_token),
                refresh_token: tokens.refresh_token.as_deref().and_then(secret),
                client_secret: None,
            },
            // The owner is known: nobody asks Zoom beside the jobs.
            identity: Identity {
                aliases: vec![format!("{name}@example.com")],
                ..Identity::default()
            },
            plan: Some(plan),
            access_expires_ms: now + u64::try_from(tokens.expires_in).expect("a time") * 1000,
            obtained_ms: now - age_s * 1000,
            scope: Some(tokens.scope.clone()),
            ..NewGrant::imported(account, SecretString::from(String::new()), &issuer, "sim-client")
        };
        let grants = Grants::new(self.store.clone(), self.vault.clone());
        grants.add(&new, true).await.expect("a grant");
    }

    /// A client of the simulator.
    pub fn client(&self, request_timeout: Duration) -> Client {
        let url = self.sim.url();
        let endpoints = Endpoints::new(&format!("{url}/v2"), url, false).expect("loopback");
        let connect_timeout = Duration::from_secs(1);
        let settings = zoom_api::Settings::new(endpoints);
        Client::new(zoom_api::Settings { request_timeout, connect_timeout, ..settings })
            .expect("a client")
    }

    /// Setup of an engine, with times fit for tests.
    pub fn setup(&self) -> Setup {
        let number = self.engines.fetch_add(1, Ordering::Relaxed);
        let ms = Duration::from_millis;
        Setup {
            settings: Settings {
                concurrency: 32,
                rest_after_restart: ms(200),
                reconcile: Patience { delays: vec![ms(50), ms(100)], ..Patience::default() },
                ..Settings::default()
            },
            queue: QueueSettings {
                lease: Duration::from_secs(2),
                send_within: Duration::from_secs(1),
                request_timeout: Duration::from_secs(2),
                ..QueueSettings::default()
            },
            rotation: RotationSettings::default(),
            store: self.store.clone(),
            client: self.client(ms(2000)),
            vault: self.vault.clone(),
            app: Some(App {
                client_id: "sim-client".into(),
                client_secret: SecretString::from("sim-secret".to_owned()),
            }),
            daemon: format!("d{number}-{:08x}", rand::random::<u32>()).into(),
            data_dir: self.data.path().to_owned(),
            supervisor: Default::default(),
            tracer: Default::default(),
        }
    }

    /// A running engine.
    pub async fn engine(&self) -> Engine {
        Engine::start(self.setup()).await.expect("an engine")
    }

    /// A running engine with something changed.
    pub async fn engine_with(&self, change: impl FnOnce(&mut Setup)) -> Engine {
        let mut setup = self.setup();
        change(&mut setup);
        Engine::start(setup).await.expect("an engine")
    }

    /// An engine that gives a call up quickly, so that lost outcomes are soon clear.
    pub async fn hasty_engine(&self) -> Engine {
        let client = self.client(Duration::from_millis(300));
        self.engine_with(|setup| {
            setup.client = client;
            setup.queue.request_timeout = Duration::from_millis(300);
        })
        .await
    }

    /// Writes a job as a producer does; answers the entry's id.
    pub fn enqueue(&self, job: &Value) -> String {
        self.enqueue_text(&job.to_string())
    }

    /// Writes any text as a job.
    pub fn enqueue_text(&self, text: &str) -> String {
        self.resp().call(&["XADD", "zoomd:jobs", "*", "job", text]).text().to_owned()
    }

    /// Waits until there are `count` outcomes, and answers them by job id.
    pub async fn outcomes(&self, count: usize) -> HashMap<String, Value> {
        let port = self.redis.port();
        let all = tokio::task::spawn_blocking(move || read_outcomes(port, count));
        all.await.expect("a reader")
    }

    /// The one outcome of a job, waiting until there is any.
    pub async fn outcome(&self, job_id: &str) -> Value {
        let all = self.outcomes(1).await;
        all.get(job_id).unwrap_or_else(|| panic!("no outcome of {job_id}: {all:?}")).clone()
    }

    /// The outcome of a job among any others, waiting until it is there. Redis may
    /// have forgotten that it showed it before, so one that is shown again is fine.
    pub async fn outcome_of(&self, job_id: &str) -> Value {
        let until = Instant::now() + LIMIT;
        loop {
            let mut resp = self.resp();
            for (stream, field) in [("zoomd:results", "result"), ("zoomd:failures", "failure")] {
                for entry in resp.call(&["XRANGE", stream, "-", "+"]).list() {
                    let fields = entry.list()[1].list();
                    let get = |name: &str| {
                        let at = fields.iter().step_by(2).position(|f| f.text() == name);
                        fields[at.expect("a field") * 2 + 1].text()
                    };
                    if get("job_id") == job_id {
                        return serde_json::from_str(get(field)).expect("JSON");
                    }
                }
            }
            assert!(Instant::now() < until, "no outcome of {job_id}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until a command answers so.
    pub async fn until(&self, command: &[&str], answer: &Answer) {
        let mut resp = self.resp();
        let until = Instant::now() + LIMIT;
        loop {
            let found = resp.call(command);
            if found == *answer {
                return;
            }
            assert!(Instant::now() < until, "{command:?} answers {found:?}");
            tokio::task::yield_now().await;
        }
    }

    /// Nothing is left of any job: not in the stream, not in hand, not waiting.
    pub fn assert_idle(&self) {
        let mut resp = self.resp();
        for key in ["zoomd:v1:due", "zoomd:v1:deadline", "zoomd:v1:ring"] {
            assert_eq!(resp.call(&["ZCARD", key]).number(), 0, "{key}");
        }
        assert_eq!(resp.call(&["HLEN", "zoomd:v1:owner"]).number(), 0);
        assert_eq!(resp.call(&["XLEN", "zoomd:jobs"]).number(), 0);
        let pending = resp.call(&["XPENDING", "zoomd:jobs", "zoomd"]);
        assert_eq!(pending.list()[0].number(), 0);
    }
}

/// A meeting to be made for `account`.
pub fn job(account: &str, topic: &str) -> Value {
    json!({
        "account": account,
        "meeting": {"topic": topic, "type": 2, "start_time": "2036-12-01T10:00:00Z", "duration": 30},
    })
}

pub fn job_with(account: &str, id: &str) -> Value {
    let mut job = job(account, id);
    job["id"] = id.into();
    job
}

fn read_outcomes(port: u16, count: usize) -> HashMap<String, Value> {
    let mut resp = Resp::connect(port);
    let until = Instant::now() + LIMIT;
    let mut found = HashMap::new();
    let (mut results, mut failures) = ("0".to_owned(), "0".to_owned());
    while found.len() < count {
        assert!(Instant::now() < until, "{} of {count} outcomes: {found:#?}", found.len());
        let streams = ["STREAMS", "zoomd:results", "zoomd:failures", &results, &failures];
        let answer =
            resp.call(&[&["XREAD", "COUNT", "1000", "BLOCK", "200"][..], &streams].concat());
        let mut last = HashMap::new();
        for stream in answer.list() {
            let name = stream.list()[0].text();
            for entry in stream.list()[1].list() {
                last.insert(name.to_owned(), entry.list()[0].text().to_owned());
                let fields = entry.list()[1].list();
                let field = |name: &str| {
                    let at = fields.iter().step_by(2).position(|f| f.text() == name);
                    fields[at.expect("a field") * 2 + 1].text().to_owned()
                };
                let json = field(if name == "zoomd:results" { "result" } else { "failure" });
                let json: Value = serde_json::from_str(&json).expect("JSON");
                assert_eq!(json["job_id"], field("job_id"));
                let key = (field("job_id"), json["run"].clone());
                let twice = found.insert(key.0.clone(), json);
                assert!(twice.is_none(), "two outcomes of {key:?}");
            }
        }
        results = last.remove("zoomd:results").unwrap_or(results);
        failures = last.remove("zoomd:failures").unwrap_or(failures);
    }
    found
}
