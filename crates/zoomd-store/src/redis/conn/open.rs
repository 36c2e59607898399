//! Opening one connection: find the server, greet it, time-outs explicit.

use redis::aio::MultiplexedConnection;
use redis::{Client, ErrorKind, RedisError, ServerErrorKind, Value};

use super::epoch::Epoch;
use super::link::{client_of, link, refused, within};
use super::master::Master;
use super::target::{Place, Target, address};
use super::{CONNECT_TIMEOUT, cluster, refusal, sentinel};

/// A connection to the master, and the run id of what answers there. The server
/// has been asked whether it is one, and takes commands.
pub(super) async fn checked(
    target: &Target,
    epoch: &Epoch,
) -> Result<(MultiplexedConnection, String), RedisError> {
    let (client, master) = found(target, epoch).await?;
    let opened = async {
        let opened = link(&client).await?;
        let run_id = within(CONNECT_TIMEOUT, check(opened.clone())).await?;
        Ok((opened, run_id))
    };
    opened.await.map_err(|error| match master {
        Some(master) => master.missed(error, epoch),
        None => error,
    })
}

/// Refuses a replica, and a server that takes no commands yet.
async fn check(mut link: MultiplexedConnection) -> Result<String, RedisError> {
    let mut ask = redis::pipe();
    for section in ["server", "replication", "persistence"] {
        ask.cmd("INFO").arg(section);
    }
    let answers = link.send_packed_commands(&ask, 0, 3).await?.into_iter().map(refusal);
    let answers = Value::Array(answers.collect::<Result<_, _>>()?);
    let (server, replication, persistence): (String, String, String) =
        redis::from_redis_value(answers)?;
    if field(&persistence, "loading") == Some("1") {
        let kind = ErrorKind::Server(ServerErrorKind::BusyLoading);
        let what = "Redis is loading the dataset in memory".to_owned();
        return Err(RedisError::from((kind, "it is loading", what)));
    }
    if field(&replication, "role") != Some("master") {
        let of = [field(&replication, "master_host"), field(&replication, "master_port")];
        let of = of.map(|part| part.unwrap_or("?")).join(":");
        let what = format!("this server is a replica of {of}");
        let kind = ErrorKind::Server(ServerErrorKind::ReadOnly);
        return Err(RedisError::from((kind, "a replica answers", what)));
    }
    Ok(field(&server, "run_id").unwrap_or_default().to_owned())
}

/// One line of an answer of `INFO`.
fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim()))
}

/// The client of the server that holds the namespace now.
pub(super) async fn client(target: &Target, epoch: &Epoch) -> Result<Client, RedisError> {
    Ok(found(target, epoch).await?.0)
}

/// The client of that server, and the sentinels' report about it, if there are any.
async fn found(target: &Target, epoch: &Epoch) -> Result<(Client, Option<Master>), RedisError> {
    let owner = match &target.place {
        Place::Sentinel(sentinels) => {
            let master = sentinel::master(target, sentinels).await?;
            epoch.found(&master.place);
            let (host, port) = &master.place;
            let any = sentinels.all.first().ok_or_else(|| refused("no sentinel is named"))?;
            let addr = address(host, *port, sentinels.tls);
            let settings = sentinels.settings.clone();
            let client = client_of(any.clone().set_addr(addr).set_redis_settings(settings), target);
            return Ok((client?, Some(master)));
        }
        Place::Server(info) => cluster::owner(target, std::slice::from_ref(&**info), epoch).await,
        Place::Cluster { nodes } => cluster::owner(target, nodes, epoch).await,
    };
    Ok((owner?, None))
}
