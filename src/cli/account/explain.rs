//! `zoomd account explain`: the story of a grant, for a person at three in the
//! morning. Everything shown is what is stored; nothing is asked of Zoom.

use std::fmt::Write as _;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use zoom_api::TokenRefusal;
use zoomd_store::grants::{AccountRecord, AccountState, GrantRecord, Line};
use zoomd_store::rotation::{OpenIntent, Rotations};
use zoomd_wire::AccountName;

use super::open;
use crate::cli::ctx::Ctx;
use crate::error::CliResult;
use crate::exit::Exit;
use crate::health::correct_app;
use crate::output::{FAINT, paint};
use crate::text::{count, one_line, span};
use crate::views::account::timestamp;

/// `account explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The account's name
    #[arg(value_name = "ACCOUNT")]
    account: AccountName,
    /// Maximum number of entries to show (200 are kept)
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
}

#[derive(Debug, Serialize)]
struct Story<'a> {
    account: &'a str,
    state: &'static str,
    why: Option<&'a str>,
    now: Vec<String>,
    timeline: Vec<Told>,
}

/// One line, with its time in the form of all our JSON.
#[derive(Debug, Serialize)]
struct Told {
    at: Option<Timestamp>,
    #[serde(flatten)]
    line: Line,
}

/// Tells the story, newest first.
pub(super) async fn run(ctx: &Ctx, args: ExplainArgs) -> CliResult {
    let grants = open::readable(ctx).await?;
    let name = &args.account;
    let account = grants.account(name).await?.ok_or_else(|| open::missing(name))?;
    let grant = grants.grant(name).await?;
    let now_ms = grants.store().now_ms().await?;
    let intent = Rotations::new(grants.store().clone()).intent(name).await?;
    let timeline = grants.timeline(name, args.limit).await?.into_iter().map(|mut line| {
        let at = timestamp(std::mem::take(&mut line.at));
        Told { at, line }
    });
    let story = Story {
        account: name.as_str(),
        state: account.state.as_str(),
        why: account.why.as_deref(),
        now: situation(&account, grant.as_ref(), intent.as_ref(), now_ms),
        timeline: timeline.collect(),
    };
    ctx.out.show(&story, || people(ctx, &story))?;
    if account.state == AccountState::NeedsReauth {
        ctx.out.hint(format!("zoomd account login {name} authorizes it again"));
    }
    if grant.and_then(|grant| grant.last_error).is_some_and(|e| e.contains(TokenRefusal::OF_APP)) {
        ctx.out.hint(correct_app(name.as_str(), account.kind));
    }
    Ok(Exit::Done)
}

/// Sentences about the present state of the account.
fn situation(
    account: &AccountRecord,
    grant: Option<&GrantRecord>,
    intent: Option<&OpenIntent>,
    now_ms: i64,
) -> Vec<String> {
    let mut said = Vec::new();
    let now = u64::try_from(now_ms).unwrap_or(0);
    match grant {
        None => said.push("no grant is stored".to_owned()),
        Some(grant) => {
            let generation = grant.version.generation;
            let fp = grant.fp.short();
            said.push(format!("generation {generation} is stored, refresh token {fp}"));
            said.push(match grant.access_expires_ms {
                0 => "no access token yet; the first token refresh brings one".to_owned(),
                at if at <= now => "the access token has expired".to_owned(),
                at => format!("the access token expires in {}", span((at - now) / 1_000)),
            });
            let forks = grant.forks(now_ms).count();
            if forks > 0 {
                said.push(format!(
                    "{forks} alternative tokens are kept and will be tried before giving up"
                ));
            }
            if let Some(error) = &grant.last_error {
                said.push(format!("the last token refresh failed: {}", one_line(error)));
            }
        }
    }
    match &account.lease {
        // A rotation that was put off leaves the lease to nobody for a while.
        Some((owner, until)) if *until > now => {
            let left = span((until - now).div_ceil(1_000));
            said.push(match owner.as_str() {
                "" | "-" => format!("next token refresh in {left} at the earliest"),
                owner => {
                    format!("{} holds the token refresh lease for another {left}", one_line(owner))
                }
            });
        }
        _ => {}
    }
    let leased = account.lease.as_ref().is_some_and(|(_, until)| *until > now);
    match intent.filter(|_| account.intent.is_some()) {
        Some(intent) if intent.doubt.is_some() || !leased => {
            said.push(one_line(&intent.told()));
            let left = intent.due_ms.unwrap_or(now_ms).saturating_sub(now_ms);
            let left = span(u64::try_from(left).unwrap_or(0).div_ceil(1_000));
            said.push(format!("no call is made until the token is sent again, in {left}"));
            said.push(format!(
                "zoomd account refresh {} --probe asks Zoom immediately",
                account.name
            ));
        }
        Some(intent) => {
            said.push(format!("a token refresh is in progress ({})", one_line(&intent.id)))
        }
        None => {}
    }
    if let Some(reason) = &account.paused {
        said.push(format!("paused: {}", one_line(reason)));
    }
    said
}

fn people(ctx: &Ctx, story: &Story<'_>) -> String {
    let now = Timestamp::now();
    let why = story.why.map(|why| format!(" ({})", one_line(why))).unwrap_or_default();
    let mut text = format!("{} is {}{why}\n", story.account, story.state);
    for sentence in &story.now {
        let _ = writeln!(text, "  {sentence}");
    }
    if !story.timeline.is_empty() {
        text.push('\n');
    }
    for Told { at, line } in &story.timeline {
        let at = at.map(|at| ctx.out.moment(at, now)).unwrap_or_default();
        let _ = write!(text, "{} {}", paint(&format!("{at:>12}"), FAINT), one_line(&line.what));
        if let Some(version) = &line.version {
            let generation = version.rsplit('.').next().unwrap_or_default();
            let _ = write!(text, ", generation {generation}");
        }
        for (head, part) in [("token", &line.fp), ("by", &line.by)] {
            if let Some(part) = part {
                let _ = write!(text, ", {head} {}", one_line(part));
            }
        }
        if let Some(jobs) = line.waiting_jobs {
            let _ = write!(text, ", {} waited", count(jobs, "job"));
        }
        if let Some(detail) = &line.detail {
            let _ = write!(text, ": {}", one_line(detail));
        }
        text.push('\n');
    }
    text
}
