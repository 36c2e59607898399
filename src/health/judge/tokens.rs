//! Token refreshes: rejected apps, refreshes in doubt or held, missing keys.

use std::collections::BTreeSet;

use zoomd_store::grants::GrantKind;
use zoomd_store::inspect::{AccountVitals, AppStop, Problem};
use zoomd_store::rekey::Survey;
use zoomd_store::rotation::OpenIntent;

use super::{Found, Here, clock_time, listed, names};
use crate::health::correct_app;

/// Problems of token refreshes.
pub(super) fn all(here: &Here, found: &Found) -> Vec<Problem> {
    let mut problems: Vec<_> =
        found.vitals.stops.iter().filter_map(|stop| rejected(found, stop)).collect();
    problems.extend(held(here, found));
    let doubts = found.vitals.open.iter().filter_map(|intent| in_doubt(found, intent)).collect();
    let more = |n| format!("{n} more token refreshes are in doubt");
    problems.extend(listed(doubts, more, "zoomd account list"));
    problems.extend(found.keys.as_ref().and_then(|keys| key_missing(here, keys)));
    problems
}

/// An app that Zoom rejected, while it is used and has not been accepted since.
fn rejected(found: &Found, stop: &AppStop) -> Option<Problem> {
    let now_ms = found.vitals.now_ms;
    let of_app = |account: &&AccountVitals| {
        account.issuer == stop.issuer && account.client_id == stop.client_id
    };
    let users: Vec<_> = found.accounts.0.values().filter(of_app).collect();
    let first = users.first()?;
    if stop.mass && stop.until_ms <= now_ms {
        return None;
    }
    let without = users.iter().filter(|account| account.expires_ms <= now_ms);
    let jobs = found.held_back(without.copied());
    let (app, why) = (&stop.client_id, crate::text::one_line(&stop.why));
    let list = names(users.iter().map(|account| account.name.as_str()));
    let kind = match first.server_to_server {
        true => GrantKind::ServerToServer,
        false => GrantKind::Oauth,
    };
    let name = &first.name;
    let (what, next) = match stop.mass {
        true => (
            format!(
                "many accounts of app {app} lost their authorization at the same time ({why}): no token is \
                 refreshed until {}",
                clock_time(stop.until_ms)
            ),
            format!("look at the app at marketplace.zoom.us; then zoomd account refresh {name}"),
        ),
        false => (
            format!("Zoom rejects the credentials of app {app}, used by {list}: {why}"),
            format!("{}; then zoomd account refresh {name}", correct_app(name, kind)),
        ),
    };
    let works = |account: &AccountVitals| account.expires_ms > now_ms || !of_app(&account);
    let problem = match found.accounts.0.values().any(works) {
        true => Problem::degraded("app_rejected", what, next),
        false => Problem::down("app_rejected", what, next),
    };
    let problem = problem.since(stop.since_ms).holding_at_most(jobs);
    // One app's accounts are several; with one it is that account's trouble.
    Some(match users.len() {
        1 => problem.of_account(name),
        _ => problem,
    })
}

/// The hold after a change of Redis' run id.
fn held(here: &Here, found: &Found) -> Option<Problem> {
    let vitals = &found.vitals;
    let ends = vitals.run_at_ms.saturating_add(here.hold_ms);
    let holds = vitals.run_at_ms > 0 && ends > vitals.now_ms && !vitals.hold_over;
    let what = format!(
        "token refreshes are on hold since Redis restarted or failed over, until all daemons have \
         reported, at most until {}",
        clock_time(ends)
    );
    holds.then(|| {
        let problem = Problem::degraded("rotation_held", what, "zoomd status -w");
        problem.since(vitals.run_at_ms).holding_at_most(found.waiting_for_a_token())
    })
}

/// A token refresh whose outcome is not known: the account makes no call.
fn in_doubt(found: &Found, intent: &OpenIntent) -> Option<Problem> {
    let now_ms = found.vitals.now_ms;
    let name = intent.account.as_str();
    let account = found.accounts.0.get(name)?;
    // With the lease in hand it is under way as any other.
    if intent.doubt.is_none() && account.lease_until_ms > now_ms {
        return None;
    }
    let due = intent.due_ms.filter(|due| *due > now_ms);
    let due = due.map(|due| format!("; it is tried again at {}", clock_time(due)));
    let what = format!(
        "the token refresh of account {name} is in doubt: {}{}",
        intent.told(),
        due.unwrap_or_default()
    );
    let next = format!("zoomd account refresh {name} --probe");
    let problem = Problem::degraded("rotation_in_doubt", what, next).of_account(name);
    Some(problem.since(intent.at_ms).holding_at_most(found.held_back([account].into_iter())))
}

/// Keys that stored tokens need and this process lacks. A command can do without, so
/// that is no trouble of the namespace; for a daemon it is.
fn key_missing(here: &Here, keys: &Survey) -> Option<Problem> {
    // One key may be that of tokens and of the secret of the namespace.
    let missing: BTreeSet<_> = keys.keys().filter(|key| !here.keys.contains(key)).collect();
    let first = missing.first()?;
    let accounts: u64 = missing.iter().filter_map(|key| keys.grants.get(key)).sum();
    let of = match accounts {
        0 => "the secret of the namespace is".to_owned(),
        1 => "the tokens of 1 account are".to_owned(),
        n => format!("the tokens of {n} accounts are"),
    };
    let (problem, who): (fn(_, String, _) -> Problem, _) = match &here.daemon {
        Some(id) => (Problem::degraded, format!("daemon {id}")),
        None => (Problem::notice, "this shell".to_owned()),
    };
    let what = format!("{who} does not have key {first}, with which {of} encrypted");
    let next = match here.keys.is_empty() {
        true => "set ZOOMD_ENCRYPTION_KEY_FILE to the key file that the daemons use",
        false => "add that key to ZOOMD_ENCRYPTION_KEYS_OLD",
    };
    Some(problem("key_missing", what, next))
}
