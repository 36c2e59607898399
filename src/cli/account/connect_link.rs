//! `zoomd account connect-link`: a link with which somebody else connects the
//! account, on the daemon's public door.

use clap::Args;
use zoomd_wire::AccountName;

use crate::cli::ctx::Ctx;
use crate::cli::error::{CliError, CliResult};

/// `account connect-link`.
#[derive(Debug, Args)]
pub struct ConnectLinkArgs {
    /// The account's name
    #[arg(value_name = "ACCOUNT")]
    account: AccountName,
}

/// Makes the link.
pub(super) async fn run(ctx: &Ctx, args: ConnectLinkArgs) -> CliResult {
    let closed = ctx.config.public.listen.is_none();
    let why = if closed { "the public door is closed" } else { "links are not served yet" };
    Err(CliError::config(format!("{why}, so nobody could follow a link for {}", args.account))
        .code("no_public_door")
        .hint(format!("zoomd account login {} connects it from this machine", args.account)))
}
