//! Opening one connection: find the server, greet it, time-outs explicit.

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, ErrorKind, RedisError, Value,
};

use super::target::{Place, Target, address};
use super::{CONNECT_TIMEOUT, RESPONSE_TIMEOUT};

pub(super) async fn multiplexed(target: &Target) -> Result<MultiplexedConnection, RedisError> {
    link(&client(target).await?).await
}

/// The client of the server that holds the namespace now.
pub(super) async fn client(target: &Target) -> Result<Client, RedisError> {
    match &target.place {
        Place::Server(info) => {
            let client = client_of((**info).clone())?;
            owner_if_cluster(client, target.slot).await
        }
        Place::Sentinel { sentinels, master, settings, tls } => {
            let addr = ask_sentinels(sentinels, master, *tls).await?;
            let any = sentinels.first().ok_or_else(|| refused("no sentinel is named"))?;
            client_of(any.clone().set_addr(addr).set_redis_settings((**settings).clone()))
        }
        Place::Cluster { nodes } => {
            let mut last = refused("no cluster node is named");
            for node in nodes {
                match owner_if_cluster(client_of(node.clone())?, target.slot).await {
                    Ok(client) => return Ok(client),
                    Err(error) => last = error,
                }
            }
            Err(last)
        }
    }
}

fn refused(why: &'static str) -> RedisError {
    RedisError::from((ErrorKind::InvalidClientConfig, why))
}

fn client_of(info: ConnectionInfo) -> Result<Client, RedisError> {
    if matches!(info.addr(), ConnectionAddr::TcpTls { .. }) {
        install_tls();
    }
    Client::open(info)
}

/// TLS needs a provider for the whole process; one that is there already serves.
fn install_tls() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}

async fn link(client: &Client) -> Result<MultiplexedConnection, RedisError> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(RESPONSE_TIMEOUT));
    client.get_multiplexed_async_connection_with_config(&config).await
}

async fn ask_sentinels(
    sentinels: &[ConnectionInfo],
    master: &str,
    tls: bool,
) -> Result<ConnectionAddr, RedisError> {
    let mut last =
        RedisError::from((ErrorKind::MasterNameNotFoundBySentinel, "no sentinel knows the master"));
    for sentinel in sentinels {
        match ask_sentinel(sentinel, master).await {
            Ok(Some((host, port))) => return Ok(address(&host, port, tls)),
            Ok(None) => {}
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn ask_sentinel(
    sentinel: &ConnectionInfo,
    master: &str,
) -> Result<Option<(String, u16)>, RedisError> {
    let mut link = link(&client_of(sentinel.clone())?).await?;
    redis::cmd("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(master).query_async(&mut link).await
}

/// On a cluster, the node that owns the namespace's slot; else `client` itself.
async fn owner_if_cluster(client: Client, slot: Option<u16>) -> Result<Client, RedisError> {
    let mut first = link(&client).await?;
    let info: Result<String, _> = redis::cmd("INFO").arg("cluster").query_async(&mut first).await;
    // A user without the right to INFO is not kept out; MOVED would tell.
    if !info.is_ok_and(|text| text.contains("cluster_enabled:1")) {
        return Ok(client);
    }
    let Some(slot) = slot else {
        return Err(refused(
            "this server is a redis cluster, and the namespace has no hash tag: name it like {zoomd}",
        ));
    };
    let slots: Value = redis::cmd("CLUSTER").arg("SLOTS").query_async(&mut first).await?;
    let Some((host, port)) = owner(&slots, slot) else {
        return Err(RedisError::from((
            ErrorKind::ClusterConnectionNotFound,
            "no node serves the namespace's slot",
        )));
    };
    let info = client.get_connection_info().clone();
    let (known, tls) = match info.addr() {
        ConnectionAddr::Tcp(host, _) => (host.clone(), false),
        ConnectionAddr::TcpTls { host, .. } => (host.clone(), true),
        _ => return Ok(client),
    };
    // An empty host means: the one you asked.
    let host = if host.is_empty() { known } else { host };
    client_of(info.set_addr(address(&host, port, tls)))
}

/// The master of `slot` in an answer of `CLUSTER SLOTS`.
fn owner(slots: &Value, slot: u16) -> Option<(String, u16)> {
    let Value::Array(ranges) = slots else { return None };
    ranges.iter().find_map(|range| {
        let Value::Array(parts) = range else { return None };
        let [Value::Int(from), Value::Int(to), Value::Array(node), ..] = parts.as_slice() else {
            return None;
        };
        if !(*from..=*to).contains(&i64::from(slot)) {
            return None;
        }
        let [host, Value::Int(port), ..] = node.as_slice() else { return None };
        let host = redis::from_redis_value_ref::<Option<String>>(host).ok()?.unwrap_or_default();
        Some((host, u16::try_from(*port).ok()?))
    })
}
