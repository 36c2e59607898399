//! `zoomd account remove`: the tokens are erased here and revoked at Zoom, the
//! account's jobs fail as `account_removed`.

use clap::Args;
use secrecy::SecretString;
use serde::Serialize;
use zoom_api::App;
use zoomd_store::grants::{AccountState, GrantRecord, GrantSecrets, Grants, Removed};
use zoomd_wire::AccountName;
use zoomd_workers::consent::issuer;

use super::{open, purge};
use crate::cli::ctx::Ctx;
use crate::error::{CliError, CliResult};
use crate::exit::Exit;
use crate::text::count;

/// `account remove`.
#[derive(Debug, Args)]
pub struct RemoveArgs {
    /// The account's name
    #[arg(value_name = "ACCOUNT")]
    account: AccountName,
    /// Leave the grant at Zoom alive
    #[arg(long)]
    keep_grant: bool,
    /// Leave nothing of the account behind: waiting jobs, records, failures, timeline
    #[arg(long)]
    purge: bool,
    /// Why, for the event and the timeline
    #[arg(long, value_name = "TEXT", default_value = "removed by hand")]
    reason: String,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

#[derive(Debug, Serialize)]
struct Report<'a> {
    account: &'a str,
    removed: bool,
    revoked: Revoked,
    waiting: u64,
    purged: bool,
}

/// What became of the grant at Zoom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Revoked {
    /// It is ended.
    Yes,
    /// It was to be kept.
    Kept,
    /// Another account has a grant of the same Zoom user.
    Shared,
    /// There was none, or one of an app of the account's own.
    Nothing,
    /// Zoom did not end it.
    Failed,
}

/// Removes the account.
pub(super) async fn run(ctx: &Ctx, args: RemoveArgs) -> CliResult {
    let grants = open::grants(ctx).await?;
    let name = &args.account;
    let account = grants.account(name).await?.ok_or_else(|| open::missing(name))?;
    if account.state == AccountState::Removed && !args.purge {
        return Err(open::missing(name));
    }
    if ctx.out.is_interactive() && !args.yes {
        let what = if args.purge { "and all that is known of it " } else { "" };
        ctx.out.confirm(&format!("remove {name} {what}and fail its waiting jobs?"), false)?;
    }
    // Read before it is erased; what does not open is erased all the same.
    let opened = grants.open(name).await;
    if let Err(error) = &opened {
        ctx.out.warn(format!("its tokens cannot be opened, so Zoom is not told: {error}"));
    }
    let opened = opened.ok().flatten();
    let shared = is_shared(&grants, name, opened.as_ref(), account.zoom_user.as_deref()).await?;
    let waiting = match grants.remove(name, &args.reason, None).await? {
        Removed::Done { waiting, .. } => waiting,
        _ => return Err(open::missing(name)),
    };
    let (revoked, trouble) = match opened {
        _ if args.keep_grant => (Revoked::Kept, None),
        Some(_) if shared => (Revoked::Shared, None),
        // An app of the account's own has no consent to revoke.
        Some((record, secrets)) if secrets.client_secret.is_none() => {
            revoke(ctx, &record, secrets).await
        }
        _ => (Revoked::Nothing, None),
    };
    if args.purge {
        purge::purge(ctx, &grants, name).await?;
    }
    let report =
        Report { account: name.as_str(), removed: true, revoked, waiting, purged: args.purge };
    match trouble {
        Some(why) => {
            let text = format!("{name} is removed here, but its grant at Zoom may live on: {why}");
            Err(CliError::failed(text)
                .code("not_revoked")
                .hint("its user can remove the app at marketplace.zoom.us, under Installed apps"))
        }
        None => {
            ctx.out.show(&report, || people(&report))?;
            Ok(Exit::Done)
        }
    }
}

/// Whether another account has a grant of the same Zoom user and app.
async fn is_shared(
    grants: &Grants,
    name: &AccountName,
    opened: Option<&(GrantRecord, GrantSecrets)>,
    zoom_user: Option<&str>,
) -> Result<bool, CliError> {
    let (Some((record, _)), Some(user)) = (opened, zoom_user) else { return Ok(false) };
    let holder = grants.holder(&record.client_id, user).await?;
    Ok(holder.is_some_and(|holder| holder != name.as_str()))
}

/// Ends the grant at Zoom with the app that made it, and with no other.
async fn revoke(
    ctx: &Ctx,
    record: &GrantRecord,
    secrets: GrantSecrets,
) -> (Revoked, Option<String>) {
    let failed = |why: String| (Revoked::Failed, Some(why));
    let (app, zoom): (App, _) = match (open::app(ctx), ctx.zoom()) {
        (Ok(app), Ok(zoom)) => (app, zoom),
        (Err(error), _) | (_, Err(error)) => return failed(error.message),
    };
    if app.client_id != record.client_id || issuer(&zoom) != record.issuer {
        return failed("another app made it than the one that is configured".into());
    }
    // An access token that has expired ends nothing; a refresh token does too.
    let tokens: Vec<SecretString> =
        [secrets.access_token, secrets.refresh_token].into_iter().flatten().collect();
    let mut why = "no token of it is known".to_owned();
    for token in &tokens {
        match zoom.revoke(&app, token).await {
            Ok(reply) => match reply.revoked() {
                Ok(()) => return (Revoked::Yes, None),
                Err(refusal) => why = refusal.to_string(),
            },
            Err(error) => why = error.to_string(),
        }
    }
    failed(why)
}

fn people(report: &Report<'_>) -> String {
    let name = report.account;
    let grant = match report.revoked {
        Revoked::Yes => "its grant is revoked at Zoom",
        Revoked::Kept => "its grant at Zoom is kept",
        Revoked::Shared => "its grant at Zoom is kept: another account uses it",
        Revoked::Nothing | Revoked::Failed => "there was nothing to revoke at Zoom",
    };
    let jobs = match (report.purged, report.waiting) {
        (true, _) => "; nothing of it is left".to_owned(),
        (false, 0) => String::new(),
        (false, n) => format!("; {} that waited: failed as account_removed", count(n, "job")),
    };
    format!("{name} is removed; {grant}{jobs}\n")
}
