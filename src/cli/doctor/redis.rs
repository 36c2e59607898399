//! Redis: there, new enough, writable, and not one that forgets.

use secrecy::ExposeSecret as _;
use zoomd_store::probe::{self, NamespaceFacts, ServerFacts};
use zoomd_store::{ErrorKind, Replicas, Store, StoreError};

use super::report::Finding;
use crate::cli::config::show::without_login;
use crate::cli::namespace::unknown;
use crate::cli::table::one_line;
use crate::config::Config;

/// Looks at the server; answers the store where it can be used at all.
pub(super) async fn look(config: &Config) -> (Vec<Finding>, Option<Store>) {
    let place = without_login(config.redis_url.expose_secret());
    let connected = async {
        let store = Store::connect(&config.store()).await?;
        let facts = probe::server(&store).await?;
        Ok::<_, StoreError>((store, facts))
    };
    let (store, facts) = match connected.await {
        Ok(found) => found,
        Err(error) => return (vec![absent(&place, &error)], None),
    };
    let name = format!("{} {} at {place}", facts.product, facts.version);
    let mut checks = vec![Finding::pass("redis", name)];
    let cli = cli(&place);
    checks.push(writable(&store, &cli).await);
    checks.push(durable(&facts, &cli));
    checks.extend(replicas(config, &store, &facts, &cli).await);
    checks.push(evicting(&facts, &cli));
    checks.push(clock(&store, &cli).await);
    checks.push(namespace(config, &store, &cli).await);
    (checks, Some(store))
}

/// How `redis-cli` is called for this server, and for no other.
fn cli(place: &str) -> String {
    if let Some(socket) = place.strip_prefix("unix://") {
        return format!("redis-cli -s {socket}");
    }
    let (login, url) = match place.split_once("***@") {
        Some((scheme, host)) => (" --askpass", format!("{scheme}{host}")),
        None => ("", place.to_owned()),
    };
    let url = url.trim_end_matches('/');
    match url.strip_prefix("redis://") {
        Some("127.0.0.1" | "127.0.0.1:6379" | "localhost" | "localhost:6379") => {
            format!("redis-cli{login}")
        }
        Some(_) => format!("redis-cli{login} -u {url}"),
        None if url.starts_with("rediss://") => format!("redis-cli{login} -u {url}"),
        // A sentinel or a cluster: which of its servers is meant is not known here.
        None => format!("redis-cli{login} -h HOST"),
    }
}

fn absent(place: &str, error: &StoreError) -> Finding {
    let next = match error.kind() {
        ErrorKind::Auth => {
            "put user and password into the file that ZOOMD_REDIS_URL_FILE names: \
             redis://USER:PASSWORD@HOST:PORT"
        }
        ErrorKind::Config => "zoomd help config",
        ErrorKind::ReadOnly => "point ZOOMD_REDIS_URL at the primary",
        _ if error.to_string().contains("max number of clients") => {
            "redis-cli CONFIG SET maxclients 10000, or look for who leaves connections open: \
             redis-cli CLIENT LIST"
        }
        _ if error.to_string().contains("BUSY") => {
            "redis-cli SCRIPT KILL ends the script that blocks Redis"
        }
        _ if error.to_string().contains("LOADING") => "wait until Redis has read its data",
        _ if error.to_string().contains("redis.ca_file") => {
            "name the authority of Redis' certificate: ZOOMD_REDIS_CA_FILE=/path/to/ca.pem"
        }
        _ => "redis-server --appendonly yes, or set ZOOMD_REDIS_URL",
    };
    Finding::fail("redis", format!("{place}: {error}"), next)
}

async fn writable(store: &Store, cli: &str) -> Finding {
    let Err(error) = probe::write(store).await else {
        return Finding::pass("redis writes", "the server takes writes");
    };
    let next = match error.kind() {
        ErrorKind::ReadOnly => format!("{cli} INFO persistence"),
        ErrorKind::OutOfMemory => format!("{cli} CONFIG SET maxmemory 0, or give it more memory"),
        ErrorKind::Auth => format!("{cli} ACL WHOAMI; zoomd needs all commands on its keys"),
        _ => format!("{cli} INFO"),
    };
    Finding::fail("redis writes", error.to_string(), next)
}

/// Turns a setting of Redis on, and keeps it on.
fn set(facts: &ServerFacts, cli: &str, name: &str, value: &str) -> String {
    let now = format!("{cli} CONFIG SET {name} {value}");
    match facts.has_file {
        true => format!("{now} && {cli} CONFIG REWRITE"),
        false => format!("{now}, and start Redis with --{name} {value}: it has no file"),
    }
}

fn durable(facts: &ServerFacts, cli: &str) -> Finding {
    if !facts.aof {
        let what = "no append-only file: a restart of Redis loses jobs and rotated tokens";
        return Finding::fail("redis durability", what, set(facts, cli, "appendonly", "yes"));
    }
    if !facts.persists {
        let what = "the last write of the append-only file failed";
        return Finding::fail("redis durability", what, format!("df -h; {cli} INFO persistence"));
    }
    match facts.fsync.as_deref() {
        Some("no") => Finding::warn(
            "redis durability",
            "appendfsync is no: the loss of its machine can take back half a minute",
            set(facts, cli, "appendfsync", "everysec"),
        ),
        Some(fsync) => Finding::pass("redis durability", format!("append-only file, {fsync}")),
        None => Finding::pass("redis durability", "append-only file"),
    }
}

/// Said only where replicas are, were, or should be.
async fn replicas(
    config: &Config,
    store: &Store,
    facts: &ServerFacts,
    cli: &str,
) -> Option<Finding> {
    let name = "redis replicas";
    let wanted = match config.replicas {
        Replicas::AtLeast(count) => count,
        Replicas::Remembered => u32::from(store.expects_replica().await.unwrap_or(false)),
    };
    if facts.replicas < wanted {
        let what = format!(
            "{} of {wanted} replicas attached: no token is refreshed until one confirms",
            facts.replicas
        );
        let next = "attach a replica, or set ZOOMD_REDIS_REPLICAS=0 if there is to be none";
        return Some(Finding::fail(name, what, next));
    }
    if facts.replicas == 0 {
        return None;
    }
    let count = facts.replicas;
    if facts.min_replicas == Some(0) {
        let what = format!(
            "{count} attached, and min-replicas-to-write is 0: a master that was cut off from \
             them takes writes that the failover loses"
        );
        return Some(Finding::warn(name, what, set(facts, cli, "min-replicas-to-write", "1")));
    }
    Some(Finding::pass(name, format!("{count} attached")))
}

fn evicting(facts: &ServerFacts, cli: &str) -> Finding {
    let off = set(facts, cli, "maxmemory-policy", "noeviction");
    let policy = facts.policy.as_str();
    match (policy, facts.max_memory) {
        ("noeviction" | "", 0) => Finding::pass("redis eviction", "noeviction, no memory limit"),
        ("noeviction" | "", max) => {
            let used = facts.used_memory * 100 / max;
            let what = format!("noeviction, {used}% of {} MiB used", max >> 20);
            if used < 80 {
                return Finding::pass("redis eviction", what);
            }
            Finding::warn("redis eviction", what, "give Redis more memory before it is full")
        }
        (policy, 0) => {
            let what = format!("{policy}: as soon as a memory limit is set, jobs may vanish");
            Finding::warn("redis eviction", what, off)
        }
        (policy, _) if policy.starts_with("volatile") => {
            let what = format!("{policy}: counts of Zoom's limits may vanish when memory is short");
            Finding::warn("redis eviction", what, off)
        }
        (policy, _) => {
            let what = format!("{policy}: jobs and tokens vanish when memory is short");
            Finding::fail("redis eviction", what, off)
        }
    }
}

async fn clock(store: &Store, cli: &str) -> Finding {
    let now = jiff::Timestamp::now().as_millisecond();
    match store.now_ms().await {
        Ok(redis) => {
            let skew = (redis - now).abs();
            let what = format!("this machine and Redis differ by {skew} ms");
            if skew < 2_000 {
                return Finding::pass("clock", what);
            }
            Finding::warn("clock", what, "timedatectl set-ntp true, on both machines")
        }
        Err(error) => Finding::fail("clock", error.to_string(), format!("{cli} TIME")),
    }
}

async fn namespace(config: &Config, store: &Store, cli: &str) -> Finding {
    let name = &config.namespace;
    match probe::namespace(store).await {
        Ok(None) => new(store).await,
        Ok(Some(found)) if found.deployment != config.deployment => Finding::fail(
            "namespace",
            format!(
                "{name} belongs to deployment \"{}\", and this is \"{}\"",
                found.deployment, config.deployment
            ),
            format!(
                "set ZOOMD_DEPLOYMENT={} if this is no copy, else another ZOOMD_NAMESPACE",
                found.deployment
            ),
        ),
        Ok(Some(found)) if found.layout.parse() != Ok(zoomd_store::meta::LAYOUT) => {
            let what =
                format!("{name} has layout {}, which this version does not know", found.layout);
            Finding::fail("namespace", what, "run the version of zoomd that wrote it, or a newer")
        }
        Ok(Some(NamespaceFacts { paused: Some(why), .. })) => {
            let why = if why.is_empty() { why } else { format!(" ({})", one_line(&why)) };
            let what = format!("{name} is paused{why}: jobs are taken in and wait");
            Finding::warn("namespace", what, "zoomd resume")
        }
        Ok(Some(found)) => {
            Finding::pass("namespace", format!("{name}, deployment \"{}\"", found.deployment))
        }
        Err(error) => {
            let next = format!("{cli} TYPE {}", store.keys().meta());
            Finding::fail("namespace", error.to_string(), next)
        }
    }
}

/// A namespace that nobody has used beside others is most likely a typing error.
async fn new(store: &Store) -> Finding {
    match unknown(store).await {
        Ok(Some(unknown)) if !unknown.known.is_empty() => {
            let next = "check --namespace and ZOOMD_NAMESPACE; zoomd run starts a new namespace";
            Finding::warn("namespace", unknown.to_string(), next)
        }
        _ => Finding::pass("namespace", format!("{} is new", store.keys().namespace())),
    }
}

#[cfg(test)]
mod tests {
    use super::cli;

    #[test]
    fn the_commands_named_reach_the_server_that_was_looked_at() {
        assert_eq!(cli("redis://127.0.0.1:6379"), "redis-cli");
        assert_eq!(cli("redis://127.0.0.1:6380/"), "redis-cli -u redis://127.0.0.1:6380");
        assert_eq!(cli("rediss://***@db:6379"), "redis-cli --askpass -u rediss://db:6379");
        assert_eq!(cli("unix:///run/r.sock"), "redis-cli -s /run/r.sock");
        assert_eq!(cli("redis+cluster://a,b"), "redis-cli -h HOST");
    }
}
