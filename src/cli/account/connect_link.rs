//! `zoomd account connect-link`: a link with which somebody else connects the
//! account, on the daemon's public endpoint.
//!
//! Whoever has the link connects a Zoom user of their own as this account, once.
//! Redis holds a digest of it, so it cannot be shown again.

use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use zoomd_store::consent::{LinkError, Links, NewLink, Nonce};
use zoomd_store::grants::Plan;
use zoomd_wire::AccountName;

use super::open;
use crate::cli::ctx::Ctx;
use crate::config::units::{show_time, time};
use crate::error::{CliError, CliResult};
use crate::exit::Exit;
use crate::http::public::{Paths, far_from_home};
use crate::output::Format;

/// No link is good for less or for longer.
const SHORTEST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);

/// `account connect-link`.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  zoomd account connect-link acme --ttl 2d

The link leads to the daemon's public endpoint (ZOOMD_PUBLIC_LISTEN and _URL), from there to
Zoom's consent, and back. It works once. Give it to nobody but the person who is to consent.")]
pub struct ConnectLinkArgs {
    /// The account's name
    #[arg(value_name = "ACCOUNT")]
    account: AccountName,
    /// How long the link is good
    #[arg(long, value_name = "DURATION", default_value = "7d", value_parser = life)]
    ttl: Duration,
    /// Take the Zoom user from the account it is connected as
    #[arg(long)]
    take_over: bool,
    /// Zoom's plan: free, pro, business or unlimited (default: as it is, or pro)
    #[arg(long, value_name = "PLAN", value_parser = super::plan)]
    plan: Option<Plan>,
}

fn life(text: &str) -> Result<Duration, String> {
    let life = time(text).ok_or_else(|| "expected a time like 12h or 7d".to_owned())?;
    if (SHORTEST..=LONGEST).contains(&life) {
        return Ok(life);
    }
    Err(format!("must lie between {} and {}", show_time(SHORTEST), show_time(LONGEST)))
}

#[derive(Debug, Serialize)]
struct View<'a> {
    account: &'a str,
    url: &'a str,
    expires_at: Option<Timestamp>,
    take_over: bool,
    plan: Option<&'static str>,
}

/// Makes the link.
pub(super) async fn run(ctx: &Ctx, args: ConnectLinkArgs) -> CliResult {
    let paths = Paths::of(&ctx.config);
    if let Some(trouble) = far_from_home(&ctx.config) {
        ctx.out.warn(trouble);
    }
    let token = Nonce::generate();
    let url = paths.link(&token).ok_or_else(|| no_door(&args.account))?;
    let grants = open::grants(ctx).await?;
    let new = NewLink {
        account: args.account.clone(),
        plan: args.plan,
        take_over: args.take_over,
        life: args.ttl,
    };
    let links = Links::new(grants.store().clone());
    let until = links.make(&token, &new, grants.vault()).await?;
    let expires_at = Timestamp::from_millisecond(until).ok();
    let name = args.account.as_str();
    let view = View {
        account: name,
        url: url.as_str(),
        expires_at,
        take_over: args.take_over,
        plan: args.plan.map(Plan::as_str),
    };
    ctx.out.show(&view, || format!("{url}\n"))?;
    if ctx.out.format() == Format::Table {
        let when = expires_at.map(|at| at.to_string()).unwrap_or_default();
        ctx.out.note(format!("connects {name} once, until {when}; it cannot be shown again"));
    }
    Ok(Exit::Done)
}

fn no_door(account: &AccountName) -> CliError {
    let text = "the public endpoint has no address, so nobody could follow a link";
    CliError::config(text).code("no_public_door").hint(format!(
        "set ZOOMD_PUBLIC_URL (and the daemon's ZOOMD_PUBLIC_LISTEN), or connect it from this \
         machine: zoomd account login {account}"
    ))
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
