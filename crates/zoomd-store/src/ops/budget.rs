//! What is used and left of Zoom's limits, read from the budgets themselves.

use std::collections::{BTreeMap, BTreeSet};

use redis::from_redis_value;

use super::Ops;
use crate::StoreError;
use crate::budget::Label;
use crate::clock::{day_name, next_midnight_ms};

/// Hosts shown of one Zoom account, at most; those who used most come first.
const MOST_HOSTS: usize = 200;
/// Hosts looked at, at most.
const MOST_READ: usize = 20_000;

/// One limit of one Zoom account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetLine {
    /// The Zoom account: its id, or `~` and our account's name while it is unknown.
    pub zoom_account: String,
    /// What is limited: `light per second`, `light per day`, `creates of HOST`.
    pub limit_name: String,
    /// Calls granted in the second or day that counts.
    pub used: u64,
    /// How many may be; `None`: counted, not limited.
    pub most: Option<u64>,
    /// When the count starts anew, by the clock of Redis.
    pub resets_ms: i64,
    /// Until when a 429 of Zoom has closed it.
    pub closed_until_ms: Option<i64>,
}

impl Ops {
    /// The budgets of the Zoom account behind `account`; `None`: no such account.
    ///
    /// # Errors
    /// That Redis could not be asked.
    pub async fn budget(&self, account: &str) -> Result<Option<Vec<BudgetLine>>, StoreError> {
        let mut ask = redis::cmd("HMGET");
        ask.arg(self.store.keys().account(account)).arg(&["st", "plan", "z"]);
        let fields: [Option<String>; 3] =
            from_redis_value(self.store.connection().value(&ask).await?)?;
        let [Some(_), plan, zoom] = fields else { return Ok(None) };
        let zoom = zoom.filter(|z| !z.is_empty()).unwrap_or_else(|| format!("~{account}"));
        let now_ms = self.store.now_ms().await?;
        let plan = plan.unwrap_or_else(|| "pro".to_owned());
        self.budget_lines(&zoom, &plan, now_ms).await.map(Some)
    }

    /// A page of the names of accounts in their order, after `after`.
    ///
    /// # Errors
    /// That Redis could not be asked.
    pub async fn account_names(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, StoreError> {
        let from = after.map_or_else(|| "-".to_owned(), |name| format!("({name}"));
        let mut page = redis::cmd("ZRANGEBYLEX");
        page.arg(self.store.keys().accounts()).arg(from).arg("+").arg("LIMIT").arg(0).arg(limit);
        Ok(from_redis_value(self.store.connection().value(&page).await?)?)
    }

    async fn budget_lines(
        &self,
        zoom: &str,
        plan: &str,
        now_ms: i64,
    ) -> Result<Vec<BudgetLine>, StoreError> {
        let (keys, conn, budgets) = (self.store.keys(), self.store.connection(), self.budgets());
        let labels: BTreeSet<Label> = [budgets.create, budgets.list, budgets.get].into();
        let mut reads = redis::pipe();
        reads.cmd("HGETALL").arg(keys.gates(zoom));
        for label in &labels {
            reads.cmd("LRANGE").arg(keys.window(zoom, label.as_str())).arg(0).arg(999);
        }
        let mut values = conn.values(&reads).await?.into_iter();
        let mut next = || values.next().unwrap_or(redis::Value::Nil);
        let gates: BTreeMap<String, String> = from_redis_value(next())?;
        let day = self.day_counts(&keys.ledger(&day_name(now_ms), zoom)).await?;
        let closed = |field: &str| {
            let until: i64 = gates.get(field)?.parse().ok()?;
            (until > now_ms).then_some(until)
        };
        let line = |limit_name, used, most: u32, resets_ms, closed_until_ms| BudgetLine {
            zoom_account: zoom.to_owned(),
            limit_name,
            used,
            most: (most > 0).then_some(u64::from(most)),
            resets_ms,
            closed_until_ms,
        };
        let limits = budgets.plans.get(plan).copied().unwrap_or_default();
        let midnight = next_midnight_ms(now_ms);
        let mut lines = Vec::new();
        for label in labels {
            let (word, rate) = (label.as_str(), limits.of(label));
            let grants: Vec<i64> = from_redis_value(next())?;
            let fresh: Vec<_> = grants.into_iter().filter(|at| at + 1000 > now_ms).collect();
            let resets = fresh.iter().min().map_or(now_ms, |at| at + 1000);
            let (used, most) = (fresh.len() as u64, budgets.granted_per_second(rate));
            lines.push(line(format!("{word} per second"), used, most, resets, closed(word)));
            let used = day.get(&format!("l:{word}")).copied().unwrap_or(0);
            let shut = closed(&format!("day:{word}"));
            lines.push(line(format!("{word} per day"), used, rate.per_day, midnight, shut));
        }
        let mut hosts: BTreeMap<&str, u64> = BTreeMap::new();
        let shut = gates.keys().map(|field| (field, &0));
        for (field, used) in shut.chain(&day) {
            if let Some(host) = field.strip_prefix("h:") {
                hosts.insert(host, *used);
            }
        }
        let mut hosts: Vec<_> = hosts.into_iter().collect();
        hosts.sort_by_key(|(_, used)| std::cmp::Reverse(*used));
        for (host, used) in hosts.into_iter().take(MOST_HOSTS) {
            let shut = closed(&format!("h:{host}"));
            lines.push(line(format!("creates of {host}"), used, limits.host_day, midnight, shut));
        }
        Ok(lines)
    }

    /// The fields of a day's ledger, read in steps.
    async fn day_counts(&self, ledger: &str) -> Result<BTreeMap<String, u64>, StoreError> {
        let (mut counts, mut cursor) = (BTreeMap::new(), "0".to_owned());
        loop {
            let mut scan = redis::cmd("HSCAN");
            scan.arg(ledger).arg(&cursor).arg("COUNT").arg(1000);
            let (next, found): (String, Vec<(String, u64)>) =
                from_redis_value(self.store.connection().value(&scan).await?)?;
            counts.extend(found);
            if next == "0" || counts.len() >= MOST_READ {
                return Ok(counts);
            }
            cursor = next;
        }
    }
}
