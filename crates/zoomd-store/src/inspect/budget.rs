//! Used and remaining parts of Zoom's limits, read from the budgets themselves.

use std::collections::{BTreeMap, BTreeSet};

use redis::from_redis_value;

use super::quota_headers::ELSEWHERE;
use super::{AccountFacts, Ops};
use crate::StoreError;
use crate::clock::{DAY_MS, day_name, next_midnight_ms};
use crate::limits::{Label, PlanLimits, SECOND_MS};
use crate::queue::WaitReason;

/// Hosts shown of one Zoom account, at most; those who used most come first.
const MOST_HOSTS: usize = 200;
/// Maximum number of hosts that are read.
const MOST_READ: usize = 20_000;

/// Beginning of the name of the limit of a host's creates.
const CREATES_OF: &str = "creates of ";

/// One limit of one Zoom account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetLine {
    /// The Zoom account: its id, or `~` and our account's name while it is unknown.
    pub zoom_account: String,
    /// Name of the limit: `light per second`, `light per day`, `creates of HOST`.
    pub limit_name: String,
    /// Calls granted in the second or day that counts.
    pub used: u64,
    /// Lower bound of the calls used by others, from Zoom's headers and 429s.
    pub elsewhere: u64,
    /// Limit; `None`: counted, not limited.
    pub most: Option<u64>,
    /// Time of the next reset, by the clock of Redis.
    pub resets_ms: i64,
    /// End of the closure by a 429 of Zoom.
    pub closed_until_ms: Option<i64>,
    /// Calls counted yesterday, of zoomd and of others, for the creates of a host.
    pub yesterday: Option<u64>,
    /// Jobs waiting for it, for the creates of a host.
    pub line: Option<Waiting>,
}

/// The jobs of an account that wait for one host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    pub jobs: u64,
    /// Wait reason of the last of them.
    pub why: WaitReason,
    /// Details of the reason.
    pub detail: Option<String>,
    /// Expected time of the first.
    pub first_ms: Option<i64>,
    /// Expected time of the last.
    pub last_ms: Option<i64>,
}

impl BudgetLine {
    /// True if nothing or little of it is left, by the rule of the daily limits.
    #[must_use]
    pub fn is_low(&self) -> bool {
        super::is_low(self.used.saturating_add(self.elsewhere), self.most.unwrap_or(0))
    }

    /// Amount that is left.
    #[must_use]
    pub fn left(&self) -> Option<u64> {
        Some(self.most?.saturating_sub(self.used).saturating_sub(self.elsewhere))
    }
}

impl Ops {
    /// The budgets of the Zoom account behind `account`, and who waits for them;
    /// `None`: no such account.
    pub async fn budget(&self, account: &str) -> Result<Option<Vec<BudgetLine>>, StoreError> {
        let facts = self.account_facts(account, &[]).await?;
        if facts.state.is_none() {
            return Ok(None);
        }
        self.budget_lines(&facts).await.map(Some)
    }

    /// A page of the names of accounts in their order, after `after`.
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

    async fn budget_lines(&self, facts: &AccountFacts) -> Result<Vec<BudgetLine>, StoreError> {
        let (keys, conn, budgets) = (self.store.keys(), self.store.connection(), self.budgets());
        let (zoom, now_ms) = (facts.line.zoom.as_str(), facts.line.now_ms);
        let labels: BTreeSet<Label> = budgets.classes.all().collect();
        let mut reads = redis::pipe();
        reads.cmd("HGETALL").arg(keys.gates(zoom));
        for label in &labels {
            reads.cmd("LRANGE").arg(keys.window(zoom, label.as_str())).arg(0).arg(999);
        }
        let mut values = conn.values(&reads).await?.into_iter();
        let mut next = || values.next().unwrap_or(redis::Value::Nil);
        let gates: BTreeMap<String, String> = from_redis_value(next())?;
        let day = self.day_counts(&keys.ledger(&day_name(now_ms), zoom)).await?;
        let sheet = Sheet { facts, gates, day, midnight_ms: next_midnight_ms(now_ms) };
        let limits = budgets.plan(&facts.plan);
        let mut lines = Vec::new();
        for label in labels {
            let (word, rate) = (label.as_str(), limits.of(label));
            let grants: Vec<i64> = from_redis_value(next())?;
            let fresh: Vec<_> = grants.into_iter().filter(|at| at + SECOND_MS > now_ms).collect();
            let most = budgets.granted_per_second(rate);
            lines.push(BudgetLine {
                used: fresh.len() as u64,
                resets_ms: fresh.iter().min().map_or(now_ms, |at| at + SECOND_MS),
                closed_until_ms: sheet.closed(word),
                ..sheet.line(format!("{word} per second"), "", most)
            });
            lines.push(BudgetLine {
                closed_until_ms: sheet.closed(&format!("day:{word}")),
                ..sheet.line(format!("{word} per day"), &format!("l:{word}"), rate.per_day)
            });
        }
        let mut hosts = sheet.hosts(limits);
        let yesterday = keys.ledger(&day_name(now_ms - DAY_MS), zoom);
        self.add_yesterday(&yesterday, &mut hosts).await?;
        lines.extend(hosts);
        lines.iter_mut().for_each(|line| sheet.add_refused(line));
        Ok(lines)
    }

    /// Adds the counts of yesterday's ledger to the lines of hosts.
    async fn add_yesterday(
        &self,
        ledger: &str,
        hosts: &mut [BudgetLine],
    ) -> Result<(), StoreError> {
        if hosts.is_empty() {
            return Ok(());
        }
        let fields = hosts.iter().filter_map(|line| line.limit_name.strip_prefix(CREATES_OF));
        let fields = fields.flat_map(|host| [format!("h:{host}"), format!("{ELSEWHERE}h:{host}")]);
        let mut read = redis::cmd("HMGET");
        read.arg(ledger).arg(fields.collect::<Vec<_>>());
        let value = self.store.connection().value(&read).await?;
        let counts: Vec<Option<u64>> = from_redis_value(value)?;
        for (line, counts) in hosts.iter_mut().zip(counts.chunks(2)) {
            line.yesterday = Some(counts.iter().flatten().sum());
        }
        Ok(())
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

/// Data read for one Zoom account.
struct Sheet<'a> {
    facts: &'a AccountFacts,
    gates: BTreeMap<String, String>,
    day: BTreeMap<String, u64>,
    midnight_ms: i64,
}

impl Sheet<'_> {
    fn closed(&self, field: &str) -> Option<i64> {
        let until: i64 = self.gates.get(field)?.parse().ok()?;
        (until > self.facts.line.now_ms).then_some(until)
    }

    /// The line of a day's limit that is counted in `field`.
    fn line(&self, limit_name: String, field: &str, most: u32) -> BudgetLine {
        let count = |field: &str| self.day.get(field).copied().unwrap_or(0);
        BudgetLine {
            zoom_account: self.facts.line.zoom.clone(),
            limit_name,
            used: count(field),
            elsewhere: count(&format!("{ELSEWHERE}{field}")),
            most: (most > 0).then_some(u64::from(most)),
            resets_ms: self.midnight_ms,
            closed_until_ms: None,
            yesterday: None,
            line: None,
        }
    }

    /// A day that Zoom closed to its end is spent: by others, what not by us.
    fn add_refused(&self, line: &mut BudgetLine) {
        let to_the_end = line.closed_until_ms.is_some_and(|until| until >= self.midnight_ms);
        if let Some(most) = line.most.filter(|_| to_the_end && line.resets_ms == self.midnight_ms) {
            line.elsewhere = line.elsewhere.max(most.saturating_sub(line.used));
        }
    }

    /// A line for each host that was used, is closed, or is waited for.
    fn hosts(&self, limits: PlanLimits) -> Vec<BudgetLine> {
        let known = self.gates.keys().chain(self.day.keys());
        let mut hosts: BTreeSet<&str> = known
            .filter_map(|field| field.strip_prefix(ELSEWHERE).unwrap_or(field).strip_prefix("h:"))
            .collect();
        let rooms = || self.facts.line.rooms.iter().filter(|room| room.waiting > 0);
        hosts.extend(rooms().map(|room| room.counted_as.as_str()));
        let lines = hosts.into_iter().map(|host| {
            let field = format!("h:{host}");
            let line = self.line(format!("{CREATES_OF}{host}"), &field, limits.host_day);
            let room = rooms().find(|room| room.counted_as == host);
            BudgetLine {
                closed_until_ms: self.closed(&field),
                line: room.map(|room| self.waiting(&room.host, room.waiting)),
                ..line
            }
        });
        let mut lines: Vec<_> = lines.collect();
        let rank = |line: &BudgetLine| (line.line.is_some(), line.used + line.elsewhere);
        lines.sort_by_key(|line| std::cmp::Reverse(rank(line)));
        lines.truncate(MOST_HOSTS);
        lines
    }

    fn waiting(&self, host: &str, jobs: u64) -> Waiting {
        let facts = self.facts;
        let (_, first_ms) = facts.expect(facts.position(host, 0));
        let (why, last_ms) = facts.expect(facts.position(host, jobs.saturating_sub(1)));
        Waiting { jobs, why, detail: facts.detail(why), first_ms, last_ms }
    }
}
