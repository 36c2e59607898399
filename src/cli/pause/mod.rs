//! `zoomd pause` and `zoomd resume`: holding everything back.

use clap::Args;

use super::ctx::Ctx;
use crate::error::CliResult;
use crate::exit::Exit;

/// `zoomd pause`.
#[derive(Debug, Args)]
pub struct PauseArgs {
    /// Reason, shown by status
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub reason: String,
}

/// Holds everything back.
pub async fn pause(ctx: &Ctx, args: PauseArgs) -> CliResult {
    let shown = ctx.hand().await?.pause(&args.reason).await?;
    ctx.out
        .show(&shown, || "Paused. New jobs are accepted and wait; running jobs finish.\n".into())?;
    ctx.out.hint("run `zoomd resume` to start them again");
    Ok(Exit::Done)
}

/// Lets everything run again.
pub async fn resume(ctx: &Ctx) -> CliResult {
    let shown = ctx.hand().await?.resume().await?;
    let text = if shown.was_paused { "resumed\n" } else { "nothing was paused\n" };
    ctx.out.show(&shown, || text.to_owned())?;
    Ok(Exit::Done)
}
