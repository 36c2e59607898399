//! Subscription to published messages that reconnects by itself.
//!
//! A message may be lost with a connection, so each new one begins with [`Heard::Missed`]: read
//! everything once. A subscription is dropped when it breaks, when the server does not answer, and
//! whenever the connections of the process are renewed: its server may be another than theirs by
//! then.

use std::time::Duration;

use tokio::sync::watch;

use crate::redis::conn::{Conn, Subscription};
use crate::{ErrorKind, Store, StoreError};

/// Between two attempts to listen.
const RETRY: Duration = Duration::from_millis(200);

/// Item received from a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// The subscription is new: anything may have been published before it.
    Missed,
    Message {
        channel: String,
        /// Text of the message; empty if it is not UTF-8.
        text: String,
    },
}

/// Subscription that reconnects by itself.
pub struct Listener {
    conn: Conn,
    channels: Vec<String>,
    open: Option<Subscription>,
    renewals: watch::Receiver<u64>,
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listener").field("channels", &self.channels).finish_non_exhaustive()
    }
}

impl Store {
    /// Listens to channels, on a connection of its own.
    #[must_use]
    pub fn listen(&self, channels: Vec<String>) -> Listener {
        let conn = self.connection();
        let renewals = conn.renewals();
        Listener { conn, channels, open: None, renewals }
    }
}

impl Listener {
    /// The next thing that is heard. Never ends; while Redis is away it tries again and
    /// again. What was begun is lost when it is dropped half-way, but no message.
    pub async fn next(&mut self) -> Heard {
        loop {
            let Some(open) = &mut self.open else {
                match self.subscribe().await {
                    Ok(open) => {
                        self.open = Some(open);
                        return Heard::Missed;
                    }
                    Err(error) => {
                        tracing::debug!(%error, channels = ?self.channels, "cannot listen yet");
                        tokio::time::sleep(RETRY).await;
                    }
                }
                continue;
            };
            let message = tokio::select! {
                biased;
                _ = self.renewals.changed() => None,
                message = open.next() => message
                    .inspect_err(|error| tracing::debug!(%error, "a subscription broke"))
                    .ok(),
            };
            match message {
                Some(message) => {
                    let channel = message.get_channel_name().to_owned();
                    let text = message.get_payload().unwrap_or_default();
                    return Heard::Message { channel, text };
                }
                None => self.open = None,
            }
        }
    }

    /// A renewal of the connections ends the attempt: it may be with a server that
    /// was left.
    async fn subscribe(&mut self) -> Result<Subscription, StoreError> {
        self.renewals.mark_unchanged();
        tokio::select! {
            biased;
            _ = self.renewals.changed() => {
                Err(StoreError::new(ErrorKind::Unreachable, "the connections are being renewed"))
            }
            opened = self.conn.subscribe(&self.channels) => Ok(opened?),
        }
    }
}
