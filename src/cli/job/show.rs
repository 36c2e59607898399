//! `zoomd job show`.

use super::{OneArgs, missing, ops, story};
use crate::cli::ctx::Ctx;
use crate::error::CliResult;
use crate::exit::Exit;
use crate::views::{job, reason};

/// Tells the story of one job.
pub(super) async fn run(ctx: &Ctx, args: OneArgs) -> CliResult {
    let ops = ops(ctx).await?;
    let mut view = ops.job(&args.id).await?.ok_or_else(|| missing(&args.id))?;
    ops.add_blocks(&mut view).await?;
    ctx.out.show(&job::View::of(&view, true), || story::tell(ctx, &view))?;
    if let Some(next) = reason::next(&view) {
        ctx.out.hint(next);
    }
    Ok(Exit::Done)
}
