//! `zoomd failure export`: failures as JSON lines, for other tools.

use clap::Args;

use super::ops;
use super::pick::Match;
use crate::cli::ctx::Ctx;
use crate::error::CliResult;
use crate::exit::Exit;
use crate::text::one_line;

/// `failure export`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  zoomd failure export > failures.jsonl
  zoomd failure export --code invalid_job | jq -c .job")]
pub struct ExportArgs {
    #[command(flatten)]
    conditions: Match,
}

/// Prints the failures' JSON, one a line, newest first.
pub(super) async fn run(ctx: &Ctx, args: ExportArgs) -> CliResult {
    let ops = ops(ctx).await?;
    let mut count = 0;
    args.conditions
        .walk(&ops, usize::MAX, |lines| {
            count += lines.len();
            // The job in it came from outside, and may hold line ends between its fields.
            let text: String = lines.iter().map(|line| one_line(&line.json) + "\n").collect();
            ctx.out.data(&text)
        })
        .await?;
    ctx.out.note(format!("{count} failures"));
    Ok(Exit::Done)
}
