//! Days that are used up or close to it, whether jobs wait for them or not.

use std::collections::{BTreeMap, BTreeSet};

use redis::from_redis_value;

use super::{AccountVitals, read};
use crate::StoreError;
use crate::clock::{day_name, next_midnight_ms};
use crate::inspect::Ops;
use crate::inspect::quota_headers::ELSEWHERE;
use crate::limits::Label;
use crate::queue::WaitReason;

/// Number of Zoom accounts read in one step.
const PAGE: usize = 500;
/// Maximum number of Zoom accounts whose hosts are read.
const MOST_LEDGERS: usize = 20;
/// Fields of a ledger that are looked through, about.
const MOST_FIELDS: usize = 2_000;

/// A limit is close to its end once this many hundredths of it are used.
const LOW_PERCENT: u64 = 90;

/// A limit of the day of which nothing or little is left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayNearEnd {
    /// Accounts that use it.
    pub accounts: Vec<String>,
    /// [`WaitReason::LabelDay`] or [`WaitReason::HostDay`].
    pub why: WaitReason,
    /// The host, as the ledger names it; empty for calls of a label.
    pub host: String,
    /// The time at which it ends, ms.
    pub until_ms: i64,
    /// True if nothing is left, false if little is.
    pub full: bool,
}

/// A Zoom account: our names for it, and its plan.
type Zoom<'a> = (&'a str, (Vec<String>, &'a str));

impl Ops {
    /// Limits of today that these accounts have used up or nearly so, or Zoom has closed to
    /// the end of the day.
    pub async fn days_near_end(
        &self,
        accounts: impl Iterator<Item = &AccountVitals>,
        now_ms: i64,
    ) -> Result<Vec<DayNearEnd>, StoreError> {
        let mut zooms: BTreeMap<&str, (Vec<String>, &str)> = BTreeMap::new();
        for account in accounts.filter(|account| account.is_active()) {
            let zoom = zooms.entry(&account.zoom).or_insert((Vec::new(), &account.plan));
            zoom.0.push(account.name.clone());
        }
        let zooms: Vec<_> = zooms.into_iter().collect();
        let (mut found, mut ledgers) = (Vec::new(), Vec::new());
        for page in zooms.chunks(PAGE) {
            self.days_of(page, now_ms, &mut found, &mut ledgers).await?;
        }
        for (zoom, (accounts, most)) in ledgers.into_iter().take(MOST_LEDGERS) {
            for (host, count) in self.busy_hosts(zoom, most, now_ms).await? {
                let (accounts, until_ms) = (accounts.clone(), next_midnight_ms(now_ms));
                let (why, full) = (WaitReason::HostDay, count >= most);
                found.push(DayNearEnd { accounts, why, host, until_ms, full });
            }
        }
        let mut known = BTreeSet::new();
        found.retain(|day| known.insert((day.accounts.clone(), day.host.clone())));
        Ok(found)
    }

    /// Adds the days of labels, and hosts that Zoom closed; and which ledgers have counted
    /// enough calls that a host's day can be full.
    async fn days_of<'a>(
        &self,
        zooms: &[Zoom<'a>],
        now_ms: i64,
        found: &mut Vec<DayNearEnd>,
        ledgers: &mut Vec<(&'a str, (Vec<String>, u64))>,
    ) -> Result<(), StoreError> {
        let (keys, budgets) = (self.store.keys(), self.budgets());
        let labels: BTreeSet<Label> = budgets.classes.all().collect();
        let midnight_ms = next_midnight_ms(now_ms);
        let mut reads = redis::pipe();
        for (zoom, _) in zooms {
            let fields: Vec<String> = labels
                .iter()
                .flat_map(|l| [format!("l:{}", l.as_str()), format!("{ELSEWHERE}l:{}", l.as_str())])
                .collect();
            reads.cmd("HMGET").arg(keys.ledger(&day_name(now_ms), zoom)).arg(&fields);
            reads.cmd("HGETALL").arg(keys.gates(zoom));
        }
        let mut answers = self.store.connection().values(&reads).await?.into_iter();
        let mut next = || answers.next().unwrap_or(redis::Value::Nil);
        for (zoom, (accounts, plan)) in zooms {
            let counts: Vec<Option<u64>> = read(next());
            let gates: BTreeMap<String, String> = read(next());
            let closed = |field: &str| {
                let until: Option<i64> = gates.get(field).and_then(|ms| ms.parse().ok());
                until.filter(|until| *until >= midnight_ms)
            };
            let used = |at: usize| counts.get(at).copied().flatten().unwrap_or(0);
            let limits = budgets.plan(plan);
            let day = |why, host: &str, until_ms, full| DayNearEnd {
                accounts: accounts.clone(),
                why,
                host: host.to_owned(),
                until_ms,
                full,
            };
            for (at, label) in labels.iter().enumerate() {
                let most = u64::from(limits.of(*label).per_day);
                let count = used(2 * at) + used(2 * at + 1);
                let closed = closed(&format!("day:{}", label.as_str()));
                let full = closed.is_some() || most > 0 && count >= most;
                let until_ms = closed.or(is_low(count, most).then_some(midnight_ms));
                found.extend(until_ms.map(|ms| day(WaitReason::LabelDay, "", ms, full)));
                let most = u64::from(limits.host_day);
                if *label == budgets.classes.hosted() && is_low(count, most) {
                    ledgers.push((zoom, (accounts.clone(), most)));
                }
            }
            let hosts = gates.keys().filter_map(|field| Some((field.strip_prefix("h:")?, field)));
            found.extend(hosts.filter_map(|(host, field)| {
                Some(day(WaitReason::HostDay, host, closed(field)?, true))
            }));
        }
        Ok(())
    }

    /// Hosts of a Zoom account that have used all or nearly all of today's meetings.
    async fn busy_hosts(
        &self,
        zoom: &str,
        most: u64,
        now_ms: i64,
    ) -> Result<BTreeMap<String, u64>, StoreError> {
        let mut scan = redis::cmd("HSCAN");
        scan.arg(self.store.keys().ledger(&day_name(now_ms), zoom)).arg(0);
        scan.arg("COUNT").arg(MOST_FIELDS);
        let found = self.store.connection().value(&scan).await?;
        let (_, counts): (String, Vec<(String, u64)>) = from_redis_value(found)?;
        let mut used: BTreeMap<String, u64> = BTreeMap::new();
        for (field, count) in counts {
            let name = field.strip_prefix(ELSEWHERE).unwrap_or(&field);
            if let Some(host) = name.strip_prefix("h:") {
                *used.entry(host.to_owned()).or_default() += count;
            }
        }
        used.retain(|_, count| is_low(*count, most));
        Ok(used)
    }
}

/// True if nothing or little of `most` is left; 0: there is no limit.
#[must_use]
pub fn is_low(count: u64, most: u64) -> bool {
    most > 0 && count.saturating_mul(100) >= most.saturating_mul(LOW_PERCENT)
}
