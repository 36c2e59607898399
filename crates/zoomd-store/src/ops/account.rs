//! Why the jobs of an account wait, read from what admission reads.
//!
//! The reason is not stored with the job, for it changes while the job stands
//! still; so it is worked out anew, in the order in which a claim would meet
//! the obstacles.

use redis::from_redis_value;

use super::Ops;
use crate::StoreError;
use crate::clock::{DAY_MS, day_name, next_midnight_ms};
use crate::queue::Why;

/// What decides whether jobs of an account, for one host, may run.
#[derive(Debug, Clone, Default)]
pub struct AccountFacts {
    /// Its state; `None`: no such account.
    pub state: Option<String>,
    /// Why it is in that state.
    pub why: Option<String>,
    /// Why it, or everything, is paused.
    pub paused: Option<String>,
    /// Whether everything is paused.
    pub all_paused: bool,
    /// Whether its grant is being rotated.
    pub rotating: bool,
    /// Until when the account sleeps.
    pub account_wakes_ms: Option<i64>,
    /// Until when the room of the host sleeps.
    pub host_wakes_ms: Option<i64>,
    /// Until when Zoom has closed the host's day.
    pub host_closed_ms: Option<i64>,
    /// Until when Zoom has closed the label.
    pub label_closed_ms: Option<i64>,
    /// Creates of the host today, and how many it may have; 0: no limit.
    pub host_day: (u32, u32),
    /// The clock of Redis.
    pub now_ms: i64,
}

impl AccountFacts {
    /// Why a job at this place (0: the first) of its room does not run, and
    /// when it is expected to, where that can be reckoned.
    #[must_use]
    pub fn reason(&self, place: u64) -> (Why, Option<i64>) {
        let ahead = |until: &Option<i64>| until.filter(|until| *until > self.now_ms);
        if self.all_paused {
            return (Why::Paused, None);
        }
        if self.state.as_deref() != Some("active") {
            return (Why::Consent, None);
        }
        if self.paused.is_some() {
            return (Why::Paused, None);
        }
        if self.rotating {
            return (Why::Rotation, ahead(&self.account_wakes_ms));
        }
        if let Some(until) = ahead(&self.host_closed_ms) {
            return (Why::Limited, Some(self.day_of_place(place, until)));
        }
        if let Some(until) = ahead(&self.host_wakes_ms) {
            let why = if until - self.now_ms > 120_000 { Why::HostDay } else { Why::Host };
            return (why, Some(self.day_of_place(place, until)));
        }
        if let Some(until) = ahead(&self.label_closed_ms) {
            return (Why::Limited, Some(until));
        }
        if let Some(until) = ahead(&self.account_wakes_ms) {
            let why = if until - self.now_ms > 120_000 { Why::LabelDay } else { Why::Second };
            return (why, Some(until));
        }
        let (used, most) = self.host_day;
        if most > 0 && place >= u64::from(most.saturating_sub(used)) {
            let midnight = next_midnight_ms(self.now_ms);
            let behind = place - u64::from(most.saturating_sub(used));
            return (Why::HostDay, Some(later(midnight, behind, most)));
        }
        (Why::Turn, None)
    }

    /// The room opens at `until`; a job further back waits more days.
    fn day_of_place(&self, place: u64, until: i64) -> i64 {
        later(until, place, self.host_day.1)
    }
}

fn later(from: i64, place: u64, per_day: u32) -> i64 {
    let days = if per_day == 0 { 0 } else { place / u64::from(per_day) };
    from.saturating_add(i64::try_from(days).unwrap_or(0).saturating_mul(DAY_MS))
}

impl Ops {
    /// Reads the facts of an account for one of its hosts.
    ///
    /// # Errors
    /// That Redis could not be asked.
    pub async fn account_facts(
        &self,
        account: &str,
        host: &str,
    ) -> Result<AccountFacts, StoreError> {
        const FIELDS: [&str; 9] = ["st", "why", "paused", "lku", "int", "z", "uid", "em", "plan"];
        let (keys, conn) = (self.store.keys(), self.store.connection());
        let now_ms = self.store.now_ms().await?;
        let mut reads = redis::pipe();
        reads.cmd("HMGET").arg(keys.account(account)).arg(&FIELDS);
        reads.cmd("HGET").arg(keys.meta()).arg("paused");
        reads.cmd("ZSCORE").arg(keys.asleep()).arg(account);
        reads.cmd("ZSCORE").arg(keys.asleep()).arg(format!("{account}|{host}"));
        let mut values = conn.values(&reads).await?.into_iter();
        let mut next = || values.next().unwrap_or(redis::Value::Nil);
        let fields: Vec<Option<String>> = from_redis_value(next())?;
        let all_paused: Option<String> = from_redis_value(next())?;
        let score = |value| -> Result<Option<i64>, StoreError> {
            Ok(from_redis_value::<Option<f64>>(value)?.map(|score| score as i64))
        };
        let (account_wakes_ms, host_wakes_ms) = (score(next())?, score(next())?);
        let field = |name: &str| {
            let at = FIELDS.iter().position(|field| *field == name)?;
            fields.get(at).cloned().flatten().filter(|text| !text.is_empty())
        };
        let lease_until: i64 = field("lku").and_then(|ms| ms.parse().ok()).unwrap_or(0);
        let zoom = field("z").unwrap_or_else(|| format!("~{account}"));
        let mut facts = AccountFacts {
            state: field("st"),
            why: field("why"),
            all_paused: all_paused.is_some(),
            paused: all_paused.or_else(|| field("paused")),
            rotating: lease_until > now_ms || field("int").is_some(),
            account_wakes_ms,
            host_wakes_ms,
            now_ms,
            ..AccountFacts::default()
        };
        // `paused` may be there without a reason.
        if facts.paused.is_none() && fields.get(2).is_some_and(Option::is_some) {
            facts.paused = Some(String::new());
        }
        let names = Names { account, host, user: field("uid"), mails: field("em") };
        self.host_facts(&mut facts, &zoom, &names, &field("plan").unwrap_or_default()).await?;
        Ok(facts)
    }

    async fn host_facts(
        &self,
        facts: &mut AccountFacts,
        zoom: &str,
        names: &Names<'_>,
        plan: &str,
    ) -> Result<(), StoreError> {
        let (keys, conn) = (self.store.keys(), self.store.connection());
        let alias = names.alias();
        let mut ask = redis::cmd("HGET");
        ask.arg(keys.aliases(zoom)).arg(&alias);
        let known: Option<String> = from_redis_value(conn.value(&ask).await?)?;
        let host = format!("h:{}", names.canonical(known.as_deref(), &alias));
        let budgets = self.budgets();
        let label = budgets.create.as_str();
        let mut reads = redis::pipe();
        reads.cmd("HMGET").arg(keys.gates(zoom)).arg(&[&host, label, &format!("day:{label}")]);
        reads.cmd("HGET").arg(keys.ledger(&day_name(facts.now_ms), zoom)).arg(&host);
        let mut values = conn.values(&reads).await?.into_iter();
        let mut next = || values.next().unwrap_or(redis::Value::Nil);
        let gates: Vec<Option<i64>> = from_redis_value(next())?;
        let used: Option<u32> = from_redis_value(next())?;
        facts.host_closed_ms = gates.first().copied().flatten();
        facts.label_closed_ms = gates.iter().skip(1).copied().flatten().max();
        let limits = budgets.plans.get(plan).or_else(|| budgets.plans.get("pro"));
        facts.host_day = (used.unwrap_or(0), limits.map_or(0, |limits| limits.host_day));
        Ok(())
    }
}

/// The names one host may have in the ledger.
struct Names<'a> {
    account: &'a str,
    host: &'a str,
    user: Option<String>,
    mails: Option<String>,
}

impl Names<'_> {
    fn alias(&self) -> String {
        if self.host == "me" { format!("me@{}", self.account) } else { self.host.to_owned() }
    }

    /// As `canonical` in lua/lib/budget.lua.
    fn canonical<'a>(&'a self, known: Option<&'a str>, alias: &'a str) -> &'a str {
        let own = self.host == "me"
            || self.mails.as_deref().is_some_and(|mails| {
                mails.split([',', '"', '[', ']', ' ']).any(|mail| mail == self.host)
            });
        match &self.user {
            Some(user) if own => user,
            _ => known.unwrap_or(alias),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn active() -> AccountFacts {
        AccountFacts { state: Some("active".into()), now_ms: DAY_MS / 2, ..AccountFacts::default() }
    }

    #[test]
    fn the_reason_is_the_first_obstacle() {
        let now = DAY_MS / 2;
        let cases = [
            (AccountFacts { all_paused: true, ..active() }, (Why::Paused, None)),
            (AccountFacts { state: Some("needs_reauth".into()), ..active() }, (Why::Consent, None)),
            (AccountFacts { state: None, ..active() }, (Why::Consent, None)),
            (AccountFacts { paused: Some(String::new()), ..active() }, (Why::Paused, None)),
            (AccountFacts { rotating: true, ..active() }, (Why::Rotation, None)),
            (
                AccountFacts { host_closed_ms: Some(DAY_MS), ..active() },
                (Why::Limited, Some(DAY_MS)),
            ),
            (
                AccountFacts { host_wakes_ms: Some(now + 500), ..active() },
                (Why::Host, Some(now + 500)),
            ),
            (
                AccountFacts { host_wakes_ms: Some(DAY_MS), ..active() },
                (Why::HostDay, Some(DAY_MS)),
            ),
            (
                AccountFacts { account_wakes_ms: Some(now + 900), ..active() },
                (Why::Second, Some(now + 900)),
            ),
            (
                AccountFacts { account_wakes_ms: Some(DAY_MS), ..active() },
                (Why::LabelDay, Some(DAY_MS)),
            ),
            (AccountFacts { host_wakes_ms: Some(now - 1), ..active() }, (Why::Turn, None)),
            (active(), (Why::Turn, None)),
        ];
        for (facts, expected) in cases {
            assert_eq!(facts.reason(0), expected, "{facts:?}");
        }
    }

    #[test]
    fn with_a_hundred_a_day_the_250th_runs_the_day_after_tomorrow() {
        let facts = AccountFacts { host_day: (0, 100), ..active() };
        assert_eq!(facts.reason(99), (Why::Turn, None));
        assert_eq!(facts.reason(100), (Why::HostDay, Some(DAY_MS)));
        assert_eq!(facts.reason(249), (Why::HostDay, Some(2 * DAY_MS)));
        let used = AccountFacts { host_day: (100, 100), host_wakes_ms: Some(DAY_MS), ..active() };
        assert_eq!(used.reason(99), (Why::HostDay, Some(DAY_MS)));
        assert_eq!(used.reason(100), (Why::HostDay, Some(2 * DAY_MS)));
    }

    #[test]
    fn a_host_is_counted_under_its_user_id_where_that_is_known() {
        let names = |host, user: Option<&str>| Names {
            account: "acme",
            host,
            user: user.map(str::to_owned),
            mails: Some(r#"["ann@x.com"]"#.into()),
        };
        assert_eq!(names("me", Some("U1")).canonical(None, "me@acme"), "U1");
        assert_eq!(names("ann@x.com", Some("U1")).canonical(None, "ann@x.com"), "U1");
        assert_eq!(names("bob@x.com", Some("U1")).canonical(Some("U2"), "bob@x.com"), "U2");
        assert_eq!(names("bob@x.com", None).canonical(None, "bob@x.com"), "bob@x.com");
        assert_eq!(names("me", None).alias(), "me@acme");
    }
}
