//! Our `Backend` for apalis, and the worker and monitor that run on it. The only file that
//! names a type of apalis.
//!
//! The backend is the end of a bounded channel: whatever Redis does, polling it
//! never fails. It ends when the intake has let go of the channel, and the
//! worker then ends by itself after the last handler. A handler never fails
//! either: what becomes of a job is settled, not returned.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use apalis_core::backend::finalize::Ephemeral;
use apalis_core::backend::{Backend, BackendConfig};
use apalis_core::layers::Identity;
use apalis_core::monitor::Monitor;
use apalis_core::task::Task;
use apalis_core::task::task_id::RandomId;
use apalis_core::worker::builder::WorkerBuilder;
use apalis_core::worker::context::WorkerContext;
use futures_util::FutureExt as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc::Receiver;
use tokio::time::Interval;
use tower::Service;

use crate::supervisor::Beat;

/// Between two touches of the worker's clock.
const EVERY: Duration = Duration::from_millis(250);

/// Jobs that are ready, in order of arrival, and the clock of the worker that
/// takes them: it is touched where the worker asks for the next job.
struct Ready<T> {
    jobs: Arc<Mutex<Receiver<T>>>,
    beat: Beat,
    tick: Interval,
}

impl<T> Backend for Ready<T> {
    type Task = Task<T>;
    type Error = Infallible;

    fn poll_ready(
        &mut self,
        _: &mut Context<'_>,
        _: &WorkerContext,
    ) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        _: &WorkerContext,
    ) -> Poll<Option<Result<Task<T>, Infallible>>> {
        while self.tick.poll_tick(cx).is_ready() {
            self.beat.touch();
        }
        let mut receiver = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        receiver.poll_recv(cx).map(|job| job.map(|job| Ok(Task::new(job))))
    }

    fn poll_close(
        &mut self,
        _: &mut Context<'_>,
        worker: &WorkerContext,
    ) -> Poll<Result<(), Infallible>> {
        // A worker whose backend has ended waits to be stopped, by whomever.
        if !worker.is_stopped()
            && let Err(error) = worker.stop()
        {
            tracing::warn!(error = %error, "worker: could not be stopped");
        }
        Poll::Ready(Ok(()))
    }
}

impl<T> BackendConfig for Ready<T> {
    type Args = T;
    type Id = RandomId;
    type Kind = Ephemeral;
    type Config = ();
    type Layer = Identity;

    fn config(&self) -> &() {
        &()
    }

    fn middleware(&mut self, _: &mut WorkerContext) -> Identity {
        Identity::new()
    }
}

/// The handler as the service a worker calls.
struct Handler<F>(F);

impl<T, F, Fut> Service<Task<T>> for Handler<F>
where
    F: FnMut(T) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    type Response = ();
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<(), Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, task: Task<T>) -> Self::Future {
        // Not an async block, which would keep room for the handler's state twice.
        Box::pin((self.0)(task.args).map(Ok))
    }
}

/// Runs `worker` on every job of the channel, all at the same time on one
/// task, until the channel is closed and the last handler has ended. A worker that
/// panics takes all its handlers with it, so it is not started again.
pub async fn run<T, F, Fut>(name: &str, jobs: Receiver<T>, worker: F, beat: Beat)
where
    T: Send + 'static,
    F: Fn(T) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let jobs = Arc::new(Mutex::new(jobs));
    let name = name.to_owned();
    let monitor = Monitor::new().register(move |_| {
        let (jobs, beat) = (Arc::clone(&jobs), beat.clone());
        WorkerBuilder::new(name.as_str())
            .backend(Ready { jobs, beat, tick: tokio::time::interval(EVERY) })
            .build(Handler(worker.clone()))
    });
    if let Err(error) = monitor.run().await {
        tracing::error!(error = %error, "worker: failed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test]
    async fn it_runs_all_at_once_and_ends_with_the_channel() {
        let (sender, receiver) = tokio::sync::mpsc::channel(64);
        let barrier = Arc::new(tokio::sync::Barrier::new(50));
        let done = Arc::new(AtomicUsize::new(0));
        let (b, d) = (Arc::clone(&barrier), Arc::clone(&done));
        let work = move |_: u32| {
            let (b, d) = (Arc::clone(&b), Arc::clone(&d));
            async move {
                b.wait().await;
                d.fetch_add(1, Ordering::Relaxed);
            }
        };
        let worker = tokio::spawn(run("test", receiver, work, Beat::default()));
        for n in 0..50 {
            sender.send(n).await.expect("the worker listens");
        }
        drop(sender);
        worker.await.expect("the worker ends");
        assert_eq!(done.load(Ordering::Relaxed), 50);
    }
}
