//! The wish to stop: the first signal drains, the second ends at once.

use rustix::process::Signal as Number;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use zoomd_workers::supervisor::Supervisor;

const SIGTERM: i32 = Number::TERM.as_raw();
const SIGINT: i32 = Number::INT.as_raw();
const SIGHUP: i32 = Number::HUP.as_raw();

/// Urgency of the request.
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
    /// here on. One that was ignored when the process started stays ignored, as
    /// `nohup` and shells without job control rely on.
    pub fn listen(supervisor: &Supervisor) -> std::io::Result<Self> {
        let ignored = Ignored::now();
        let (mut term, mut int, mut hup) =
            (ignored.or_listen(SIGTERM)?, ignored.or_listen(SIGINT)?, ignored.or_listen(SIGHUP)?);
        let (wish, heard) = watch::channel(Wish::Run);
        let listening = supervisor.spawn("signals", |beat| async move {
            for next in [Wish::Drain, Wish::Now] {
                let any = async {
                    tokio::select! {
                        () = came(&mut term) => {}
                        () = came(&mut int) => {}
                        () = came(&mut hup) => {}
                    }
                };
                beat.waiting(any).await;
                wish.send_replace(next);
            }
            // The sender lives on, so that a closed channel is never taken for a wish.
            beat.waiting(wish.closed()).await;
        });
        listening.detach();
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

/// The signals that this process ignores, as a mask.
#[derive(Debug, Clone, Copy)]
struct Ignored(u64);

impl Ignored {
    /// As the system tells; where it does not (other than Linux), none.
    fn now() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        Self::read(&status)
    }

    fn read(status: &str) -> Self {
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        Self(mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0))
    }

    fn has(self, number: i32) -> bool {
        self.0 >> (number - 1) & 1 == 1
    }

    /// Listens for the signal, unless it is ignored.
    fn or_listen(self, number: i32) -> std::io::Result<Option<Signal>> {
        if self.has(number) {
            tracing::info!(
                signal = number,
                "signal: was ignored when zoomd started, and stays ignored"
            );
            return Ok(None);
        }
        signal(SignalKind::from_raw(number)).map(Some)
    }
}

async fn came(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read_from_the_mask() {
        let status = "SigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\nSigCgt:\t0\n";
        let ignored = Ignored::read(status);
        assert!(ignored.has(SIGHUP) && ignored.has(13), "HUP and PIPE");
        assert!(!ignored.has(SIGTERM) && !ignored.has(SIGINT));
        assert!(!Ignored::read("").has(SIGHUP));
    }

    #[tokio::test]
    async fn a_wish_that_came_before_the_wait_is_heard() {
        let (wish, stop) = Stop::channel();
        wish.send_replace(Wish::Now);
        stop.clone().wait(Wish::Drain).await;
        stop.clone().wait(Wish::Now).await;
    }
}
