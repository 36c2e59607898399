//! `zoomd status`: the verdict, its problems, and the numbers on one screen.
//!
//! The verdict and the problems come from [`crate::health`]. Without Redis there are
//! no numbers, but still a verdict.

mod trouble;
mod waiting;

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use clap::Args;
use jiff::Timestamp;
use zoomd_store::Store;
use zoomd_store::inspect::WaitingJobs;

use super::ctx::Ctx;
use crate::error::{CliError, CliResult};
use crate::health::{Gatherer, Verdict};
use crate::output::{FAINT, Format, GOOD, WARN, paint};
use crate::queries::status::look;
use crate::text::one_line;
use crate::views::status::{Numbers, OBJECTIVE, Redis, Rotations, View};

/// Between two looks.
const PAUSE: Duration = Duration::from_secs(2);
/// Clears the screen and goes to its first place.
const CLEAR: &str = "\x1b[2J\x1b[H";

/// `zoomd status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Refresh every two seconds, also during outages
    #[arg(short, long)]
    pub watch: bool,
}

/// Runs it.
pub async fn run(ctx: &Ctx, args: StatusArgs) -> CliResult {
    if args.watch && ctx.out.format() != Format::Jsonl && !std::io::stdout().is_terminal() {
        return Err(
            CliError::usage("--watch needs a terminal").hint("in a pipe use --output jsonl")
        );
    }
    let store = Store::open(&ctx.config.store())?;
    let ops = ctx.ops(store.clone());
    let mut gatherer = Gatherer::of_command(&ctx.config, store.clone());
    let mut before: Option<(Instant, u64)> = None;
    loop {
        let look = look(&mut gatherer, &ops).await?;
        let ended = look.numbers.as_ref().map(|found| found.status.ended.0 + found.status.ended.1);
        let rate = before.zip(ended).map(|((at, was), ended)| {
            ended.saturating_sub(was) as f64 / at.elapsed().as_secs_f64().max(0.001)
        });
        before = ended.map(|ended| (Instant::now(), ended)).or(before);
        let view = View {
            namespace: store.keys().namespace(),
            judgement: &look.judgement,
            numbers: look.numbers.as_ref().map(Numbers::of),
        };
        ctx.out.show(&view, || {
            let head = if args.watch { CLEAR } else { "" };
            let trouble = trouble::text(&ctx.out, &look.judgement);
            let numbers = view.numbers.as_ref().zip(look.numbers.as_ref());
            let numbers =
                numbers.map(|(numbers, found)| people(ctx, &view, numbers, &found.waiting, rate));
            format!("{head}{trouble}{}", numbers.unwrap_or_default())
        })?;
        if !args.watch {
            hint(ctx, &view);
            return Ok(look.judgement.verdict.exit());
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn people(
    ctx: &Ctx,
    whole: &View<'_>,
    view: &Numbers<'_>,
    waiting: &WaitingJobs,
    rate: Option<f64>,
) -> String {
    let now = Timestamp::now();
    let mut text = String::new();
    let mut line = |head: &str, value: String| {
        let _ = writeln!(text, "{head:<10} {value}");
    };
    line("namespace", whole.namespace.to_owned());
    let alive = view.daemons.iter().filter(|daemon| daemon.alive).count();
    line(
        "daemons",
        match alive {
            0 => paint("no daemon is running", WARN),
            n => paint(&format!("{n} running"), GOOD),
        },
    );
    for daemon in &view.daemons {
        let seen = daemon.seen_at.map(|at| ctx.out.moment(at, now)).unwrap_or_default();
        let state = if daemon.alive { String::new() } else { format!(", last seen {seen}") };
        line("", paint(&format!("{} {}{state}", daemon.id, daemon.version), FAINT));
    }
    let age = view.oldest_queued_at.map(|at| format!(", oldest {}", ctx.out.moment(at, now)));
    line("queued", format!("{}{}", view.queued, age.unwrap_or_default()));
    line("running", view.running.to_string());
    line("waiting", view.waiting.to_string());
    line("sleeping", view.sleeping.to_string());
    for text in waiting::lines(&ctx.out, waiting, now) {
        line("", paint(&text, FAINT));
    }
    let speed = rate.map(|rate| format!(" ({rate:.0}/s)")).unwrap_or_default();
    let (succeeded, failed) = (view.succeeded_total, view.failed_total);
    line("finished", format!("{succeeded} succeeded, {failed} failed{speed}"));
    line(
        "failures",
        format!("{} open, {} in the last 24 h", view.failures_listed, view.failures_last_day),
    );
    let accounts: Vec<_> = view.accounts.iter().map(|(state, n)| format!("{n} {state}")).collect();
    line("accounts", if accounts.is_empty() { "none".to_owned() } else { accounts.join(", ") });
    for trouble in &view.accounts_in_trouble {
        line("", paint(&format!("{} {}", one_line(trouble.account), trouble.state), WARN));
    }
    line("refreshes", rotations_line(&view.rotations));
    line("redis", redis(&view.redis));
    text
}

fn rotations_line(of: &Rotations) -> String {
    let all = of.in_time + of.late + of.repaired + of.lost;
    let mut text = match of.share_in_time {
        None => format!("none in {} days", of.days),
        Some(share) => {
            // Cut, not rounded: one late of many is not all in time.
            let percent = (share * 10_000.0).floor() / 100.0;
            let goal = OBJECTIVE * 100.0;
            let text = format!(
                "{all} in {} days, {percent} % stored in time (goal {goal} %), {} lost",
                of.days, of.lost
            );
            paint(&text, if of.met { GOOD } else { WARN })
        }
    };
    for (count, what) in [
        (of.late, "late"),
        (of.repaired, "recovered from the journal"),
        (of.refused, "rejected by Zoom"),
        (of.in_doubt, "unresolved now"),
    ] {
        if count > 0 {
            let _ = write!(text, ", {count} {what}");
        }
    }
    text
}

fn redis(redis: &Redis<'_>) -> String {
    let mib = |bytes: u64| format!("{:.0} MiB", bytes as f64 / (1 << 20) as f64);
    let memory = match redis.max_memory {
        0 => mib(redis.used_memory),
        most => format!("{} of {}", mib(redis.used_memory), mib(most)),
    };
    let mut text = format!("{} {}, {memory}", redis.product, redis.version);
    if !redis.aof {
        let _ = write!(text, ", {}", paint("no append-only file", WARN));
    }
    if redis.policy != "noeviction" {
        let _ = write!(text, ", {}", paint(&format!("evicts ({})", redis.policy), WARN));
    }
    text
}

/// The next command to type, where no problem names one.
fn hint(ctx: &Ctx, view: &View<'_>) {
    let failed = view.numbers.as_ref().is_some_and(|numbers| numbers.failures_last_day > 0);
    if failed && view.judgement.verdict == Verdict::Ok {
        ctx.out.hint("zoomd failure list");
    }
}
