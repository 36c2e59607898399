//! Environment of `zoomd dev`. Dropping it ends the Redis process and the simulator's thread,
//! and removes the folder.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use redis_local::{Options, RedisServer};
use secrecy::{ExposeSecret as _, SecretString};
use zoom_api::Client;
use zoom_sim::{Sim, UserSpec};
use zoomd_store::encryption::KeyRing;
use zoomd_store::grants::{Grants, NewGrant};
use zoomd_store::{Store, meta};
use zoomd_wire::AccountName;
use zoomd_workers::consent::issuer;

use super::cast::ACCOUNTS;
use crate::config::{Config, Sources};
use crate::error::CliError;
use crate::exit::Exit;
use crate::zoom::zoom_settings;

/// A private Redis, a simulated Zoom, and what joins them.
pub(super) struct Stage {
    /// The simulated Zoom.
    pub(super) sim: Sim,
    /// The daemon's configuration.
    pub(super) config: Config,
    /// The namespace.
    pub(super) store: Store,
    /// The accounts.
    pub(super) grants: Grants,
    redis: RedisServer,
    folder: tempfile::TempDir,
}

impl Stage {
    /// Starts everything and connects the sample accounts.
    /// With a `port` the console is there, Redis at the next and Zoom at the one after.
    pub(super) async fn build(port: Option<u16>) -> Result<Self, CliError> {
        let at = |nth: u16| port.map(|port| port.saturating_add(nth));
        let options = Options { port: at(1), ..Options::default() };
        let redis = RedisServer::start_with(options).map_err(no_redis)?;
        let sim = Sim::try_start(zoom(at(2))).await.map_err(|e| CliError::failed(e.to_string()))?;
        let folder = tempfile::Builder::new().prefix("zoomd-dev-").tempdir()?;
        let key = KeyRing::generate_key();
        let settings = settings(&redis, &sim, folder.path(), &key, port);
        write_env(&folder.path().join("env"), &settings, &redis.url())?;
        let flags = settings.into_iter().map(|(key, _, value)| (key, value, "dev")).collect();
        let config = Config::from_sources(&Sources { flags, ..Sources::default() })?;
        let store = Store::connect(&config.store()).await?;
        let vault = meta::open(&store, &config.key_ring()?).await?;
        let grants = Grants::new(store.clone(), vault);
        let stage = Self { sim, config, store, grants, redis, folder };
        stage.connect().await?;
        Ok(stage)
    }

    /// Each sample account gets the consent of a simulated user of its name.
    async fn connect(&self) -> Result<(), CliError> {
        let failed = |e: &dyn std::fmt::Display| CliError::failed(format!("sample accounts: {e}"));
        let client = Client::new(zoom_settings(&self.config)).map_err(|e| failed(&e))?;
        for (name, plan) in ACCOUNTS {
            self.sim.add_user(UserSpec::named(name).account(name).plan(super::cast::at_zoom(plan)));
            let tokens = self.sim.grant(name);
            let token = SecretString::from(tokens.refresh_token.unwrap_or_default());
            let account = AccountName::new(name).map_err(|e| failed(&e))?;
            let mut new = NewGrant::imported(account, token, &issuer(&client), "sim-client");
            new.plan = Some(plan);
            self.grants.add(&new, false).await.map_err(|e| failed(&e))?;
        }
        Ok(())
    }

    /// Addresses and files of the environment, for the user.
    pub(super) fn posters(&self, listen: Option<SocketAddr>) -> String {
        let env = self.folder.path().join("env");
        let mut text = String::from(
            "zoomd dev: everything below is temporary and stops with this command\n\n",
        );
        let mut line = |what: &str, at: &str| text += &format!("  {what:<9}{at}\n");
        if let Some(listen) = listen {
            line("console", &format!("http://{listen}/  in a browser"));
        }
        line("redis", &format!("{}  (redis-cli -p {})", self.redis.url(), self.redis.port()));
        line("zoom", &format!("{}  simulated; control API under /_sim", self.sim.url()));
        if let Some(listen) = listen {
            line("daemon", &format!("http://{listen}/readyz  http://{listen}/metrics"));
        }
        line("accounts", &ACCOUNTS.map(|(name, plan)| format!("{name} ({plan})")).join(", "));
        text + &format!("\n  in another terminal:  . {}; zoomd status\n", env.display())
    }
}

/// No limit of a day that would stop the play, and tokens that need rotating.
fn zoom(port: Option<u16>) -> zoom_sim::Config {
    let mut config = zoom_sim::Config::default();
    config.listen.set_port(port.unwrap_or(0));
    config.rules.limits.user_day = None;
    config.rules.tokens.access_ttl_ms = 120_000;
    config
}

type Setting = (&'static str, &'static str, String);

/// Key, variable and value of what differs from the defaults.
fn settings(
    redis: &RedisServer,
    sim: &Sim,
    folder: &Path,
    key: &SecretString,
    port: Option<u16>,
) -> Vec<Setting> {
    let data = folder.join("data").display().to_string();
    vec![
        ("redis.url", "ZOOMD_REDIS_URL", redis.unix_url()),
        ("encryption.key", "ZOOMD_ENCRYPTION_KEY", key.expose_secret().to_owned()),
        ("zoom.client_id", "ZOOMD_CLIENT_ID", "sim-client".to_owned()),
        ("zoom.client_secret", "ZOOMD_CLIENT_SECRET", "sim-secret".to_owned()),
        ("zoom.api_url", "ZOOMD_ZOOM_API_URL", format!("{}/v2", sim.url())),
        ("zoom.oauth_url", "ZOOMD_ZOOM_OAUTH_URL", sim.url().to_owned()),
        ("data_dir", "ZOOMD_DATA_DIR", data),
        ("deployment", "ZOOMD_DEPLOYMENT", "dev".to_owned()),
        ("listen", "ZOOMD_LISTEN", format!("127.0.0.1:{}", port.unwrap_or(0))),
        ("api.allow_write_without_token", "ZOOMD_API_ALLOW_WRITE_WITHOUT_TOKEN", "true".to_owned()),
    ]
}

/// A file to be read by a shell, for its owner's eyes only. `REDIS_URL` is for other
/// programs than zoomd, such as those in examples/.
fn write_env(path: &Path, settings: &[Setting], redis: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "export REDIS_URL='{redis}'")?;
    settings.iter().try_for_each(|(_, env, value)| writeln!(file, "export {env}='{value}'"))
}

fn no_redis(error: redis_local::Error) -> CliError {
    let cli = CliError::new(Exit::Unreachable, "no_redis", error.to_string());
    match error {
        redis_local::Error::NotInstalled => cli.hint(
            "install it: apt-get install redis-server, dnf install valkey, or brew install redis",
        ),
        _ => cli,
    }
}
