//! `zoomd account connect-link`: a link with which somebody else connects the
//! account, on the daemon's public endpoint.
//!
//! Anyone who has the link connects a Zoom user of their own as this account, once.
//! Redis holds a digest of it, so it cannot be shown again.

use std::time::Duration;

use clap::Args;
use url::Url;
use zoomd_store::consent::{LinkError, NewLink};
use zoomd_store::grants::Plan;
use zoomd_wire::AccountName;

use super::open;
use crate::acts::{label, life};
use crate::cli::ctx::Ctx;
use crate::error::{CliError, CliResult};
use crate::exit::Exit;
use crate::http::public::{Paths, far_from_home};
use crate::output::Format;

/// `account connect-link`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  zoomd account connect-link acme --ttl 2d
  zoomd account connect-link acme --label 'Acme Ltd' --return-to https://app.example.com/done

The link leads to the daemon's public endpoint (ZOOMD_PUBLIC_LISTEN and _URL), from there to
Zoom's consent page, and back. It works once. Send it only to the person who is to authorize.")]
pub struct ConnectLinkArgs {
    /// The account's name
    #[arg(value_name = "ACCOUNT")]
    account: AccountName,
    /// Validity of the link
    #[arg(long, value_name = "DURATION", default_value = "7d", value_parser = life)]
    ttl: Duration,
    /// Move the Zoom user here from the account it belongs to now
    #[arg(long)]
    take_over: bool,
    /// Zoom's plan: free, pro, business or unlimited (default: as it is, or pro)
    #[arg(long, value_name = "PLAN", value_parser = super::plan)]
    plan: Option<Plan>,
    /// The name that the person sees (default: the account's)
    #[arg(long, value_name = "TEXT", value_parser = label)]
    label: Option<String>,
    /// Page to return to afterwards; must be below one of public.return_to
    #[arg(long, value_name = "URL")]
    return_to: Option<Url>,
}

/// Makes the link.
pub(super) async fn run(ctx: &Ctx, args: ConnectLinkArgs) -> CliResult {
    let paths = Paths::of(&ctx.config);
    if let Some(trouble) = far_from_home(&ctx.config) {
        ctx.out.warn(trouble);
    }
    let grants = open::grants(ctx).await?;
    let new = NewLink {
        account: args.account,
        plan: args.plan,
        take_over: args.take_over,
        life: args.ttl,
        label: args.label,
        return_to: args.return_to.map(String::from),
    };
    let hand = ctx.hand_on(&grants);
    let link = hand.connect_link(&ctx.config, &grants, &new, |token| paths.link(token)).await?;
    ctx.out.show(&link, || format!("{}\n", link.url))?;
    if ctx.out.format() == Format::Table {
        let when = link.expires_at.map(|at| at.to_string()).unwrap_or_default();
        ctx.out.note(format!(
            "single-use link for {}, valid until {when}; it will not be shown again",
            link.account
        ));
    }
    Ok(Exit::Done)
}

impl From<LinkError> for CliError {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::Store(error) => error.into(),
            LinkError::Seal(error) => error.into(),
            other => Self::failed(other.to_string()),
        }
    }
}
