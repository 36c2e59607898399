//! The accounts: is there one, what may each do, and how did its last token refresh
//! go. Which of them hold jobs back is the judgement's.

use zoom_api::TokenRefusal;
use zoom_api::scopes::{self, Need};
use zoomd_store::Store;
use zoomd_store::encryption::Vault;
use zoomd_store::grants::{AccountState, AccountSummary, GrantKind, Grants};

use super::report::Finding;
use crate::config::Config;
use crate::health::Found;
use crate::health::correct_app;

/// Findings about single accounts; more are counted, not listed.
const LISTED: usize = 10;
/// Accounts read at once.
const PAGE: usize = 500;

/// Looks at every account.
pub(super) async fn look(config: &Config, store: &Store, found: &Found) -> Vec<Finding> {
    let Ok(ring) = config.key_ring() else {
        return Vec::new();
    };
    // Only reads from here on: a vault without the secret of the namespace will do.
    let vault = Vault::new(ring, &config.namespace, &config.deployment, None);
    let grants = Grants::new(store.clone(), vault);
    let mut checks: Vec<_> = versions(found).into_iter().collect();
    match read(&grants).await {
        Ok(found) => checks.extend(found),
        Err(error) => {
            checks.push(Finding::fail("accounts", error.to_string(), "zoomd account list"));
        }
    }
    checks
}

/// A daemon of another version than this command.
fn versions(found: &Found) -> Option<Finding> {
    let ours = env!("CARGO_PKG_VERSION");
    let mut alive = found.vitals.daemons.iter().filter(|d| d.alive).map(|d| &d.presence);
    let other = alive.find(|d| d.version != ours)?;
    let what = format!("{} runs version {}, this is {ours}", other.id, other.version);
    Some(Finding::warn("daemons", what, format!("restart zoomd on {}", other.host)))
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
            well += usize::from(summary.account.state == AccountState::Active);
            trouble.extend(of_account(&summary));
        }
    }
    if total == 0 {
        let next = "zoomd account login NAME";
        return Ok(vec![Finding::warn("accounts", "no accounts are connected yet", next)]);
    }
    let what = format!("{well} of {total} can be used");
    let mut checks = vec![match well {
        0 => Finding::warn("accounts", what, "zoomd account list"),
        _ => Finding::pass("accounts", what),
    }];
    let more = trouble.len().saturating_sub(LISTED);
    checks.extend(trouble.into_iter().take(LISTED));
    if more > 0 {
        let what = format!("and {more} more like these");
        checks.push(Finding::warn("accounts", what, "zoomd account list"));
    }
    Ok(checks)
}

fn of_account(summary: &AccountSummary) -> Vec<Finding> {
    let account = &summary.account;
    let name = account.name.as_str();
    let mut found = Vec::new();
    if let Some(error) = &summary.last_error {
        found.push(Finding::warn(
            "account",
            format!("the last token refresh of {name} failed: {error}"),
            next_for(error, name, account.kind),
        ));
    }
    found.extend(lacking(name, summary.scope.as_deref()));
    found.extend(unserved(name, summary.scope.as_deref()));
    found
}

/// Next step after `error`. Errors about the app are fixed in the app, not in the account.
fn next_for(error: &str, name: &str, kind: GrantKind) -> String {
    if error.contains(TokenRefusal::OF_APP) {
        return format!("{}; then zoomd account refresh {name}", correct_app(name, kind));
    }
    format!("zoomd account explain {name}")
}

/// No fault while no such job comes.
fn unserved(name: &str, granted: Option<&str>) -> Option<Finding> {
    let granted = granted.filter(|s| !s.trim().is_empty())?;
    let (scopes, deeds): (Vec<_>, Vec<_>) = scopes::unserved(granted).into_iter().unzip();
    let (scopes, deeds) = (scopes.join(" and "), deeds.join(" or "));
    let what = || format!("meetings of {name} cannot be {deeds}: it lacks {scopes}");
    (!scopes.is_empty()).then(|| Finding::pass("account", what()))
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
