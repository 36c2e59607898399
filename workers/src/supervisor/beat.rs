//! Heartbeat of one part: detects that it hangs.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use pin_project_lite::pin_project;
use tokio::time::{Interval, MissedTickBehavior, Sleep};

/// Between two touches of a part that waits for something.
const EVERY: Duration = Duration::from_millis(250);

/// Touched by its part with each turn; clones share it.
///
/// What has a time limit of its own (a command to Redis, a call to Zoom) is simply
/// awaited: a part that stays there is stuck. What may take any time (a permit, a
/// job, a Redis that is away) is awaited by [`waiting`](Self::waiting).
#[derive(Debug, Clone, Default)]
pub struct Beat {
    moves: Arc<AtomicU64>,
    /// The name of the part, for its metrics.
    part: &'static str,
}

impl Beat {
    /// The clock of a part of this name.
    pub(super) fn of(part: &'static str) -> Self {
        Self { moves: Arc::default(), part }
    }

    /// The part moved.
    pub fn touch(&self) {
        self.moves.fetch_add(1, Ordering::Relaxed);
    }

    /// Awaits what may take any time, and touches the clock meanwhile.
    pub fn waiting<F: Future>(&self, work: F) -> Waiting<'_, F> {
        Waiting { beat: self, work, pause: None }
    }

    /// The turns of a part that does the same again and again: the first at once, the
    /// others `period` apart. A turn that comes late puts off those after it.
    #[must_use]
    pub fn every(&self, period: Duration) -> Turns {
        let mut interval = tokio::time::interval(period);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Turns { beat: self.clone(), interval, began: None }
    }

    pub(super) fn count(&self) -> u64 {
        self.moves.load(Ordering::Relaxed)
    }

    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.moves, &other.moves)
    }
}

/// Turns of a part, from [`Beat::every`].
#[derive(Debug)]
pub struct Turns {
    beat: Beat,
    interval: Interval,
    /// When the turn began that is under way.
    began: Option<Instant>,
}

impl Turns {
    /// Waits for the next turn; the part counts as moving meanwhile. The time that the
    /// turn before took is told.
    pub async fn next(&mut self) {
        if let Some(began) = self.began.take() {
            metrics::histogram!("zoomd_part_turn_seconds", "part" => self.beat.part)
                .record(began.elapsed().as_secs_f64());
        }
        self.beat.waiting(self.interval.tick()).await;
        self.began = Some(Instant::now());
    }
}

pin_project! {
    /// Future of [`Beat::waiting`]. A type of its own, since an async function would keep room
    /// for `work` twice, and these are nested.
    #[derive(Debug)]
    pub struct Waiting<'a, F> {
        beat: &'a Beat,
        #[pin]
        work: F,
        // Nearly always there is nothing to wait for, and no timer is needed.
        #[pin]
        pause: Option<Sleep>,
    }
}

impl<F: Future> Future for Waiting<'_, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        this.beat.touch();
        if let Poll::Ready(done) = this.work.poll(cx) {
            return Poll::Ready(done);
        }
        loop {
            if let Some(pause) = this.pause.as_mut().as_pin_mut() {
                ready!(pause.poll(cx));
                this.beat.touch();
            }
            this.pause.set(Some(tokio::time::sleep(EVERY)));
        }
    }
}
