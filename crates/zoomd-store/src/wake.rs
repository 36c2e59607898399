//! Wake-ups: what Redis tells at once, so that nobody need ask.
//!
//! A message may be lost with a connection, so each new one begins with
//! [`Wake::Missed`]: look at everything once. Timers (`next_wake_ms`) and a slow
//! poll stand behind it.

use std::time::Duration;

use futures_util::StreamExt as _;
use redis::aio::PubSubStream;
use tokio::sync::watch;

use crate::conn::Conn;
use crate::{Store, StoreError};

/// Between two attempts to listen.
const RETRY: Duration = Duration::from_millis(500);

/// Something to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wake {
    /// Jobs became ready, or will sooner than was known.
    Work,
    /// An account's grant was committed, or its state changed.
    Account(String),
    /// The connection is new: anything may have happened before it.
    Missed,
}

/// A subscription that mends itself.
pub struct Wakes {
    conn: Conn,
    channel: String,
    stream: Option<PubSubStream>,
    renewals: watch::Receiver<u64>,
}

impl std::fmt::Debug for Wakes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wakes").field("channel", &self.channel).finish_non_exhaustive()
    }
}

impl Store {
    /// Listens for wake-ups on a connection of its own.
    #[must_use]
    pub fn wakes(&self) -> Wakes {
        let conn = self.blocking_connection();
        let renewals = conn.renewals();
        Wakes { conn, channel: self.keys().wake(), stream: None, renewals }
    }
}

impl Wakes {
    /// The next wake-up. Never ends; while Redis is away it tries again and
    /// again. May be dropped half-way.
    pub async fn next(&mut self) -> Wake {
        loop {
            if let Some(stream) = &mut self.stream {
                tokio::select! {
                    biased;
                    _ = self.renewals.changed() => self.stream = None,
                    message = stream.next() => match message {
                        Some(message) => {
                            if let Some(wake) = Wake::read(message.get_payload_bytes()) {
                                return wake;
                            }
                        }
                        None => self.stream = None,
                    },
                }
            } else {
                match self.listen().await {
                    Ok(stream) => {
                        self.stream = Some(stream);
                        return Wake::Missed;
                    }
                    Err(error) => {
                        tracing::debug!(error = %error, "cannot listen for wake-ups yet");
                        tokio::time::sleep(RETRY).await;
                    }
                }
            }
        }
    }

    async fn listen(&mut self) -> Result<PubSubStream, StoreError> {
        self.renewals.mark_unchanged();
        let mut pubsub = self.conn.pubsub().await?;
        pubsub.subscribe(&self.channel).await?;
        Ok(pubsub.into_on_message())
    }
}

impl Wake {
    fn read(payload: &[u8]) -> Option<Self> {
        match payload {
            b"q" => Some(Self::Work),
            _ => {
                let account = payload.strip_prefix(b"t:")?;
                Some(Self::Account(String::from_utf8_lossy(account).into_owned()))
            }
        }
    }
}
