//! The wish to stop: the first signal drains, the second ends at once.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// How urgent the wish is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wish {
    /// Go on.
    Run,
    /// Finish what is in flight.
    Drain,
    /// End.
    Now,
}

/// Hears the wish; clones hear the same one.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<Wish>);

impl Stop {
    /// Listens for SIGTERM, SIGINT and SIGHUP (a terminal that was closed) from
    /// here on.
    pub fn listen() -> std::io::Result<Self> {
        let mut term = signal(SignalKind::terminate())?;
        let mut int = signal(SignalKind::interrupt())?;
        let mut hup = signal(SignalKind::hangup())?;
        let (wish, heard) = watch::channel(Wish::Run);
        tokio::spawn(async move {
            for next in [Wish::Drain, Wish::Now] {
                tokio::select! {
                    _ = term.recv() => {}
                    _ = int.recv() => {}
                    _ = hup.recv() => {}
                }
                wish.send_replace(next);
            }
            // The sender lives on, so that a closed channel is never taken for a wish.
            wish.closed().await;
        });
        Ok(Self(heard))
    }

    /// A wish that another part of the program has.
    pub fn channel() -> (watch::Sender<Wish>, Self) {
        let (wish, heard) = watch::channel(Wish::Run);
        (wish, Self(heard))
    }

    /// Waits until the wish is at least this urgent.
    pub async fn wait(&mut self, least: Wish) {
        if self.0.wait_for(|wish| *wish >= least).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wish_that_came_before_the_wait_is_heard() {
        let (wish, stop) = Stop::channel();
        wish.send_replace(Wish::Now);
        stop.clone().wait(Wish::Drain).await;
        stop.clone().wait(Wish::Now).await;
    }
}
