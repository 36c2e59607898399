//! `zoomd account connect-link`: a link with which somebody else connects the
//! account, on the daemon's public endpoint.
//!
//! Anyone who has the link connects a Zoom user of their own as this account, once.
//! Redis holds a digest of it, so it cannot be shown again.

use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use url::Url;
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
use crate::text::one_line;

/// No link is good for less or for longer.
const SHORTEST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);

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

/// Characters of a label.
const LABEL_MAX: usize = 80;

fn label(text: &str) -> Result<String, String> {
    let text = one_line(text.trim());
    if (1..=LABEL_MAX).contains(&text.chars().count()) {
        return Ok(text);
    }
    Err(format!("must have 1 to {LABEL_MAX} characters"))
}

/// True for an address below one of these. Scheme, host and port must be the same.
fn is_allowed(url: &Url, below: &[String]) -> bool {
    let web = matches!(url.scheme(), "https" | "http");
    let plain = url.username().is_empty() && url.password().is_none();
    web && plain
        && below.iter().filter_map(|base| Url::parse(base).ok()).any(|base| {
            let path = base.path().trim_end_matches('/');
            let rest = url.path().strip_prefix(path);
            base.origin() == url.origin()
                && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
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
    if let Some(url) =
        args.return_to.as_ref().filter(|url| !is_allowed(url, &ctx.config.public.return_to))
    {
        return Err(CliError::usage(format!(
            "--return-to {url} lies below no address of public.return_to"
        ))
        .hint("add its beginning to public.return_to (ZOOMD_PUBLIC_RETURN_TO)"));
    }
    let token = Nonce::generate();
    let url = paths.link(&token).ok_or_else(|| no_door(&args.account))?;
    let grants = open::grants(ctx).await?;
    let new = NewLink {
        account: args.account.clone(),
        plan: args.plan,
        take_over: args.take_over,
        life: args.ttl,
        label: args.label,
        return_to: args.return_to.map(String::from),
    };
    let links = Links::new(grants.store().clone());
    let until = links.make(&token, &new, grants.vault()).await?;
    let hand = ctx.hand_on(&grants);
    hand.record("account.connect-link", args.account.as_str(), "", "").await;
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
        ctx.out.note(format!(
            "single-use link for {name}, valid until {when}; it will not be shown again"
        ));
    }
    Ok(Exit::Done)
}

fn no_door(account: &AccountName) -> CliError {
    let text = "the public endpoint has no URL, so links would not work";
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_back_lies_below_an_allowed_address() {
        let below =
            ["https://app.example.com/zoom/".to_owned(), "http://localhost:3000".to_owned()];
        for (url, expected) in [
            ("https://app.example.com/zoom", true),
            ("https://app.example.com/zoom/done?x=1", true),
            ("http://localhost:3000/any", true),
            ("https://app.example.com/zoomed", false),
            ("https://app.example.com/zoom/../admin", false),
            ("https://app.example.com.evil.test/zoom/", false),
            ("https://app.example.com@evil.test/zoom/", false),
            ("https://user@app.example.com/zoom/", false),
            ("http://app.example.com/zoom/", false),
            ("javascript:alert(1)", false),
        ] {
            let url = Url::parse(url).expect("a URL");
            assert_eq!(is_allowed(&url, &below), expected, "{url}");
        }
        assert!(!is_allowed(&Url::parse("https://a.test/").expect("a URL"), &[]));
    }
}
