//! Accounts: authorization, pauses, caps, limits of the day.

use zoomd_store::inspect::{AccountVitals, DayNearEnd, Held, Problem};
use zoomd_store::queue::WaitReason;

use super::jobs::LATE_MS;
use super::{Found, Here, clock_time, length, listed, names};

/// Account problems.
pub(super) fn all(_here: &Here, found: &Found) -> Vec<Problem> {
    let accounts = || found.accounts.0.values();
    let mut problems: Vec<_> = paused(found).into_iter().collect();
    let held = accounts().filter_map(authorization).collect();
    let more = |n| format!("{n} more accounts need authorization");
    problems.extend(listed(held, more, "zoomd account list"));
    let held = accounts().filter_map(pause).collect();
    let more = |n| format!("{n} more accounts are paused");
    problems.extend(listed(held, more, "zoomd account list"));
    let now_ms = found.vitals.now_ms;
    let held = accounts().filter_map(|account| at_cap(account, now_ms)).collect();
    let more = |n| format!("{n} more accounts have as many calls in flight as their cap allows");
    problems.extend(listed(held, more, "zoomd account list"));
    let held = found.held.iter().filter_map(limit).collect();
    let more = |n| format!("{n} more daily limits are used up");
    problems.extend(listed(held, more, "zoomd budget"));
    let used = found.days_near_end.iter().filter(|day| day.full && !is_waited_for(found, day));
    let more = |n| format!("{n} more daily limits are used up; no job waits for them");
    problems.extend(listed(used.map(used_up).collect(), more, "zoomd budget"));
    problems
}

/// True where jobs wait for that day: then it is trouble.
fn is_waited_for(found: &Found, day: &DayNearEnd) -> bool {
    found.held.iter().any(|held| {
        let host = day.why == WaitReason::LabelDay || held.counted_as == day.host;
        day.accounts.contains(&held.account) && host && limit(held).is_some()
    })
}

/// A limit of the day that is used up, though no job waits for it.
fn used_up(day: &DayNearEnd) -> Problem {
    let (host, end) = (&day.host, clock_time(day.until_ms));
    let accounts = names(day.accounts.iter().map(String::as_str));
    let what = match day.why {
        WaitReason::HostDay => {
            format!(
                "the daily limit of meetings of host {host} ({accounts}) is used up until {end}"
            )
        }
        _ => format!("the daily limit of calls of account {accounts} is used up until {end}"),
    };
    let account = day.accounts.first().map_or("", String::as_str);
    let problem = Problem::notice("daily_limit", what, format!("zoomd budget {account}"));
    let problem = problem.of_account(account).holding(0);
    if host.is_empty() { problem } else { problem.of_host(host) }
}

/// A reason, in brackets.
fn because(reason: Option<&str>) -> String {
    match reason.filter(|reason| !reason.is_empty()) {
        Some(reason) => format!(" ({})", crate::text::one_line(reason)),
        None => String::new(),
    }
}

/// The documented word for how an authorization was lost, and its meaning, in brackets.
fn lost(why: Option<&str>) -> String {
    let means = match why {
        Some("refused") => "Zoom does not accept its refresh token",
        Some("rotated_elsewhere") => "its user authorized the app again elsewhere",
        Some("reply_lost") => "the answer to its last token refresh was lost",
        Some("owner_gone") => "its Zoom user was deleted or left",
        Some("admin_disabled") => "an administrator withdrew the approval of the app",
        Some("scope_changed") => "the scopes of the app have changed",
        _ => return because(why),
    };
    because(why.map(|word| format!("{word}: {means}")).as_deref())
}

fn paused(found: &Found) -> Option<Problem> {
    let paused = found.vitals.paused.as_ref()?;
    let why = because(Some(&paused.reason));
    let what = format!("all jobs are paused{why}");
    let problem = Problem::degraded("namespace_paused", what, "zoomd resume");
    Some(problem.since(paused.since_ms).holding(found.unfinished()))
}

fn authorization(account: &AccountVitals) -> Option<Problem> {
    let name = &account.name;
    let why = lost(account.why.as_deref());
    let login = format!("zoomd account login {name}");
    let (what, next) = match account.state.as_str() {
        "active" => return None,
        "wrong_app" => (
            format!("account {name} was authorized with another app or another Zoom{why}"),
            format!("set the former ZOOMD_CLIENT_ID and restart, or {login}"),
        ),
        "superseded" => (
            format!("account {name} is superseded: its Zoom user has another account{why}"),
            format!("zoomd account explain {name}"),
        ),
        _ => (format!("account {name} needs authorization{why}"), login),
    };
    let problem = Problem::degraded("needs_authorization", what, next).of_account(name);
    Some(problem.since(account.since_ms).holding(account.waiting))
}

fn pause(account: &AccountVitals) -> Option<Problem> {
    let reason = account.paused.as_deref().filter(|_| account.is_active())?;
    let name = &account.name;
    let what = format!("account {name} is paused{}", because(Some(reason)));
    let next = format!("zoomd account resume {name}");
    let problem = Problem::degraded("account_paused", what, next).of_account(name);
    Some(problem.since(account.since_ms).holding(account.waiting))
}

/// Somebody set the cap so that jobs wait for each other: worth knowing. Once the oldest
/// has waited for longer than jobs do, the cap is what holds it back.
fn at_cap(account: &AccountVitals, now_ms: i64) -> Option<Problem> {
    let (name, cap, code) = (&account.name, account.cap, "account_at_cap");
    let late = account.capped_since_ms.filter(|since| now_ms - since > LATE_MS);
    let what = format!("account {name} has {cap} calls in flight, as many as its cap allows");
    let next = format!("zoomd account set {name} --cap {}", cap.saturating_mul(2));
    let problem = match late {
        Some(since) => {
            let waited = length(now_ms - since);
            let what = format!(
                "jobs of account {name} wait for its cap of {cap} calls in flight, one for {waited}"
            );
            Problem::degraded(code, what, next).since(since)
        }
        None if account.is_at_cap() => Problem::notice(code, what, next),
        None => return None,
    };
    Some(problem.of_account(name).holding(account.waiting))
}

/// A limit of the day, Zoom's or as it is counted here.
fn limit(held: &Held) -> Option<Problem> {
    let (account, host) = (&held.account, &held.host);
    let what = match held.why {
        WaitReason::HostDay => {
            format!("the daily limit of meetings of host {host} ({account}) is used up")
        }
        WaitReason::LabelDay => format!("the daily limit of calls of account {account} is used up"),
        WaitReason::Limited => {
            format!("Zoom limits the calls of account {account} (429), host {host}")
        }
        _ => return None,
    };
    let until = held.until_ms.map(|until| format!("; next try at {}", clock_time(until)));
    let what = format!("{what}{}", until.unwrap_or_default());
    let problem = Problem::degraded("daily_limit", what, format!("zoomd budget {account}"));
    let problem = problem.of_account(account).holding(held.jobs);
    Some(if held.why == WaitReason::LabelDay { problem } else { problem.of_host(host) })
}
