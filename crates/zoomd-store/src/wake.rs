//! Wake-ups: messages published by Redis, so that no polling is needed.
//!
//! Timers (`next_wake_ms`) and a slow poll are the fallback.

use crate::Store;
use crate::listener::{Heard, Listener};

/// Wake-up for the daemon's loops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wake {
    /// Jobs became ready, or will sooner than was known.
    Work,
    /// Jobs are to be ended, without a call.
    Ended,
    /// An account's grant was committed, or its state changed.
    Account(String),
    /// The connection is new: anything may have happened before it.
    Missed,
}

/// The wake-ups of a namespace.
#[derive(Debug)]
pub struct Wakes(Listener);

impl Store {
    /// Listens for wake-ups on a connection of its own.
    #[must_use]
    pub fn wakes(&self) -> Wakes {
        Wakes(self.listen(vec![self.keys().wake()]))
    }
}

impl Wakes {
    /// The next wake-up; see [`Listener::next`].
    pub async fn next(&mut self) -> Wake {
        loop {
            let wake = match self.0.next().await {
                Heard::Missed => Some(Wake::Missed),
                Heard::Message { text, .. } => Wake::read(&text),
            };
            if let Some(wake) = wake {
                return wake;
            }
        }
    }
}

impl Wake {
    /// The wake-up that a message on the channel is.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        match text {
            "q" => Some(Self::Work),
            "x" => Some(Self::Ended),
            _ => Some(Self::Account(text.strip_prefix("t:")?.to_owned())),
        }
    }
}
