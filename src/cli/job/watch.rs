//! `zoomd job watch`: one job, until it has its outcome.

use std::time::Duration;

use serde_json::Value;

use super::{OneArgs, missing, ops, story};
use crate::cli::ctx::Ctx;
use crate::error::CliResult;
use crate::output::Format;
use crate::views::job;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(400);

/// Follows one job; a line for each change, then its outcome.
pub(super) async fn run(ctx: &Ctx, args: OneArgs) -> CliResult {
    let ops = ops(ctx).await?;
    let mut said = String::new();
    let mut missed = 0;
    let mut entry: Option<String> = None;
    loop {
        let Some(mut view) = ops.job_near(&args.id, entry.as_deref()).await? else {
            // Between two places a job may be in neither reader's sight.
            missed += 1;
            if missed > 2 {
                return Err(missing(&args.id));
            }
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        missed = 0;
        entry.clone_from(&view.entry);
        if view.state.is_over() {
            let outcome = view.outcome.as_deref().and_then(|json| serde_json::from_str(json).ok());
            let value: Value = outcome.unwrap_or_default();
            ops.add_blocks(&mut view).await?;
            ctx.out.show(&job::View::of(&view, true), || story::tell(ctx, &view))?;
            return Ok(story::exit_of(&value));
        }
        let now = story::place(&view);
        if now != said {
            match ctx.out.format() {
                Format::Jsonl => ctx.out.json(&job::View::of(&view, false))?,
                _ => ctx.out.note(story::standing(ctx, &view)),
            }
            said = now;
        }
        tokio::time::sleep(PAUSE).await;
    }
}
