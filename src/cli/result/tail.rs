//! `zoomd result tail`: the newest results, and with `-f` those that come.

use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use serde_json::Value;
use zoomd_store::streams::{self, Item, Stream, Tail};

use crate::cli::ctx::Ctx;
use crate::error::{CliError, CliResult};
use crate::exit::Exit;
use crate::output::Format;
use crate::output::table::Table;

/// Longest time that one read blocks.
const BLOCK: Duration = Duration::from_secs(5);

/// `result tail`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  zoomd result tail
  zoomd result tail -f --account acme
  zoomd result tail -f --output jsonl | jq -r .meeting.join_url")]
pub struct TailArgs {
    /// Keep printing new results
    #[arg(short, long)]
    follow: bool,
    /// Number of latest results to start with
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10)]
    lines: usize,
    /// Only entries of this account
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,
    /// Include failures
    #[arg(long)]
    failures: bool,
}

impl TailArgs {
    fn wants(&self, item: &Item) -> bool {
        self.account.as_ref().is_none_or(|account| item.field("account") == account)
    }
}

/// Prints results.
pub(super) async fn run(ctx: &Ctx, args: TailArgs) -> CliResult {
    let store = ctx.store().await?;
    let kinds =
        if args.failures { &[Stream::Results, Stream::Failures][..] } else { &[Stream::Results] };
    let mut tail = Tail::from_now(&store, kinds).await?;
    // With a filter further back is looked for as many.
    let look = if args.account.is_some() { args.lines.saturating_mul(50) } else { args.lines };
    let mut items = Vec::new();
    if args.lines > 0 {
        items = streams::latest(&store, Stream::Results, look.clamp(1, 10_000)).await?;
        items.retain(|item| args.wants(item));
        items.truncate(args.lines);
        items.reverse();
    }
    if !args.follow {
        return all(ctx, &items);
    }
    print(ctx, &items)?;
    loop {
        match tail.next(BLOCK, 500).await {
            Ok(mut items) => {
                items.retain(|item| args.wants(item));
                print(ctx, &items)?;
            }
            // The place is kept; Redis may be back in a moment.
            Err(error) if error.is_transient() => {
                ctx.out.warn(error.to_string());
                tokio::time::sleep(Duration::from_secs(2)).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn outcome(item: &Item) -> Value {
    let field = if item.stream == Stream::Failures { "failure" } else { "result" };
    serde_json::from_str(item.field(field)).unwrap_or_default()
}

fn cells(ctx: &Ctx, item: &Item, outcome: &Value) -> [String; 5] {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let failed = item.stream == Stream::Failures;
    let at = outcome[if failed { "failed_at" } else { "finished_at" }].as_str();
    let at: Option<Timestamp> = at.and_then(|at| at.parse().ok());
    let what = if failed { text(&outcome["code"]) } else { text(&outcome["meeting"]["id"]) };
    let more = if failed { &outcome["message"] } else { &outcome["meeting"]["join_url"] };
    [
        item.field("job_id").to_owned(),
        item.field("account").to_owned(),
        what,
        text(more),
        at.map(|at| ctx.out.moment(at, Timestamp::now())).unwrap_or_default(),
    ]
}

fn all(ctx: &Ctx, items: &[Item]) -> CliResult {
    let outcomes: Vec<Value> = items.iter().map(outcome).collect();
    let mut table = Table::new(["JOB", "ACCOUNT", "MEETING", "JOIN", "AGE"])
        .flexible(["JOB", "ACCOUNT"])
        .optional(["JOIN"]);
    for (item, outcome) in items.iter().zip(&outcomes) {
        table.row(cells(ctx, item, outcome));
    }
    ctx.out.list(&outcomes, &table, "no results yet")?;
    Ok(Exit::Done)
}

/// One line each, as they come.
fn print(ctx: &Ctx, items: &[Item]) -> Result<(), CliError> {
    for item in items {
        let outcome = outcome(item);
        match ctx.out.format() {
            Format::Json | Format::Jsonl => ctx.out.data(&format!("{outcome}\n"))?,
            Format::Quiet => ctx.out.data(&format!("{}\n", item.field("job_id")))?,
            Format::Table => {
                let [job, account, what, more, _] = cells(ctx, item, &outcome);
                let line = format!("{job}  {account}  {what}  {more}");
                ctx.out.data(&(crate::text::one_line(&line) + "\n"))?;
            }
        }
    }
    Ok(())
}
