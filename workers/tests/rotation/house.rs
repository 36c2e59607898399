//! A Redis, a Zoom, a disk, and any number of daemons' tokens on them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use redis_local::RedisServer;
use secrecy::SecretString;
use zoom_api::{App, Client, Endpoints, Settings};
use zoom_sim::{Config, Sim};
use zoomd_store::encryption::{KeyRing, Vault};
use zoomd_store::grants::{AccountState, Grants, NewGrant, Plan};
use zoomd_store::rotation::{Look, Rotations};
use zoomd_store::{Store, StoreConfig, meta};
use zoomd_wire::AccountName;
use zoomd_workers::consent::issuer;
use zoomd_workers::tokens::{RotationSettings, Token, Tokens, TokensConfig, Usable};

/// Longer than anything here should take.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub struct House {
    pub redis: RedisServer,
    pub sim: Sim,
    pub ring: KeyRing,
    pub disk: tempfile::TempDir,
    pub namespace: String,
    pub secret: String,
}

impl House {
    pub async fn new(config: Config) -> Self {
        Self {
            redis: RedisServer::start().expect("redis-server is installed"),
            sim: Sim::start(config).await,
            ring: KeyRing::parse(Some(&KeyRing::generate_key()), None).expect("a key"),
            disk: tempfile::tempdir().expect("a folder"),
            namespace: "zoomd".to_owned(),
            secret: "sim-secret".to_owned(),
        }
    }

    pub async fn unlimited() -> Self {
        Self::new(Config::unlimited()).await
    }

    pub fn client(&self) -> Client {
        let url = self.sim.url();
        let endpoints = Endpoints::new(&format!("{url}/v2"), url, false).expect("loopback");
        let mut settings = Settings::new(endpoints);
        settings.token_timeout = Duration::from_millis(700);
        settings.connect_timeout = Duration::from_millis(300);
        settings.request_timeout = Duration::from_secs(5);
        Client::new(settings).expect("a client")
    }

    pub fn app(&self) -> App {
        App::new("sim-client", SecretString::from(self.secret.clone()))
    }

    pub fn store(&self) -> Store {
        let config = StoreConfig::new(self.redis.unix_url(), &self.namespace);
        Store::open(&config).expect("a url")
    }

    pub async fn vault(&self) -> Vault {
        meta::open(&self.store(), &self.ring).await.expect("a namespace")
    }

    pub async fn grants(&self) -> Grants {
        Grants::new(self.store(), self.vault().await)
    }

    pub fn rotations(&self) -> Rotations {
        Rotations::new(self.store())
    }

    pub async fn tokens(&self, daemon: &str) -> Tokens {
        self.tokens_with(daemon, settings()).await
    }

    pub async fn tokens_with(&self, daemon: &str, settings: RotationSettings) -> Tokens {
        let config = TokensConfig { settings, ..self.config(daemon).await };
        Tokens::start(config).await.expect("tokens")
    }

    pub async fn config(&self, daemon: &str) -> TokensConfig {
        TokensConfig {
            store: self.store(),
            client: self.client(),
            vault: self.vault().await,
            app: Some(self.app()),
            daemon: Arc::from(daemon),
            data_dir: self.disk.path().to_owned(),
            settings: settings(),
            supervisor: Default::default(),
            tracer: Default::default(),
        }
    }

    /// An account of `user`, with a refresh token nobody has used.
    pub async fn import(&self, user: &str) -> AccountName {
        let seed = self.sim.grant(user);
        let token = SecretString::from(seed.refresh_token.expect("an oauth app"));
        let account = name(user);
        let issuer = issuer(&self.client());
        let mut new = NewGrant::imported(account.clone(), token, &issuer, "sim-client");
        new.plan = Some(Plan::Unlimited);
        self.grants().await.add(&new, true).await.expect("stored");
        account
    }

    pub async fn look(&self, account: &AccountName) -> Look {
        self.rotations().look(account).await.expect("redis").expect("an account")
    }

    /// Waits until the account stands there.
    pub async fn until_state(&self, account: &AccountName, state: AccountState) -> Look {
        let begun = Instant::now();
        loop {
            let look = self.look(account).await;
            if look.account.state == state {
                return look;
            }
            assert!(begun.elapsed() < PATIENCE, "{account} is still {look:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub fn spent(&self) -> u64 {
        self.sim.counters().broken.spent_refresh_token
    }
}

pub fn name(text: &str) -> AccountName {
    AccountName::new(text).expect("a name")
}

/// Settings under which a doubt is over within two seconds.
pub fn settings() -> RotationSettings {
    RotationSettings {
        lease: Duration::from_secs(3),
        doubt_margin: Duration::from_millis(300),
        answered_pause: Duration::from_millis(200),
        answered_longest: Duration::from_secs(1),
        probe_after: Duration::from_secs(4),
        settle_after_restart: Duration::from_millis(800),
        repair_every: Duration::from_millis(500),
        look_every: Duration::from_millis(50),
        least_between: Duration::from_millis(100),
        rest: Duration::from_millis(100),
        app_rest: Duration::from_secs(1),
        ..RotationSettings::default()
    }
}

pub async fn usable(tokens: &Tokens, account: &AccountName) -> Option<Token> {
    match tokens.usable(account.as_str(), None, Duration::ZERO).await {
        Usable::Token(token) => Some(token),
        Usable::Waiting | Usable::Unread(_) => None,
    }
}

/// Asks, as a job does that goes back to its room each time, until there is one.
pub async fn token(tokens: &Tokens, account: &AccountName) -> Token {
    let begun = Instant::now();
    loop {
        if let Some(token) = usable(tokens, account).await {
            return token;
        }
        assert!(begun.elapsed() < PATIENCE, "no token of {account}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
