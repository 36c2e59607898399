//! `zoomd account show`: where an account stands, and what it may do.

use std::fmt::Write as _;

use jiff::Timestamp;
use zoom_api::scopes;
use zoomd_store::grants::{AccountState, AccountSummary, Grants};
use zoomd_wire::AccountName;

use super::{NameArgs, open};
use crate::cli::ctx::Ctx;
use crate::error::{CliError, CliResult};
use crate::exit::Exit;
use crate::output::{FAINT, GOOD, WARN, paint};
use crate::queries::accounts;
use crate::text::one_line;
use crate::views::account::View;

/// Shows one account.
pub(super) async fn run(ctx: &Ctx, args: NameArgs) -> CliResult {
    let grants = open::readable(ctx).await?;
    one(ctx, &grants, &args.account).await
}

/// Shows the account as it is stored now.
pub(super) async fn one(ctx: &Ctx, grants: &Grants, name: &AccountName) -> CliResult {
    let found = accounts::one(grants, name).await?.ok_or_else(|| open::missing(name))?;
    let view = View::of(&found.summary).with(found.grant.as_ref(), found.now_ms);
    ctx.out.show(&view, || people(ctx, &found.summary, &view))?;
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
        let is_over = view.access_expires_at.is_some_and(|at| at <= now);
        let verb =
            view.access_expires_at.map_or("", |_| if is_over { "expired " } else { "expires " });
        line("token", format!("{verb}{}", moment(view.access_expires_at, "none yet")));
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
        return Some(format!("zoomd account login {name} authorizes it again"));
    }
    if view.state == AccountState::Superseded.as_str() {
        return Some(format!("its Zoom user belongs to account {}", view.why.unwrap_or("another")));
    }
    if view.state == AccountState::WrongApp.as_str() {
        return Some(
            "configure the app it was authorized with, or authorize it with this one".into(),
        );
    }
    let mut missing = view.missing_scopes.all();
    let granted = view.scopes.join(" ");
    let effect = scopes::lacking(&granted).map(|(_, effect)| effect.to_owned());
    let effect = effect.or_else(|| {
        let deeds = scopes::unserved(&granted).into_iter().map(|(_, deed)| deed);
        let deeds = deeds.collect::<Vec<_>>().join(" or ");
        (!deeds.is_empty()).then(|| format!("meetings cannot be {deeds}"))
    });
    missing.next().zip(effect).map(|(_, effect)| {
        format!("without the missing scopes {effect}; add them to the app, then zoomd account login {name}")
    })
}
