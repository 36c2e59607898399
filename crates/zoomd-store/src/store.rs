//! One namespace on one Redis.

use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};

use crate::clock::ClockOffset;
use crate::error::{ErrorKind, StoreError};
use crate::keys::Keys;
use crate::redis::conn::{Conn, Target, TlsFiles};

/// Redis 6.2 brought what the scripts need (`ZMSCORE`, `XAUTOCLAIM`).
const OLDEST: (u32, u32) = (6, 2);

/// Configuration of a store: the server and the namespace.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// URL of Redis; may hold a password.
    pub url: SecretString,
    /// The prefix of all keys.
    pub namespace: String,
    /// Name recorded in the namespace and bound into each encrypted grant.
    pub deployment: String,
    /// Number of replicas that must confirm a record that must not be lost.
    pub replicas: Replicas,
    /// Certificates for `rediss://`, where they are not the system's.
    pub tls: TlsFiles,
}

/// Number of replicas that must confirm a record that must not be lost: a token, or a call that is
/// about to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Replicas {
    /// One, once a replica was seen by any daemon of the namespace; none before.
    #[default]
    Remembered,
    /// This number, whatever was seen; 0 forgets what was seen.
    AtLeast(u32),
}

impl StoreConfig {
    /// The configuration of a namespace, with the default deployment.
    #[must_use]
    pub fn new(url: impl Into<String>, namespace: impl Into<String>) -> Self {
        Self {
            url: SecretString::from(url.into()),
            namespace: namespace.into(),
            deployment: "default".to_owned(),
            replicas: Replicas::default(),
            tls: TlsFiles::default(),
        }
    }
}

/// A handle; clones share their connection.
#[derive(Debug, Clone)]
pub struct Store {
    conn: Conn,
    keys: Keys,
    deployment: Arc<str>,
    replicas: Replicas,
    clock: ClockOffset,
}

impl Store {
    /// A store that connects with its first command.
    pub fn open(config: &StoreConfig) -> Result<Self, StoreError> {
        let target = Target::parse(config.url.expose_secret(), &config.namespace)?;
        let target = target.trusting(&config.tls)?;
        Ok(Self {
            conn: Conn::lazy(target),
            keys: Keys::new(&config.namespace),
            deployment: config.deployment.as_str().into(),
            replicas: config.replicas,
            clock: ClockOffset::default(),
        })
    }

    /// Connects now, and checks that the server is one we can work with.
    ///
    /// # Errors
    /// Fails if the server cannot be reached or is too old, or if it is a cluster and the
    /// namespace has no hash tag.
    pub async fn connect(config: &StoreConfig) -> Result<Self, StoreError> {
        let store = Self::open(config)?;
        store.check_server().await?;
        Ok(store)
    }

    /// Asks the server for its version and refuses one that is too old.
    pub async fn check_server(&self) -> Result<(), StoreError> {
        let info = self.info("server").await?;
        let version =
            info.lines().find_map(|l| l.strip_prefix("redis_version:")).unwrap_or_default();
        let mut numbers = version.split('.').map(|n| n.trim().parse::<u32>().unwrap_or(0));
        let found = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        if found != (0, 0) && found < OLDEST {
            let text = format!("redis {version} is too old: 6.2 or newer is needed");
            return Err(StoreError::new(ErrorKind::Config, text));
        }
        Ok(())
    }

    /// One section of `INFO`, as text.
    pub async fn info(&self, section: &str) -> Result<String, StoreError> {
        let value = self.conn.value(redis::cmd("INFO").arg(section)).await?;
        Ok(redis::from_redis_value(value)?)
    }

    #[must_use]
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// The shared connection; also usable where the redis crate wants a `ConnectionLike`.
    #[must_use]
    pub fn connection(&self) -> Conn {
        self.conn.clone()
    }

    /// A connection of the caller's own, for blocking reads and `WATCH`.
    #[must_use]
    pub fn blocking_connection(&self) -> Conn {
        self.conn.another()
    }

    /// The deployment's name.
    #[must_use]
    pub fn deployment(&self) -> &str {
        &self.deployment
    }

    /// Number of replicas that must confirm a record that must not be lost.
    #[must_use]
    pub fn replicas(&self) -> Replicas {
        self.replicas
    }

    /// Offset that scripts add to the time of Redis: zero except in tests.
    #[must_use]
    pub fn clock(&self) -> &ClockOffset {
        &self.clock
    }

    /// The time of Redis, with the offset.
    pub async fn now_ms(&self) -> Result<i64, StoreError> {
        if let Some(stopped) = self.clock.stopped_at_ms() {
            return Ok(stopped);
        }
        let (seconds, micros): (i64, i64) =
            redis::from_redis_value(self.conn.value(&redis::cmd("TIME")).await?)?;
        Ok(seconds * 1000 + micros / 1000 + self.clock.ms())
    }
}
