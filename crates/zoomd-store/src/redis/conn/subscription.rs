//! A subscription that detects a dead peer.
//!
//! TCP does not report a server that froze or lost its power, nor a firewall that forgot an idle
//! connection. So a server that has been silent for a while is pinged.

use std::io::ErrorKind::ConnectionAborted;
use std::time::Duration;

use futures_util::StreamExt as _;
use redis::aio::{PubSubSink, PubSubStream};
use redis::{Client, Msg, RedisError};

use super::CONNECT_TIMEOUT;
use super::link::within;

/// Silence of the server after which it is pinged.
const SILENCE: Duration = Duration::from_secs(3);
/// Time limit for a subscription or an answer.
const ANSWER: Duration = Duration::from_secs(3);

/// One connection that listens.
pub(crate) struct Subscription {
    sink: PubSubSink,
    stream: PubSubStream,
}

impl Subscription {
    pub(super) async fn open(client: &Client, channels: &[String]) -> Result<Self, RedisError> {
        let opened = within(CONNECT_TIMEOUT, client.get_async_pubsub()).await?;
        let (mut sink, stream) = opened.split();
        within(ANSWER, sink.subscribe(channels)).await?;
        Ok(Self { sink, stream })
    }

    /// The next message. May be dropped half-way.
    ///
    /// # Errors
    /// Fails if the connection has ended or the server does not answer.
    pub(crate) async fn next(&mut self) -> Result<Msg, RedisError> {
        loop {
            match tokio::time::timeout(SILENCE, self.stream.next()).await {
                Ok(Some(message)) => return Ok(message),
                Ok(None) => return Err(std::io::Error::from(ConnectionAborted).into()),
                // A user who may not ask is refused, which is an answer.
                Err(_) => match within(ANSWER, self.sink.ping::<redis::Value>()).await {
                    Err(error) if error.is_io_error() => return Err(error),
                    _ => {}
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use redis_local::RedisServer;
    use rustix::process::Signal;

    use super::*;

    #[tokio::test]
    async fn a_server_that_froze_is_noticed_and_one_that_is_silent_is_not_left() {
        let server = RedisServer::start().expect("redis-server");
        let client = Client::open(server.url()).expect("a url");
        let channels = ["news".to_owned()];
        let mut open = Subscription::open(&client, &channels).await.expect("subscribed");
        let silent = tokio::time::timeout(SILENCE + ANSWER / 2, open.next()).await;
        assert!(silent.is_err(), "it answers when it is asked: {silent:?}");
        server.ask(&["PUBLISH", "news", "a"]).expect("published");
        assert_eq!(open.next().await.expect("a message").get_payload_bytes(), b"a");
        server.signal(Signal::STOP);
        tokio::time::pause();
        open.next().await.expect_err("nobody answers");
    }
}
