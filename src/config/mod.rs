//! The configuration: what the operator said, read and checked once.
//!
//! `catalogue` names every setting, `default.toml` explains it, `layers` decides
//! whose value counts, `read` turns texts into types and `validate` refuses
//! what makes no sense together. Nothing else in zoomd reads the environment
//! for a setting. Secrets are [`SecretString`]s and never shown.

mod catalogue;
mod error;
mod folder;
mod layers;
mod read;
mod redact;
pub mod suggest;
mod traces;
pub mod units;
mod validate;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;
use url::Url;
use zoom_api::Endpoints;
use zoomd_store::limits::Budgets;
use zoomd_wire::MaxWait;
use zoomd_workers::tasks::Cron;

pub use catalogue::{DEFAULT_FILE, Kind, SETTINGS, Setting, find};
pub use error::ConfigError;
pub use layers::{COMPLETIONS, Origin, Raw, Resolved, Sources, resolve, strange_variables};
pub use redact::without_login;
pub use traces::{Sampling, Traces, VARIABLES as TRACES_VARIABLES, is_secret};

/// Everything an operator can set.
#[derive(Debug, Clone)]
pub struct Config {
    /// Prefix of every key in Redis.
    pub namespace: String,
    /// The name recorded in the namespace and sealed into each grant.
    pub deployment: String,
    /// Directory of the rotation journal.
    pub data_dir: PathBuf,
    /// Maximum concurrent requests to Zoom.
    pub concurrency: usize,
    /// Filter of the log.
    pub log: String,
    /// The operators' port; `None` when it is off.
    pub listen: Option<SocketAddr>,
    /// Longest time for work in flight after a signal.
    pub grace: Duration,
    /// Address of Redis; may hold a password.
    pub redis_url: SecretString,
    /// Certificates for `rediss://`.
    pub redis_tls: zoomd_store::TlsFiles,
    /// Number of replicas that confirm critical writes.
    pub replicas: zoomd_store::Replicas,
    /// Encryption of tokens.
    pub encryption: Encryption,
    /// The OAuth app and Zoom's addresses.
    pub zoom: Zoom,
    /// The API and the console.
    pub api: Api,
    pub metrics: Metrics,
    /// Export of traces; `None`: there are none.
    pub traces: Option<Traces>,
    /// The public endpoint.
    pub public: Public,
    /// Acceptance and retention of jobs.
    pub jobs: Jobs,
    /// Zoom's limits, and how much of them is used.
    pub budgets: Budgets,
    /// The output streams.
    pub results: Results,
    /// The register of meetings.
    pub meetings: Meetings,
    /// Recognition of meetings.
    pub reconcile: Reconcile,
    /// Schedule of token refreshes.
    pub rotation: Rotation,
    /// Every value as it was given, and where.
    pub resolved: Resolved,
}

/// Encryption of tokens at rest.
#[derive(Debug, Clone)]
pub struct Encryption {
    /// The key that seals.
    pub key: Option<SecretString>,
    /// Keys that only open, separated by commas.
    pub keys_old: Option<SecretString>,
}

/// The OAuth app and where Zoom is.
#[derive(Debug, Clone)]
pub struct Zoom {
    /// The app's client id.
    pub client_id: Option<String>,
    /// The app's secret.
    pub client_secret: Option<SecretString>,
    /// The redirect URL as registered with the app.
    pub redirect_url: Url,
    /// Zoom's addresses, checked not to send tokens over plain http.
    pub endpoints: Endpoints,
    pub connect_timeout: Duration,
    /// Timeout of one request to the REST API.
    pub request_timeout: Duration,
    /// Time for one answer of the token endpoint.
    pub token_timeout: Duration,
}

/// Optional gauges of `/metrics`.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// Maximum number of accounts with gauges of their own.
    pub per_account: usize,
}

/// Access to the API and the console.
#[derive(Debug, Clone)]
pub struct Api {
    /// The file of tokens; `None`: there are none.
    pub tokens_file: Option<PathBuf>,
    /// Hosts besides the loopback under which the port is reached.
    pub hosts: Vec<String>,
    /// True if everybody on this machine may write where there are no tokens.
    pub allow_write_without_token: bool,
}

/// The public endpoint.
#[derive(Debug, Clone)]
pub struct Public {
    /// Address it listens on; `None` when it is closed.
    pub listen: Option<SocketAddr>,
    /// Address as the world sees it.
    pub url: Option<Url>,
    /// The name of the service on its pages.
    pub name: Option<String>,
    pub logo_url: Option<Url>,
    /// Addresses below which a person may be led back after a consent.
    pub return_to: Vec<String>,
    /// Verifies webhooks.
    pub webhook_secret: Option<SecretString>,
}

/// Acceptance and retention of jobs.
#[derive(Debug, Clone)]
pub struct Jobs {
    /// Longest wait of a job with neither deadline nor start.
    pub max_wait: MaxWait,
    /// True if waiting updates of one meeting are sent together, or with its create.
    pub merge_updates: bool,
    /// Time for which the id of a success is remembered.
    pub remember: Duration,
    /// True if meetings in the past are accepted.
    pub allow_past_start: bool,
    /// Duration of a job's lease without renewal.
    pub lease: Duration,
}

/// The output streams and the index of failures.
#[derive(Debug, Clone)]
pub struct Results {
    /// Fields of Zoom's answer that are kept though they are left out by default.
    pub include: Vec<String>,
    /// Retention of an entry.
    pub keep: Duration,
    /// Maximum size of a stream.
    pub max_size: u64,
    /// Number of entries a stream may hold; `None`: any number.
    pub max_length: Option<u64>,
    /// Retention of a failure in the index.
    pub failures_keep: Duration,
}

/// The register of meetings.
#[derive(Debug, Clone)]
pub struct Meetings {
    /// Retention of a meeting after its last end.
    pub keep: Duration,
    /// True if topics are kept.
    pub topic: bool,
}

/// Recognition of meetings.
#[derive(Debug, Clone)]
pub struct Reconcile {
    /// True if the mark is written into the agenda.
    pub mark_agenda: bool,
    /// The waits before the looks after an answer was lost.
    pub delays: Vec<Duration>,
    /// Time after its success at which a job that was sent twice is checked for duplicates.
    pub twins_after: Duration,
    /// Longest search for an unresolved call.
    pub give_up: Duration,
}

/// Schedule of token refreshes.
#[derive(Debug, Clone)]
pub struct Rotation {
    /// Delay before the refresh of a silent daemon is tried again.
    pub probe_after: Duration,
    /// Ticks begin the periods in which idle grants are refreshed.
    pub keep_alive: Cron,
}

impl Config {
    /// Reads flags, environment and file, in that order of weight.
    ///
    /// `file` is what `--config` named; without it `./zoomd.toml`, then
    /// `/etc/zoomd/zoomd.toml` is taken where it exists.
    pub fn load(
        file: Option<&Path>,
        flags: Vec<(&'static str, String, &'static str)>,
    ) -> Result<Self, ConfigError> {
        let sources = Sources { flags, env: environment()?, file: find_file(file)? };
        Self::from_sources(&sources)
    }

    /// The configuration that these sources make.
    pub fn from_sources(sources: &Sources) -> Result<Self, ConfigError> {
        let config = read::config(resolve(sources)?, &sources.env)?;
        validate::check(&config)?;
        Ok(config)
    }

    /// The keys tokens are sealed with; empty where none is configured.
    pub fn key_ring(&self) -> Result<zoomd_store::encryption::KeyRing, ConfigError> {
        let Encryption { key, keys_old } = &self.encryption;
        zoomd_store::encryption::KeyRing::parse(key.as_ref(), keys_old.as_ref())
            .map_err(|e| ConfigError::new(e.to_string()).hint(RESTORE_KEY))
    }

    /// Configuration of the store.
    pub fn store(&self) -> zoomd_store::StoreConfig {
        zoomd_store::StoreConfig {
            url: self.redis_url.clone(),
            namespace: self.namespace.clone(),
            deployment: self.deployment.clone(),
            replicas: self.replicas,
            tls: self.redis_tls.clone(),
        }
    }
}

/// The fix for a key that cannot be read. Never a new key: what is stored could
/// not be decrypted with it.
pub const RESTORE_KEY: &str = "a key is the 44 characters that zoomd config key printed; restore \
    that text, since stored tokens cannot be decrypted with another key";

/// The variables whose names and values are text; one of ours must be.
pub fn environment() -> Result<BTreeMap<String, String>, ConfigError> {
    let mut env = BTreeMap::new();
    for (name, value) in std::env::vars_os() {
        let Ok(name) = name.into_string() else { continue };
        match value.into_string() {
            Ok(value) => drop(env.insert(name, value)),
            Err(_) if name.starts_with("ZOOMD_") => {
                let error = ConfigError::new(format!("{name} is not UTF-8"));
                return Err(error.hint(format!("set {name} again, in UTF-8")));
            }
            Err(_) => {}
        }
    }
    Ok(env)
}

const PLACES: [&str; 2] = ["zoomd.toml", "/etc/zoomd/zoomd.toml"];

fn is_file_or_forbidden(path: &Path) -> bool {
    match path.metadata() {
        Ok(found) => found.is_file(),
        Err(error) => error.kind() == std::io::ErrorKind::PermissionDenied,
    }
}

/// The file to read and its text; a file that was named must be there.
fn find_file(named: Option<&Path>) -> Result<Option<(PathBuf, String)>, ConfigError> {
    let read = |path: &Path| {
        Ok((path.to_owned(), crate::input::file(path, "the configuration")?.to_string()))
    };
    match named {
        Some(path) => read(path).map(Some),
        // A place that may not be looked into is an error: with the defaults instead,
        // another Redis and another namespace would be used.
        None => {
            PLACES.iter().map(Path::new).find(|p| is_file_or_forbidden(p)).map(read).transpose()
        }
    }
}
