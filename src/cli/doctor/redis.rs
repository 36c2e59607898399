//! Redis: new enough, and of this deployment. The rest of what is said of it is the
//! judgement's.

use secrecy::ExposeSecret as _;
use zoomd_store::{ErrorKind, Store, probe};

use super::report::Finding;
use crate::config::Config;
use crate::config::without_login;
use crate::health::{Facts, Found, redis_cli};

/// A finding about the server that answers.
pub(super) fn server(facts: &Facts) -> Option<Finding> {
    let Found { vitals, .. } = facts.found.as_deref().ok()?;
    let (product, version) = (&vitals.server.product, &vitals.server.version);
    Some(Finding::pass("redis", format!("{product} {version} at {}", facts.here.redis)))
}

/// The store, where its address can be used and its server is new enough.
pub(super) async fn open(config: &Config) -> Result<Store, Finding> {
    let place = without_login(config.redis_url.expose_secret());
    let bad = |error| Finding::fail("redis", format!("{place}: {error}"), "zoomd help config");
    let store = Store::open(&config.store()).map_err(bad)?;
    match store.check_server().await {
        Err(error) if error.kind() == zoomd_store::ErrorKind::Config => Err(bad(error)),
        // An unreachable server is reported by the health checks.
        _ => Ok(store),
    }
}

/// The namespace: of this deployment, in a layout this version knows.
pub(super) async fn namespace(config: &Config, store: &Store, place: &str) -> Finding {
    let name = &config.namespace;
    match probe::namespace(store).await {
        // That no zoomd has used it, the judgement says.
        Ok(None) => Finding::pass("namespace", format!("{name} is new")),
        Ok(Some(found)) if found.deployment != config.deployment => Finding::fail(
            "namespace",
            format!(
                "{name} belongs to deployment \"{}\", and this is \"{}\"",
                found.deployment, config.deployment
            ),
            format!(
                "set ZOOMD_DEPLOYMENT={}, or another ZOOMD_NAMESPACE if this is a copy",
                found.deployment
            ),
        ),
        Ok(Some(found)) => {
            Finding::pass("namespace", format!("{name}, deployment \"{}\"", found.deployment))
        }
        Err(error) if error.kind() == ErrorKind::Layout => Finding::fail(
            "namespace",
            error.to_string(),
            "run the version of zoomd that wrote it, or stop its daemons and start one of this version",
        ),
        Err(error) => {
            let next = format!("{} TYPE {}", redis_cli(place), store.keys().meta());
            Finding::fail("namespace", error.to_string(), next)
        }
    }
}
