//! Refresh of unused tokens before Zoom expires them.
//!
//! Refresh tokens live 15 years by old documents of Zoom's and 90 days by newer
//! ones. Each rotation starts the life again, so a grant that had none of late is
//! given one. The operator's cron expression divides time into periods; in each
//! an account has a moment of its own, by its name, so that accounts connected
//! together are not rotated together. A grant that was not rotated in the half
//! period before its moment is, at the first look from then on: one in use never
//! is, and an idle one grows no older than a period and a half.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use zoomd_store::StoreError;
use zoomd_store::grants::{AccountState, GrantKind, Grants};

use crate::rotation::{Ended, Order, Urge, Wish};
use crate::timetable::Cron;
use crate::tokens::Tokens;

/// Parts of a period: how finely its moments lie.
const PARTS: i64 = 10_000;

/// Which grants, and how gently.
#[derive(Debug, Clone)]
pub struct KeepAlive {
    /// Ticks begin the periods.
    pub periods: Cron,
    /// The rotations of one run are spread over so long.
    pub spread: Duration,
}

/// True if a grant of `account`, obtained at `since`, is due at `now`, within
/// the period from `begun` to `ends`; all in ms of one clock.
#[must_use]
pub fn is_due(account: &str, since: i64, now: i64, (begun, ends): (i64, i64)) -> bool {
    let mut hasher = DefaultHasher::new();
    account.hash(&mut hasher);
    let part = i64::try_from(hasher.finish() % PARTS as u64).unwrap_or(0);
    let length = ends.saturating_sub(begun);
    let moment = begun.saturating_add(length.saturating_mul(part) / PARTS);
    // Before it that of the period before counts: there may have been no look since.
    let last = if now < moment { moment.saturating_sub(length) } else { moment };
    last.saturating_sub(since) >= length / 2
}

/// Result of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kept {
    /// Accounts looked at.
    pub seen: u64,
    /// Idle grants that were rotated.
    pub rotated: u64,
    /// Idle grants that could not be.
    pub failed: u64,
}

/// Rotates every grant that is due, one after the other. Ends early when the
/// daemon stops; running it twice at once rotates nothing twice.
pub async fn run(tokens: &Tokens, how: KeepAlive) -> Result<Kept, StoreError> {
    let grants = tokens.grants();
    let (idle, seen) = idle_grants(&grants, &how.periods).await?;
    let mut kept = Kept { seen, ..Kept::default() };
    let pause = how.spread / u32::try_from(idle.len()).unwrap_or(u32::MAX).max(1);
    for (name, version) in idle {
        if tokens.is_closing() {
            break;
        }
        if let Some(error) = tokens.journal().trouble() {
            tracing::warn!(%error, "keep-alive: the rotation journal cannot be written; idle tokens are refreshed by a later run");
            break;
        }
        let order = Order { account: name.clone(), wish: Wish::Replace(version), urge: Urge::None };
        let ended = tokens.run(order).await;
        match &*ended {
            Ended::Rotated(_) => kept.rotated += 1,
            Ended::Changed => {}
            other => {
                kept.failed += 1;
                tracing::debug!(account = %name, ended = ?other, "keep-alive: an idle token was not refreshed");
            }
        }
        tokens.pause(pause).await;
    }
    Ok(kept)
}

type Idle = Vec<(zoomd_wire::AccountName, zoomd_store::grants::GrantVersion)>;

async fn idle_grants(grants: &Grants, periods: &Cron) -> Result<(Idle, u64), StoreError> {
    let now = grants.store().now_ms().await?;
    let Some(period) = periods.period(now) else { return Ok((Vec::new(), 0)) };
    let (mut idle, mut seen, mut last) = (Vec::new(), 0, None);
    loop {
        let names = grants.names(last.as_deref(), 200).await?;
        let Some(end) = names.last() else { return Ok((idle, seen)) };
        last = Some(end.as_str().to_owned());
        for summary in grants.summaries(&names).await? {
            seen += 1;
            let account = summary.account;
            let usable = account.state == AccountState::Active && account.kind == GrantKind::Oauth;
            // A token of unknown age (imported) is as old as the account's record.
            let since = match summary.obtained_ms {
                0 => account.created_ms,
                ms => ms,
            };
            let since = i64::try_from(since).unwrap_or(0);
            if usable && is_due(account.name.as_str(), since, now, period) {
                idle.extend(account.version.map(|version| (account.name, version)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_grants_come_one_by_one_once_a_period_and_those_in_use_never() {
        let names: Vec<_> = (0..500).map(|n| format!("a{n}")).collect();
        // All obtained in one moment, looked at 100 times a period for five periods.
        let mut since = vec![990_i64; names.len()];
        let mut rotated = vec![0; names.len()];
        for now in (1_005_i64..6_000).step_by(10) {
            let begun = now / 1_000 * 1_000;
            let period = (begun, begun + 1_000);
            let mut in_one_look = 0;
            for (n, name) in names.iter().enumerate() {
                if is_due(name, since[n], now, period) {
                    since[n] = now;
                    rotated[n] += 1;
                    in_one_look += 1;
                }
                assert!(now - since[n] <= 1_510, "{name} is {} old at {now}", now - since[n]);
                assert!(!is_due(name, now - 490, now, period), "{name} is in use");
            }
            assert!(in_one_look < 25, "{in_one_look} at {now}");
        }
        assert!(rotated.iter().all(|times| (4..=5).contains(times)), "once in each period");
    }

    #[test]
    fn who_was_not_looked_at_in_time_is_still_due() {
        // Nobody looked in the period of its moment.
        for name in ["a", "b", "c", "d"] {
            assert!(is_due(name, 0, 3_000, (3_000, 4_000)), "{name}");
        }
    }
}
