//! The accounts: is there one, can each be used, what may it do. And the
//! daemons that use them.

use zoom_api::TokenRefusal;
use zoom_api::scopes::{self, Need};
use zoomd_store::Store;
use zoomd_store::grants::{AccountState, AccountSummary, GrantKind, Grants};
use zoomd_store::ops::Ops;
use zoomd_store::rotation::Rotations;
use zoomd_store::seal::Vault;

use super::report::{Finding, State};
use crate::cli::account::correct_app;
use crate::config::Config;

/// Findings about single accounts; more are counted, not listed.
const LISTED: usize = 10;
/// An account that makes no call for longer, in seconds, does not work.
const LONG: i64 = 60;
/// Accounts read at once.
const PAGE: usize = 500;

/// Looks at every account.
pub(super) async fn look(config: &Config, store: &Store) -> Vec<Finding> {
    let Ok(ring) = config.key_ring() else {
        return Vec::new();
    };
    // Only reads from here on: a vault without the namespace's secret will do.
    let vault = Vault::new(ring, &config.namespace, &config.deployment, None);
    let grants = Grants::new(store.clone(), vault);
    let mut checks = vec![daemons(store).await];
    match read(&grants).await {
        Ok(found) => checks.extend(found),
        Err(error) => {
            checks.push(Finding::fail("accounts", error.to_string(), "zoomd account list"));
        }
    }
    checks
}

async fn daemons(store: &Store) -> Finding {
    let found = match Ops::new(store.clone()).daemons().await {
        Ok(found) => found,
        Err(error) => return Finding::fail("daemons", error.to_string(), "zoomd status"),
    };
    let alive: Vec<_> = found.iter().filter(|d| d.alive).map(|d| &d.presence).collect();
    if alive.is_empty() {
        let what = "none runs in this namespace: jobs wait";
        return Finding::warn("daemons", what, "zoomd run, or systemctl start zoomd");
    }
    let ours = env!("CARGO_PKG_VERSION");
    if let Some(other) = alive.iter().find(|d| d.version != ours) {
        let what = format!("{} runs version {}, this is {ours}", other.id, other.version);
        return Finding::warn("daemons", what, format!("restart zoomd on {}", other.host));
    }
    let names: Vec<_> = alive.iter().take(LISTED).map(|d| d.id.as_str()).collect();
    Finding::pass("daemons", format!("{} running: {}", alive.len(), names.join(", ")))
}

async fn read(grants: &Grants) -> Result<Vec<Finding>, zoomd_store::StoreError> {
    let mut trouble = Vec::new();
    let (mut total, mut well) = (0, 0);
    let mut last: Option<String> = None;
    loop {
        let names = grants.names(last.as_deref(), PAGE).await?;
        let Some(end) = names.last() else { break };
        last = Some(end.as_str().to_owned());
        for summary in grants.summaries(&names).await? {
            if summary.account.state == AccountState::Removed {
                continue;
            }
            total += 1;
            let found = of_account(&summary);
            let doubt = in_doubt(grants.store(), &summary).await?;
            let is_well = found.iter().all(|finding| finding.state != State::Fail);
            well += usize::from(is_well && doubt.is_none());
            trouble.extend(found);
            trouble.extend(doubt);
        }
    }
    if total == 0 {
        let next = "zoomd account login NAME";
        return Ok(vec![Finding::warn("accounts", "none is connected yet", next)]);
    }
    let what = format!("{well} of {total} can be used");
    let mut checks = vec![match well {
        0 => Finding::warn("accounts", what, "zoomd account list"),
        _ => Finding::pass("accounts", what),
    }];
    let more = trouble.len().saturating_sub(LISTED);
    checks.extend(trouble.into_iter().take(LISTED));
    if more > 0 {
        let what = format!("{more} more findings like these");
        checks.push(Finding::warn("accounts", what, "zoomd account list"));
    }
    Ok(checks)
}

/// An account whose token exchange has no known outcome makes no call.
async fn in_doubt(
    store: &Store,
    summary: &AccountSummary,
) -> Result<Option<Finding>, zoomd_store::StoreError> {
    let account = &summary.account;
    if account.intent.is_none() {
        return Ok(None);
    }
    let now_ms = store.now_ms().await?;
    let until = account.lease.as_ref().map_or(0, |(_, until)| *until);
    let leased = i64::try_from(until).unwrap_or(i64::MAX) > now_ms;
    let intent = Rotations::new(store.clone()).intent(&account.name).await?;
    let Some(intent) = intent.filter(|intent| intent.doubt.is_some() || !leased) else {
        return Ok(None);
    };
    let left = intent.due_ms.unwrap_or(now_ms).saturating_sub(now_ms).max(0) / 1_000;
    let (name, told) = (&account.name, intent.told());
    let what = format!("{name} makes no call: {told}; it is found out in {left} s");
    let next = format!("wait, or zoomd account refresh {name} --probe");
    Ok(Some(if left > LONG {
        Finding::fail("account", what, next)
    } else {
        Finding::warn("account", what, next)
    }))
}

fn of_account(summary: &AccountSummary) -> Vec<Finding> {
    let account = &summary.account;
    let name = account.name.as_str();
    let why = account.why.as_deref().map(|w| format!(" ({w})")).unwrap_or_default();
    let waiting = match summary.waiting {
        0 => String::new(),
        1 => "; 1 job waits".to_owned(),
        n => format!("; {n} jobs wait"),
    };
    let mut found = Vec::new();
    match account.state {
        AccountState::Active | AccountState::Removed => {}
        AccountState::WrongApp => found.push(Finding::fail(
            "account",
            format!("{name} was connected with another app or another Zoom{waiting}"),
            format!("set the former ZOOMD_CLIENT_ID, or zoomd account login {name}"),
        )),
        state => found.push(Finding::fail(
            "account",
            format!("{name} is {state}{why}{waiting}"),
            format!("zoomd account login {name}"),
        )),
    }
    if let Some(reason) = &account.paused {
        found.push(Finding::warn(
            "account",
            format!("{name} is paused ({reason}){waiting}"),
            format!("zoomd account resume {name}"),
        ));
    }
    if let Some(error) = &summary.last_error {
        found.push(Finding::warn(
            "account",
            format!("the last rotation of {name} failed: {error}"),
            next_for(error, name, account.kind),
        ));
    }
    found.extend(lacking(name, summary.scope.as_deref()));
    found
}

/// What Zoom said of the app is no matter of the account.
fn next_for(error: &str, name: &str, kind: GrantKind) -> String {
    if error.contains(TokenRefusal::OF_APP) {
        return format!("{}; then zoomd account refresh {name}", correct_app(name, kind));
    }
    format!("zoomd account explain {name}")
}

fn lacking(name: &str, granted: Option<&str>) -> Option<Finding> {
    // An imported token's scopes are known after its first rotation.
    let granted = granted.filter(|s| !s.trim().is_empty())?;
    let (scopes, effect) = scopes::lacking(granted)?;
    let what = format!("{name} lacks {}: {effect}", scopes.join(" and "));
    let next = format!(
        "add the scopes to the app at marketplace.zoom.us, then zoomd account login {name}"
    );
    Some(match scopes::missing(granted, Need::Create) {
        Some(_) => Finding::fail("account", what, next),
        None => Finding::warn("account", what, next),
    })
}
