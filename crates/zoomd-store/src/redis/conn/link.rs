//! One link to one server: its client, its time-outs, and the newest of several answers.

use std::io::ErrorKind::TimedOut;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, ErrorKind, RedisError};

use super::target::Target;
use super::{CONNECT_TIMEOUT, RESPONSE_TIMEOUT, refused_at_once};

/// The time in which the others may contradict the first who answered where the
/// master is.
const CONTRADICTION: Duration = Duration::from_millis(300);

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
