//! Drives schedules by apalis-cron. With `pipeline/backend.rs` the only file
//! that names a type of apalis.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::str::FromStr as _;
use std::task::{Context, Poll};

use apalis_core::monitor::Monitor;
use apalis_core::task::Task;
use apalis_core::worker::builder::WorkerBuilder;
use apalis_cron::{CronScheduler, Tick};
use tower::Service;

type Work = Pin<Box<dyn Future<Output = Result<(), Infallible>> + Send>>;

/// The work of a schedule as the service a worker calls.
struct OnTick<F>(F);

impl<F, Fut> Service<Task<Tick>> for OnTick<F>
where
    F: FnMut(u64) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    type Response = ();
    type Error = Infallible;
    type Future = Work;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, task: Task<Tick>) -> Work {
        let work = (self.0)(task.args.get_timestamp());
        Box::pin(async move {
            work.await;
            Ok(())
        })
    }
}

/// A schedule that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("not a schedule: {0}")]
pub struct BadSchedule(#[from] cron::error::Error);

/// Calls `work` with each tick (seconds since 1970) of `expression` (six
/// fields, seconds first, UTC), until it is dropped. A tick that is missed is
/// not made up for.
///
/// # Errors
/// The expression cannot be read.
pub async fn run<F, Fut>(name: &str, expression: &str, work: F) -> Result<(), BadSchedule>
where
    F: Fn(u64) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let schedule = cron::Schedule::from_str(expression)?;
    let worker = name.to_owned();
    let monitor = Monitor::new()
        .register(move |_| {
            WorkerBuilder::new(worker.as_str())
                .backend(CronScheduler::new(schedule.clone()))
                .build(OnTick(work.clone()))
        })
        // A clock that jumped past a tick ends the worker; the next tick is as good.
        .should_restart(|_, _| true);
    if let Err(error) = monitor.run().await {
        tracing::error!(schedule = name, error = %error, "a schedule ended with an error");
    }
    Ok(())
}
