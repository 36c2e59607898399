//! `zoomd account show`: where an account stands, and what it may do.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde::Serialize;
use zoom_api::scopes::{self, Need};
use zoomd_store::grants::{AccountState, AccountSummary, GrantRecord, Grants};
use zoomd_wire::AccountName;

use super::{NameArgs, open};
use crate::cli::ctx::Ctx;
use crate::cli::error::{CliError, CliResult};
use crate::cli::output::{FAINT, GOOD, WARN, paint};
use crate::cli::table::one_line;
use crate::exit::Exit;

/// An account as JSON. Fields are only ever added.
#[derive(Debug, Serialize)]
pub(super) struct View<'a> {
    account: &'a str,
    state: &'static str,
    why: Option<&'a str>,
    paused: Option<&'a str>,
    kind: &'static str,
    plan: &'static str,
    cap: Option<u32>,
    zoom_account: Option<&'a str>,
    zoom_user: Option<&'a str>,
    aliases: &'a [String],
    scopes: Vec<&'a str>,
    missing_scopes: Missing,
    epoch: Option<String>,
    generation: Option<u64>,
    access_expires_at: Option<Timestamp>,
    refresh_obtained_at: Option<Timestamp>,
    created_at: Option<Timestamp>,
    rotating: bool,
    last_error: Option<&'a str>,
    waiting: u64,
    in_flight: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    grant: Option<GrantView<'a>>,
}

/// The scope to ask for, where one is missing. All `null` while the scopes are
/// not known, which is until the first rotation of an imported token.
#[derive(Debug, Serialize)]
struct Missing {
    create: Option<&'static str>,
    list: Option<&'static str>,
    read: Option<&'static str>,
}

impl Missing {
    fn all(&self) -> impl Iterator<Item = &'static str> {
        [self.create, self.list, self.read].into_iter().flatten()
    }
}

#[derive(Debug, Serialize)]
struct GrantView<'a> {
    fingerprint: String,
    issuer: &'a str,
    client_id: &'a str,
    api_url: Option<&'a str>,
    candidates: usize,
}

/// The moment `ms` milliseconds after 1970; `None` for 0, which is "not known".
pub(super) fn timestamp(ms: u64) -> Option<Timestamp> {
    let ms = i64::try_from(ms).ok().filter(|ms| *ms > 0)?;
    Timestamp::from_millisecond(ms).ok()
}

impl<'a> View<'a> {
    pub(super) fn of(summary: &'a AccountSummary) -> Self {
        let account = &summary.account;
        let scope = summary.scope.as_deref();
        let missing = |need| scope.and_then(|scope| scopes::missing(scope, need));
        // A tombstone keeps the epoch alone: its generation is past all others.
        let live = account.version.filter(|_| account.state != AccountState::Removed);
        Self {
            account: account.name.as_str(),
            state: account.state.as_str(),
            why: account.why.as_deref(),
            paused: account.paused.as_deref(),
            kind: account.kind.as_str(),
            plan: account.plan.as_str(),
            cap: account.cap,
            zoom_account: account.zoom_account.as_deref(),
            zoom_user: account.zoom_user.as_deref(),
            aliases: &account.aliases,
            scopes: scope.unwrap_or_default().split_whitespace().collect(),
            missing_scopes: Missing {
                create: missing(Need::Create),
                list: missing(Need::List),
                read: missing(Need::Get),
            },
            epoch: account.version.map(|version| version.epoch.to_string()),
            generation: live.map(|version| version.generation),
            access_expires_at: timestamp(summary.access_expires_ms),
            refresh_obtained_at: timestamp(summary.obtained_ms),
            created_at: timestamp(account.created_ms),
            rotating: account.intent.is_some(),
            last_error: summary.last_error.as_deref(),
            waiting: summary.waiting,
            in_flight: summary.in_flight,
            grant: None,
        }
    }

    fn with(mut self, grant: Option<&'a GrantRecord>, now_ms: i64) -> Self {
        self.grant = grant.map(|grant| GrantView {
            fingerprint: grant.fp.short(),
            issuer: &grant.issuer,
            client_id: &grant.client_id,
            api_url: grant.api_url.as_deref(),
            candidates: grant.forks(now_ms).count(),
        });
        self
    }
}

/// Shows one account.
pub(super) async fn run(ctx: &Ctx, args: NameArgs) -> CliResult {
    let grants = open::readable(ctx).await?;
    one(ctx, &grants, &args.account).await
}

/// Shows the account as it is stored now.
pub(super) async fn one(ctx: &Ctx, grants: &Grants, name: &AccountName) -> CliResult {
    let mut summaries = grants.summaries(std::slice::from_ref(name)).await?;
    let summary = summaries.pop().ok_or_else(|| open::missing(name))?;
    let grant = grants.grant(name).await?;
    let now_ms = grants.store().now_ms().await?;
    let view = View::of(&summary).with(grant.as_ref(), now_ms);
    ctx.out.show(&view, || people(ctx, &summary, &view))?;
    if let Some(next) = next_step(&view) {
        ctx.out.hint(next);
    }
    Ok::<_, CliError>(Exit::Done)
}

fn people(ctx: &Ctx, summary: &AccountSummary, view: &View<'_>) -> String {
    let now = Timestamp::now();
    let mut text = String::new();
    let mut line = |head: &str, value: String| {
        let _ = writeln!(text, "{head:<10} {value}");
    };
    let moment = |at: Option<Timestamp>, none: &str| {
        at.map_or_else(|| paint(none, FAINT), |at| ctx.out.moment(at, now))
    };
    line("account", view.account.to_owned());
    let style = if summary.account.state == AccountState::Active { GOOD } else { WARN };
    let why = view.why.map(|why| format!(" ({})", one_line(why))).unwrap_or_default();
    line("state", paint(view.state, style) + &why);
    if let Some(reason) = view.paused {
        line("paused", paint(&one_line(reason), WARN));
    }
    line("plan", view.plan.to_owned());
    if let Some(cap) = view.cap {
        line("cap", format!("{cap} requests in flight"));
    }
    let unknown = || paint("not known yet", FAINT);
    let known = |text: Option<&str>| text.map_or_else(unknown, one_line);
    line("kind", view.kind.to_owned());
    line("zoom", format!("account {}, user {}", known(view.zoom_account), known(view.zoom_user)));
    if let Some(grant) = &view.grant {
        let generation = view.generation.unwrap_or_default();
        line("grant", format!("{} generation {generation}", grant.fingerprint));
        line("token", moment(view.access_expires_at, "none yet"));
        line("renewed", moment(view.refresh_obtained_at, "not by zoomd"));
        line("scopes", if view.scopes.is_empty() { unknown() } else { view.scopes.join(" ") });
        for scope in view.missing_scopes.all() {
            line("missing", paint(scope, WARN));
        }
    }
    if view.rotating {
        line("rotating", "yes".to_owned());
    }
    if let Some(error) = view.last_error {
        line("last error", one_line(error));
    }
    line("jobs", format!("{} waiting, {} in flight", view.waiting, view.in_flight));
    line("connected", moment(view.created_at, "never"));
    text
}

fn next_step(view: &View<'_>) -> Option<String> {
    let name = view.account;
    if view.state == AccountState::NeedsReauth.as_str() {
        return Some(format!("zoomd account login {name} gives consent again"));
    }
    if view.state == AccountState::Superseded.as_str() {
        return Some(format!("its Zoom user is connected as {}", view.why.unwrap_or("another")));
    }
    if view.state == AccountState::WrongApp.as_str() {
        return Some("configure the app that made its grant, or connect it with this one".into());
    }
    let mut missing = view.missing_scopes.all();
    let effect = scopes::lacking(&view.scopes.join(" ")).map(|(_, effect)| effect);
    missing.next().zip(effect).map(|(_, effect)| {
        format!("without the missing scopes {effect}; add them to the app, then zoomd account login {name}")
    })
}
