//! `zoomd job list`.

use clap::Args;
use jiff::Timestamp;
use zoomd_store::inspect::{JobFilter, JobView, State};

use super::ops;
use crate::cli::ctx::Ctx;
use crate::error::CliResult;
use crate::exit::Exit;
use crate::output::table::Table;
use crate::views::job;

/// `job list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only entries of this account
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,
    /// Only jobs in this state: queued, waiting, sleeping, running or reconciling
    #[arg(long, value_name = "STATE", value_parser = state)]
    state: Option<State>,
    /// Maximum number of entries to show
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
}

fn state(text: &str) -> Result<State, String> {
    let mut live = State::ALL.into_iter().filter(|state| !state.is_over());
    live.find(|state| state.as_str() == text)
        .ok_or_else(|| "queued, waiting, sleeping, running or reconciling".to_owned())
}

/// Lists the jobs that have no outcome yet, in the order in which they are expected
/// to run.
pub(super) async fn run(ctx: &Ctx, args: ListArgs) -> CliResult {
    let filter = JobFilter { account: args.account, state: args.state };
    let ops = ops(ctx).await?;
    let listing = ops.jobs_in_order(&filter, args.limit).await?;
    let jobs = &listing.jobs;
    let shown: Vec<_> = jobs.iter().map(|job| job::View::of(job, false)).collect();
    let mut table =
        Table::new(["JOB", "ACCOUNT", "STATE", "REASON", "PRIORITY", "EXPECTED", "AGE"])
            .flexible(["JOB", "ACCOUNT", "REASON"])
            .optional(["PRIORITY", "AGE"]);
    let now = Timestamp::now();
    for job in jobs {
        table.row(row(ctx, job, now));
    }
    ctx.out.list(&shown, &table, "no jobs are waiting or running")?;
    if listing.more {
        ctx.out.note(format!("the first {}; --limit shows more", args.limit));
    }
    if listing.accounts_unread > 0 {
        let text = format!("jobs of {} more accounts are not shown", listing.accounts_unread);
        ctx.out.note(format!("{text}; --account shows them"));
    }
    Ok(Exit::Done)
}

/// The time at which a job is expected to run, or its next attempt is made.
fn expected(job: &JobView, moment: impl Fn(Option<i64>) -> String) -> String {
    match (job.until_ms.or(job.next_ms), job.why) {
        (None, None) => String::new(),
        (None, Some(_)) => "not known".to_owned(),
        (at, _) => moment(at),
    }
}

fn row(ctx: &Ctx, job: &JobView, now: Timestamp) -> [String; 7] {
    let moment = |ms: Option<i64>| {
        let at = ms.and_then(|ms| Timestamp::from_millisecond(ms).ok());
        at.map(|at| ctx.out.moment(at, now)).unwrap_or_default()
    };
    let entry: Option<zoomd_wire::EntryId> = job.entry.as_deref().and_then(|id| id.parse().ok());
    let priority = job.priority.map(|rank| ["high", "normal", "low"][usize::from(rank.min(2))]);
    [
        job.id.clone(),
        job.account.clone().unwrap_or_default(),
        job.state.as_str().to_owned(),
        job.why.map(|why| why.to_string()).unwrap_or_default(),
        priority.unwrap_or_default().to_owned(),
        expected(job, moment),
        moment(entry.and_then(|id| i64::try_from(id.ms).ok())),
    ]
}
