//! Context of a command: configuration, output, and access to Redis, Zoom and the keys, each
//! opened on first use.

use std::sync::atomic::{AtomicBool, Ordering};

use zoom_api::Client;
use zoomd_store::Store;
use zoomd_store::encryption::KeyRing;
use zoomd_store::grants::Grants;
use zoomd_store::inspect::Ops;

use super::access::Access;
use crate::acts::{Hand, Via};
use crate::config::Config;
use crate::error::CliError;
use crate::health::namespace;
use crate::identity;
use crate::output::Output;
use crate::zoom::zoom_client;

/// The surroundings of one invocation.
#[derive(Debug)]
pub struct Ctx {
    /// The configuration, resolved and checked.
    pub config: Config,
    /// The only way to print.
    pub out: Output,
    /// Effect of the command on the namespace.
    pub access: Access,
    /// True if an unknown namespace was reported.
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

    /// The store, for a verb that changes accounts, jobs or failures: the Redis user has all
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

    /// The hand of the person at the command line, who may write.
    pub async fn hand(&self) -> Result<Hand, CliError> {
        let ops = self.ops(self.writable_store().await?);
        Ok(Hand::new(ops, identity::person(), Via::Cli))
    }

    /// The hand of the person at the command line, on accounts that are open already.
    pub fn hand_on(&self, grants: &Grants) -> Hand {
        Hand::new(self.ops(grants.store().clone()), identity::person(), Via::Cli)
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
