//! `zoomd job show`.

use super::{OneArgs, missing, ops, story};
use crate::cli::ctx::Ctx;
use crate::error::CliResult;
use crate::exit::Exit;
use crate::queries::jobs;
use crate::views::{job, reason};

/// Tells the story of one job.
pub(super) async fn run(ctx: &Ctx, args: OneArgs) -> CliResult {
    let ops = ops(ctx).await?;
    let view = jobs::one(&ops, &args.id).await?.ok_or_else(|| missing(&args.id))?;
    ctx.out.show(&job::View::of(&view, true), || story::tell(ctx, &view))?;
    if let Some(next) = reason::next(&view) {
        ctx.out.hint(next);
    }
    Ok(Exit::Done)
}
