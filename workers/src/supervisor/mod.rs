//! The parts of a daemon that must not end: loops, the worker, ports, timers.
//!
//! Owns the list of all parts that run, by name, and a clock for each
//! ([`Beat`]). A part that ends, panics or does not move is a defect of zoomd: it
//! is noticed, and the daemon ends with exit code 1, so that another process takes
//! its jobs. Nothing is restarted here: what a part held when it died is unknown.
//!
//! Invariant: whatever a daemon starts for longer than one request is a part. The
//! tasks that are not, and why, are listed in tests/it/house.

mod beat;

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use crate::failpoints;
pub use beat::{Beat, Turns};

/// Looks at the clocks within the time after which a part counts as stuck. Looks
/// are counted, not seconds: a process that was stopped looks at nothing meanwhile.
const LOOKS: u32 = 60;
/// A look that comes so much too late is told: what fails next failed here.
const STANDSTILL: Duration = Duration::from_secs(3);

/// Watches parts; clones share the list.
#[derive(Debug, Clone, Default)]
pub struct Supervisor(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    parts: Mutex<Vec<Listed>>,
    fault: watch::Sender<Option<Fault>>,
    /// From here on parts may end.
    closing: AtomicBool,
}

#[derive(Debug)]
struct Listed {
    name: &'static str,
    beat: Beat,
    seen: u64,
    /// Looks in a row that saw no move.
    still: u32,
}

/// Failure of one part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    pub part: &'static str,
    /// Kind of failure.
    pub how: How,
}

/// Failure of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It ended although the daemon was not asked to stop.
    Ended,
    Panicked,
    /// It has not moved for too long.
    Hangs,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = match self.how {
            How::Ended => "ended",
            How::Panicked => "panicked",
            How::Hangs => "hangs",
        };
        write!(f, "part {} {how}", self.part)
    }
}

impl Supervisor {
    /// Spawns a part. Dropping the answer is an ordered end.
    pub fn spawn<W, F>(&self, name: &'static str, work: W) -> Part
    where
        W: FnOnce(Beat) -> F + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        Part(Some(tokio::spawn(self.part(name, work))))
    }

    /// A part within another task. `work` touches its clock with each turn.
    pub fn part<W, F>(&self, name: &'static str, work: W) -> impl Future<Output = ()> + use<W, F>
    where
        W: FnOnce(Beat) -> F,
        F: Future<Output = ()>,
    {
        let beat = Beat::of(name);
        let listed = Listed { name, beat: beat.clone(), seen: 0, still: 0 };
        self.parts().push(listed);
        let place = Place { supervisor: self.clone(), beat: beat.clone() };
        // Boxed once: large, and moved through several layers.
        let work = failpoints::part(name, Box::pin(work(beat)));
        async move {
            let how = match AssertUnwindSafe(work).catch_unwind().await {
                Err(_) => How::Panicked,
                Ok(()) if place.supervisor.is_closing() => return,
                Ok(()) => How::Ended,
            };
            place.supervisor.report(Fault { part: name, how });
        }
    }

    /// The daemon stops: parts may end from here on.
    pub fn close(&self) {
        self.0.closing.store(true, Ordering::Release);
    }

    fn is_closing(&self) -> bool {
        self.0.closing.load(Ordering::Acquire)
    }

    /// The first part that failed, if one has.
    #[must_use]
    pub fn fault(&self) -> Option<Fault> {
        *self.0.fault.borrow()
    }

    /// Waits until a part has ended, panicked, or not moved for `limit`.
    pub async fn watch(&self, limit: Duration) -> Fault {
        let limit = limit / failpoints::watch_pace();
        let mut faults = self.0.fault.subscribe();
        let mut looks = tokio::time::interval(limit / LOOKS);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut looked = Instant::now();
        loop {
            if let Some(fault) = *faults.borrow_and_update() {
                return fault;
            }
            tokio::select! {
                // The sender is ours: it does not close.
                _ = faults.changed() => {}
                _ = looks.tick() => {
                    tell_standstill(looked.elapsed().saturating_sub(limit / LOOKS));
                    looked = Instant::now();
                    self.look(limit / LOOKS);
                }
            }
        }
    }

    /// Looks once at all clocks.
    fn look(&self, every: Duration) {
        let mut stuck = Vec::new();
        for part in self.parts().iter_mut() {
            let now = part.beat.count();
            part.still = if now == part.seen { part.still + 1 } else { 0 };
            part.seen = now;
            let silent = every * part.still;
            metrics::gauge!("zoomd_part_silent_seconds", "part" => part.name)
                .set(silent.as_secs_f64());
            if part.still >= LOOKS {
                stuck.push(part.name);
            }
        }
        for part in stuck {
            self.report(Fault { part, how: How::Hangs });
        }
    }

    /// Ends the daemon because of this, unless it ends already.
    pub(crate) fn report(&self, fault: Fault) {
        let first = self.0.fault.send_if_modified(|known| {
            let first = known.is_none();
            known.get_or_insert(fault);
            first
        });
        if first {
            tracing::error!(part = fault.part, "{fault}: the daemon cannot continue without it");
        }
    }

    fn parts(&self) -> MutexGuard<'_, Vec<Listed>> {
        self.0.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says that this process did nothing for a while, so that nobody blames Redis or Zoom
/// for the connections it lost in that time.
fn tell_standstill(lasted: Duration) {
    if lasted >= STANDSTILL {
        let seconds = lasted.as_secs();
        tracing::warn!(
            seconds,
            "this process stood still for {seconds} s: it was stopped (SIGSTOP), or the machine \
             slept or was overloaded; its connections may have been closed meanwhile"
        );
    }
}

/// Takes a part off the list, however it ends.
struct Place {
    supervisor: Supervisor,
    beat: Beat,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.supervisor.parts().retain(|part| !part.beat.is(&self.beat));
    }
}

/// A spawned part, which ends with its owner.
#[derive(Debug)]
pub struct Part(Option<JoinHandle<()>>);

impl Part {
    /// Waits for its end.
    pub async fn ended(&mut self) {
        if let Some(task) = &mut self.0 {
            let _ = task.await;
            self.0 = None;
        }
    }

    /// Ends it where it is.
    pub fn abort(&self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }

    /// Lets it run for as long as the process does.
    pub fn detach(mut self) {
        self.0 = None;
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.abort();
    }
}

#[cfg(test)]
mod tests;
