//! `zoomd dev`: everything on this machine, in one process and one child: a
//! private Redis, a simulated Zoom, the daemon's engine, sample accounts, sample
//! jobs, and a story of what happens.
//!
//! Takes free ports and folders of its own, and nothing of the environment but
//! `ZOOMD_LOG`, so that it never meets another instance or a real set-up.
//! Everything ends with the `Stage` that holds it.

mod cast;
mod stage;
mod story;
mod summary;
mod trouble;

use std::time::{Duration, Instant};

use zoomd_store::streams::{Stream, Tail, enqueue};
use zoomd_workers::supervisor::Supervisor;

use crate::daemon::{
    self, OpsServer,
    stop::{Stop, Wish},
};
use crate::error::{CliError, CliResult};
use crate::exit::Exit;
use crate::output::Output;
use crate::telemetry;
use cast::Cast;
use stage::Stage;
use story::Story;
use summary::Tally;
use trouble::Trouble;

/// Interval at which the story is looked at.
const TICK: Duration = Duration::from_millis(100);
/// Jobs put into the queue in one go.
const BATCH: u64 = 200;

/// Options of `zoomd dev`.
#[derive(Debug, Clone, Copy)]
pub struct Play {
    /// Ends when so many jobs have their outcome.
    pub jobs: Option<u64>,
    /// Jobs a second.
    pub rate: f64,
    /// True if Zoom fails in all ways it can.
    pub chaos: bool,
    /// The port of the console; those of Redis and Zoom follow. `None`: free ones.
    pub port: Option<u16>,
    /// True where no sample job is put in.
    pub no_jobs: bool,
}

pub async fn run(out: &Output, play: Play) -> CliResult {
    telemetry::log(&std::env::var("ZOOMD_LOG").unwrap_or_else(|_| "error".to_owned()))?;
    let supervisor = Supervisor::default();
    let metrics = telemetry::metrics::install(&supervisor)?;
    let stop = Stop::listen(&supervisor);
    let stop = stop.map_err(|e| CliError::failed(format!("signals: {e}")))?;
    let stage = Stage::build(play.port).await?;
    let ops_server = OpsServer::open(&stage.config, metrics).await?;
    out.note(stage.posters(ops_server.as_ref().and_then(OpsServer::address)));
    let (wish, heard) = Stop::channel();
    let config = stage.config.clone();
    let mut daemon =
        tokio::spawn(async move { daemon::run(&config, ops_server, heard, supervisor).await });
    let played = tokio::select! {
        played = play_on(out, play, &stage, stop.clone()) => played,
        ended = &mut daemon => Err(match ended {
            Ok(Err(error)) => error,
            _ => CliError::failed("the daemon stopped unexpectedly"),
        }),
    };
    wish.send_replace(Wish::Drain);
    if !daemon.is_finished() {
        let mut stop = stop.clone();
        tokio::select! {
            _ = &mut daemon => {}
            () = stop.wait(Wish::Now) => daemon.abort(),
        }
    }
    finish(out, play, &stage, &played?)
}

fn finish(out: &Output, play: Play, stage: &Stage, tally: &Tally) -> CliResult {
    let summary = tally.summary(&stage.sim, play);
    out.show(&summary, || summary.text())?;
    Ok(match (play.jobs, summary.well) {
        (_, false) => Exit::Failed,
        (Some(jobs), true) if summary.outcomes < jobs => Exit::Interrupted,
        _ => Exit::Done,
    })
}

/// Puts jobs in and tells what comes of them, until it is time to end.
async fn play_on(
    out: &Output,
    play: Play,
    stage: &Stage,
    mut stop: Stop,
) -> Result<Tally, CliError> {
    let begun = Instant::now();
    let mut cast = Cast::new(play.jobs.is_none());
    let mut trouble = Trouble::new(play, &stage.sim);
    let mut story = Story::new(out, begun);
    let mut tally = Tally::new(begun);
    let outputs = [Stream::Results, Stream::Failures, Stream::Events];
    let mut tail = Tail::from_start(&stage.store, &outputs);
    story.grants(&stage.grants).await?;
    while play.jobs.is_none_or(|jobs| tally.outcomes() < jobs) {
        let due = due(play, begun.elapsed()).min(cast.made() + BATCH);
        let jobs: Vec<_> = (cast.made()..due).map(|_| cast.next()).collect();
        if !jobs.is_empty() {
            // The daemon may be done with a job before the next line here runs.
            jobs.iter().for_each(|job| trouble.before(job, &stage.sim));
            enqueue(&stage.store, &jobs.iter().map(|j| &j.json).collect::<Vec<_>>()).await?;
            story.accepted(&jobs)?;
        }
        let items = tokio::select! {
            items = tail.next(TICK, 1000) => items?,
            () = stop.wait(Wish::Drain) => break,
        };
        story.requests(&stage.sim)?;
        story.grants(&stage.grants).await?;
        for item in &items {
            tally.count(item);
            story.item(item)?;
        }
    }
    story.grants(&stage.grants).await?;
    (tally.rotations, tally.limited) = (story.rotated(), story.limited());
    Ok(tally)
}

/// Number of jobs that should have been put in by now.
fn due(play: Play, elapsed: Duration) -> u64 {
    // The first job is due immediately.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative")]
    let due = (elapsed.as_secs_f64() * play.rate) as u64 + 1;
    if play.no_jobs {
        return 0;
    }
    play.jobs.map_or(due, |jobs| due.min(jobs))
}
