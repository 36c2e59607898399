//! `zoomd enqueue`: one job from flags, or many from a file.
//!
//! Every job is checked before it is sent, with the daemon's own parser, so
//! that a mistake is told here and not in the stream of failures.

mod expected;
mod found;
mod ids;
mod many;
mod one;
mod plan;
mod read;
mod send;
mod standing;
mod wait;

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use zoomd_wire::{Kind, Rules};

use super::ctx::Ctx;
use crate::config::units;
use crate::error::CliResult;

/// `zoomd enqueue`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  zoomd enqueue --account acme --topic Sync --start-time 2030-01-02T10:00:00Z --duration 30 --wait
  zoomd enqueue --account acme --meeting '{\"topic\":\"Sync\",\"type\":3}' --id order-1234
  zoomd enqueue --account acme --kind KIND --meeting-id 78475495050 --wait
  zoomd enqueue --account acme --kind KIND --meeting-id 78475495050 --topic 'New topic'
  zoomd enqueue --file jobs.jsonl --dry-run
  generate-jobs | zoomd enqueue --file -

With --file, a job without an id gets one derived from its line. Sending the same file again
creates no duplicates while zoomd remembers the first.")]
pub struct EnqueueArgs {
    /// Account to use
    #[arg(long, value_name = "ACCOUNT", required_unless_present = "file")]
    account: Option<String>,
    /// Kind of job; without it, a meeting is created
    #[arg(long, value_name = "KIND", value_parser = kinds())]
    kind: Option<String>,
    /// Meeting to change, by the id of the job that creates it
    #[arg(long, value_name = "JOB", requires = "kind")]
    of: Option<String>,
    /// Meeting to change, by its number at Zoom
    #[arg(long, value_name = "N", requires = "kind", conflicts_with = "of")]
    meeting_id: Option<u64>,
    /// One occurrence of a recurring meeting: its id at Zoom, or its original start
    #[arg(long, value_name = "DATE", requires = "kind")]
    occurrence: Option<String>,
    /// series: all occurrences of a recurring meeting
    #[arg(long, value_name = "SCOPE", requires = "kind", value_parser = ["series"],
        conflicts_with = "occurrence")]
    scope: Option<String>,
    /// Have Zoom mail the host and the registrants
    #[arg(long, requires = "kind")]
    notify: bool,
    /// Topic of the meeting
    #[arg(long, value_name = "TEXT")]
    topic: Option<String>,
    /// Start time: 2030-01-02T10:00:00Z, with an offset, or local with --timezone
    #[arg(long, value_name = "TIME")]
    start_time: Option<String>,
    /// Duration in minutes
    #[arg(long, value_name = "MINUTES")]
    duration: Option<u16>,
    /// Time zone that Zoom shows it in, such as Europe/Berlin
    #[arg(long, value_name = "ZONE")]
    timezone: Option<String>,
    /// Agenda of the meeting
    #[arg(long, value_name = "TEXT")]
    agenda: Option<String>,
    /// 1 instant, 2 scheduled (the default), 3 or 8 recurring
    #[arg(long = "type", value_name = "TYPE")]
    meeting_type: Option<u8>,
    /// Further fields of Zoom's request, as a JSON object; other flags override them
    #[arg(long, value_name = "JSON")]
    meeting: Option<String>,
    /// Host of the meeting: me (the default), a Zoom user id or an e-mail address
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// Idempotency key: sending the same id twice creates only one meeting
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// Do not send before this time
    #[arg(long, value_name = "TIME")]
    not_before: Option<String>,
    /// Do not send after this time
    #[arg(long, value_name = "TIME")]
    deadline: Option<String>,
    /// Maximum number of attempts, 1 to 25
    #[arg(long, value_name = "N")]
    max_attempts: Option<u8>,
    /// high, normal or low
    #[arg(long, value_name = "PRIORITY")]
    priority: Option<String>,
    /// Any JSON; returned in the outcome
    #[arg(long, value_name = "JSON")]
    metadata: Option<String>,
    /// Read jobs from this file, one JSON object per line; - for standard input
    #[arg(long, short, value_name = "FILE", conflicts_with_all = ["account", "kind", "of", "meeting_id",
        "occurrence", "scope", "notify", "topic", "start_time", "duration", "timezone", "agenda", "meeting_type", "meeting", "user", "id", "not_before", "deadline",
        "max_attempts", "priority", "metadata"])]
    file: Option<PathBuf>,
    /// With --file: skip invalid lines and send the rest
    #[arg(long, requires = "file")]
    skip_invalid: bool,
    /// With --file: do not derive ids; sending the file again creates duplicates
    #[arg(long, requires = "file")]
    no_ids: bool,
    /// Check the jobs and estimate the duration, without sending anything
    #[arg(long)]
    dry_run: bool,
    /// Wait for the outcome; exit 1 if it is a failure
    #[arg(long, conflicts_with = "dry_run")]
    wait: bool,
    /// With --wait: give up after this long
    #[arg(long, value_name = "TIME", requires = "wait", value_parser = time)]
    timeout: Option<std::time::Duration>,
}

impl EnqueueArgs {
    /// True if nothing is to be sent.
    pub fn is_dry_run(&self) -> bool {
        self.dry_run
    }
}

/// Values of `--kind`.
fn kinds() -> clap::builder::PossibleValuesParser {
    Kind::ALL.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().into()
}

fn time(text: &str) -> Result<std::time::Duration, String> {
    units::time(text).ok_or_else(|| "expected a duration like 30s or 5m".to_owned())
}

/// Runs it.
pub async fn run(ctx: &Ctx, args: EnqueueArgs) -> CliResult {
    match args.file.clone() {
        Some(file) => many::run(ctx, &args, &file).await,
        None => one::run(ctx, &args).await,
    }
}

/// The daemon will judge by the time of the entry, a moment from now.
fn rules(ctx: &Ctx) -> Rules {
    let allow_past_start = ctx.config.jobs.allow_past_start;
    Rules { allow_past_start, ..Rules::at(Timestamp::now()) }
}
