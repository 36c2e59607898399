//! What a verb is given: the configuration, where to print, and the way to
//! Redis, to Zoom and to the keys, opened only when asked for.

use std::sync::atomic::{AtomicBool, Ordering};

use zoom_api::{Client, Proxies, Settings, SetupError};
use zoomd_store::ops::Ops;
use zoomd_store::seal::KeyRing;
use zoomd_store::{ErrorKind, Store, StoreError};

use super::access::Access;
use super::error::CliError;
use super::namespace;
use super::output::Output;
use crate::config::{Config, ConfigError};
use crate::exit::Exit;

/// The surroundings of one invocation.
#[derive(Debug)]
pub struct Ctx {
    /// The configuration, resolved and checked.
    pub config: Config,
    /// The only way to print.
    pub out: Output,
    /// Effect of the command on the namespace.
    pub access: Access,
    /// Whether an unknown namespace was reported.
    reported: AtomicBool,
}

impl Ctx {
    /// The surroundings of a command with this effect.
    pub fn new(config: Config, out: Output, access: Access) -> Self {
        Self { config, out, access, reported: AtomicBool::new(false) }
    }

    /// The namespace on its Redis, connected and checked. Warns where it is none
    /// that a zoomd has used, unless the command may be its first.
    pub async fn store(&self) -> Result<Store, CliError> {
        let store = Store::connect(&self.config.store()).await?;
        if self.access.expects_namespace()
            && let Some(unknown) = namespace::unknown(&store).await?
            && !self.reported.swap(true, Ordering::Relaxed)
        {
            self.out.warn(unknown.to_string());
        }
        Ok(store)
    }

    /// The same for a verb that changes accounts, jobs or failures: the Redis user has all
    /// rights. A dry run needs none.
    pub async fn writable_store(&self) -> Result<Store, CliError> {
        let store = self.store().await?;
        if self.access != Access::Reads {
            store.check_rights().await?;
        }
        Ok(store)
    }

    /// An operator's hand on the namespace, under the configured limits.
    pub fn ops(&self, store: Store) -> Ops {
        Ops::new(store).within(self.config.budgets.clone()).judging()
    }

    /// The keys tokens are sealed with; empty where none is configured.
    pub fn key_ring(&self) -> Result<KeyRing, CliError> {
        Ok(self.config.key_ring()?)
    }

    /// A client of Zoom with the configured addresses and time-outs.
    pub fn zoom(&self) -> Result<Client, CliError> {
        zoom_client(&self.config)
    }
}

/// A client of Zoom with the configured addresses and time-outs.
pub fn zoom_client(config: &Config) -> Result<Client, CliError> {
    Client::new(zoom_settings(config)).map_err(|error| match error {
        SetupError::Proxy(error) => {
            let hint = format!("unset {} for zoomd, or name an http proxy in it", error.variable);
            CliError::config(error.to_string()).hint(hint)
        }
        error => CliError::failed(format!("cannot set up the client of Zoom: {error}"))
            .hint("zoomd doctor tells more; SSL_CERT_FILE names other certificates"),
    })
}

/// How Zoom is spoken to.
pub fn zoom_settings(config: &Config) -> Settings {
    let zoom = &config.zoom;
    Settings {
        connect_timeout: zoom.connect_timeout,
        request_timeout: zoom.request_timeout,
        token_timeout: zoom.token_timeout,
        user_agent: concat!("zoomd/", env!("CARGO_PKG_VERSION")).to_owned(),
        proxies: Proxies::from_env(),
        ..Settings::new(zoom.endpoints.clone())
    }
}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        let cli = Self::config(error.message);
        match error.hint {
            Some(hint) => cli.hint(hint),
            None => cli,
        }
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        let kind = error.kind();
        if error.is_no_permission() {
            let hint = "zoomd doctor names the missing right of the Redis user";
            return Self::new(Exit::Unreachable, kind.as_str(), error.to_string()).hint(hint);
        }
        let (exit, hint) = match kind {
            ErrorKind::Unreachable => {
                (Exit::Unreachable, "is Redis running? zoomd doctor looks at ZOOMD_REDIS_URL")
            }
            ErrorKind::Auth => {
                (Exit::Unreachable, "set user and password in ZOOMD_REDIS_URL or its _FILE form")
            }
            ErrorKind::ReadOnly => (Exit::Unreachable, "this Redis takes no writes; zoomd doctor"),
            ErrorKind::OutOfMemory => (Exit::Unreachable, "Redis is full; zoomd doctor"),
            ErrorKind::Layout => (Exit::Usage, "run the version of zoomd that the daemons have"),
            ErrorKind::Config => (Exit::Usage, "zoomd doctor tells more"),
            _ => (Exit::Failed, "zoomd doctor tells more"),
        };
        Self::new(exit, kind.as_str(), error.to_string()).hint(hint)
    }
}
