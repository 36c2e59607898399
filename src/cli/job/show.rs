//! `zoomd job show`.

use super::{OneArgs, missing, ops, story};
use crate::cli::ctx::Ctx;
use crate::cli::error::CliResult;
use crate::exit::Exit;

/// Tells the story of one job.
pub(super) async fn run(ctx: &Ctx, args: OneArgs) -> CliResult {
    let view = ops(ctx).await?.job(&args.id).await?.ok_or_else(|| missing(&args.id))?;
    ctx.out.show(&story::View::of(&view, true), || story::tell(ctx, &view))?;
    Ok(Exit::Done)
}
