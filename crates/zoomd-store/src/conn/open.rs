//! Opening one connection: find the server, greet it, time-outs explicit.

use std::io::ErrorKind::TimedOut;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, ErrorKind, RedisError,
    ServerErrorKind, Value,
};

use super::epoch::Epoch;
use super::target::{Place, Target, address};
use super::{CONNECT_TIMEOUT, RESPONSE_TIMEOUT, cluster, refusal, refused_at_once, sentinel};

/// How long the others may take to contradict the first who answered where the
/// master is.
const CONTRADICTION: Duration = Duration::from_millis(300);

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

/// The same, and what the sentinels say of that server, where there are such.
async fn found(
    target: &Target,
    epoch: &Epoch,
) -> Result<(Client, Option<sentinel::Master>), RedisError> {
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

pub(super) fn refused(why: &'static str) -> RedisError {
    RedisError::from((ErrorKind::InvalidClientConfig, why))
}

pub(super) fn client_of(info: ConnectionInfo, target: &Target) -> Result<Client, RedisError> {
    if !matches!(info.addr(), ConnectionAddr::TcpTls { .. }) {
        return Client::open(info);
    }
    install_tls();
    match &target.tls {
        Some(certificates) => Client::build_with_tls(info, (**certificates).clone()),
        None => Client::open(info),
    }
}

/// TLS needs a provider for the whole process; one that is there already serves.
fn install_tls() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}

pub(super) async fn link(client: &Client) -> Result<MultiplexedConnection, RedisError> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(RESPONSE_TIMEOUT));
    match client.get_multiplexed_async_connection_with_config(&config).await {
        Err(error) => {
            Err(match refused_at_once::words(client.get_connection_info(), &error).await {
                Some(words) => words,
                None => error,
            })
        }
        opened => opened,
    }
}

pub(super) async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, RedisError>>,
) -> Result<T, RedisError> {
    match tokio::time::timeout(limit, work).await {
        Ok(done) => done,
        Err(_) => Err(RedisError::from(std::io::Error::from(TimedOut))),
    }
}

/// Asks all at the same time where the master is, and takes the answer with the
/// greatest epoch of those that come soon after the first: one who slept through a
/// failover answers as before it. `None` when nobody knows.
pub(super) async fn newest<T>(
    asked: impl IntoIterator<Item = impl Future<Output = Result<Option<(u64, T)>, RedisError>>>,
) -> Result<Option<T>, RedisError> {
    let mut asked: FuturesUnordered<_> =
        asked.into_iter().map(|ask| within(CONNECT_TIMEOUT, ask)).collect();
    let (mut best, mut failed, mut nobody): (Option<(u64, T)>, _, _) = (None, None, false);
    let mut patience = std::pin::pin!(tokio::time::sleep(CONNECT_TIMEOUT));
    loop {
        tokio::select! {
            () = &mut patience, if best.is_some() => break,
            answer = asked.next() => match answer {
                None => break,
                Some(Ok(Some(found))) => {
                    if best.is_none() {
                        patience.as_mut().reset(tokio::time::Instant::now() + CONTRADICTION);
                    }
                    if best.as_ref().is_none_or(|(epoch, _)| *epoch < found.0) {
                        best = Some(found);
                    }
                }
                Some(Ok(None)) => nobody = true,
                Some(Err(error)) => failed = Some(error),
            },
        }
    }
    match (best, failed) {
        (Some((_, found)), _) => Ok(Some(found)),
        (None, Some(error)) if !nobody => Err(error),
        (None, _) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Answer = Result<Option<(u64, &'static str)>, RedisError>;

    async fn after(ms: u64, answer: Answer) -> Answer {
        tokio::time::sleep(Duration::from_millis(ms)).await;
        answer
    }

    #[tokio::test(start_paused = true)]
    async fn the_newest_answer_counts_and_nobody_is_waited_for_in_vain() {
        let begun = tokio::time::Instant::now();
        let old_first = [after(1, Ok(Some((3, "old")))), after(50, Ok(Some((4, "new"))))];
        assert_eq!(newest(old_first).await.expect("found"), Some("new"));
        assert!(begun.elapsed() < Duration::from_millis(60), "all have answered");
        let frozen = [after(60_000, Ok(Some((9, "never")))), after(1, Ok(Some((1, "here"))))];
        assert_eq!(newest(frozen).await.expect("found"), Some("here"));
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
        let failed = || Err(RedisError::from((ErrorKind::Io, "away")));
        assert_eq!(newest([after(1, Ok(None)), after(2, failed())]).await.expect("told"), None);
        newest([after(1, failed())]).await.expect_err("nobody could be asked");
        let frozen = newest([after(60_000, Ok(None))]).await.expect_err("no answer");
        assert!(frozen.is_timeout());
    }
}
