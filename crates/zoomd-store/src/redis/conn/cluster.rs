//! A cluster: which node owns the namespace's slot.

use redis::aio::MultiplexedConnection;
use redis::{Client, ConnectionAddr, ConnectionInfo, ErrorKind, RedisError, Value};

use super::epoch::Epoch;
use super::link::{client_of, link, newest, refused};
use super::target::{Target, address};

/// The client of the node that owns the slot, by the node that knows of the latest
/// change; of the one server itself where that is no cluster. Nodes met before are
/// asked too: those that the URL names may be gone.
pub(super) async fn owner(
    target: &Target,
    named: &[ConnectionInfo],
    epoch: &Epoch,
) -> Result<Client, RedisError> {
    let mut nodes = named.to_vec();
    if let Some(any) = nodes.first().cloned() {
        for node in epoch.nodes() {
            let node = any.clone().set_addr(node);
            if nodes.iter().all(|other| other.addr() != node.addr()) {
                nodes.push(node);
            }
        }
    }
    let asked = nodes.iter().map(|node| ask(node, target, epoch));
    match newest(asked).await? {
        Some(info) => client_of(info, target),
        None => Err(RedisError::from((
            ErrorKind::ClusterConnectionNotFound,
            "no node serves the namespace's slot",
        ))),
    }
}

/// Location of the slot according to `node`, and the number of the change that put it there.
async fn ask(
    node: &ConnectionInfo,
    target: &Target,
    epoch: &Epoch,
) -> Result<Option<(u64, ConnectionInfo)>, RedisError> {
    let mut link = link(&client_of(node.clone(), target)?).await?;
    let info: Result<String, _> = redis::cmd("INFO").arg("cluster").query_async(&mut link).await;
    // A user without the right to INFO is accepted; MOVED would show the error.
    if !info.is_ok_and(|text| text.contains("cluster_enabled:1")) {
        return Ok(Some((0, node.clone())));
    }
    let Some(slot) = target.slot else {
        return Err(refused(
            "this server is a redis cluster, and the namespace has no hash tag: name it like {zoomd}",
        ));
    };
    let slots: Value = redis::cmd("CLUSTER").arg("SLOTS").query_async(&mut link).await?;
    epoch.keep_nodes(masters(&slots).map(|(_, at)| at.beside(node)));
    let Some((_, at)) = masters(&slots).find(|(range, _)| range.contains(&i64::from(slot))) else {
        return Ok(None);
    };
    let age = config_epoch(&mut link, &at.id).await;
    Ok(Some((age, node.clone().set_addr(at.beside(node)))))
}

/// A node as `CLUSTER SLOTS` names it.
struct Node {
    host: String,
    port: u16,
    id: String,
}

impl Node {
    /// Address; an empty host means the one that was asked.
    fn beside(&self, asked: &ConnectionInfo) -> ConnectionAddr {
        let (known, tls) = match asked.addr() {
            ConnectionAddr::Tcp(host, _) => (host.as_str(), false),
            ConnectionAddr::TcpTls { host, .. } => (host.as_str(), true),
            other => return other.clone(),
        };
        let host = if self.host.is_empty() { known } else { &self.host };
        address(host, self.port, tls)
    }
}

/// The ranges of slots in an answer of `CLUSTER SLOTS`, each with its master.
fn masters(slots: &Value) -> impl Iterator<Item = (std::ops::RangeInclusive<i64>, Node)> {
    let ranges = match slots {
        Value::Array(ranges) => ranges.as_slice(),
        _ => &[],
    };
    ranges.iter().filter_map(|range| {
        let Value::Array(parts) = range else { return None };
        let [Value::Int(from), Value::Int(to), Value::Array(node), ..] = parts.as_slice() else {
            return None;
        };
        let [host, Value::Int(port), rest @ ..] = node.as_slice() else { return None };
        let host = redis::from_redis_value_ref::<Option<String>>(host).ok()?.unwrap_or_default();
        let id = rest.first().and_then(|id| redis::from_redis_value_ref(id).ok());
        let (port, id) = (u16::try_from(*port).ok()?, id.unwrap_or_default());
        Some((*from..=*to, Node { host, port, id }))
    })
}

/// The number of the change that gave node `id` its slots, as far as this node knows.
async fn config_epoch(link: &mut MultiplexedConnection, id: &str) -> u64 {
    let nodes: Result<String, _> = redis::cmd("CLUSTER").arg("NODES").query_async(link).await;
    let nodes = nodes.unwrap_or_default();
    let line = nodes.lines().find(|line| line.split(' ').next() == Some(id));
    // id, address, flags, master, ping, pong, epoch
    line.and_then(|line| line.split(' ').nth(6)?.parse().ok()).unwrap_or(0)
}
