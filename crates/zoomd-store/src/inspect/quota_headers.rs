//! Calls by others that used a day's limit, learnt from the headers of Zoom's replies.
//!
//! Headers are optional and sometimes describe another quota than the one that was asked for. So
//! one counts only if its limit equals a day's limit that we know. The stored count only grows
//! within a day, and is only shown.

use std::sync::Arc;

use redis::from_redis_value;

use super::Ops;
use super::wait_facts::budget_names::Names;
use crate::StoreError;
use crate::clock::{DAY_MS, day_name};
use crate::eta::MIDNIGHT_MARGIN_MS;
use crate::limits::{Label, PlanLimits};

/// Before the field of the ledger that counts our own.
pub(super) const ELSEWHERE: &str = "x:";

/// The headers of one reply.
#[derive(Debug, Clone)]
pub struct QuotaObservation {
    /// Account whose access token was used.
    pub account: Arc<str>,
    /// The host of the create; `None`: it was no create.
    pub host: Option<Arc<str>>,
    /// The label we count the call under.
    pub label: Label,
    /// The label in Zoom's words.
    pub category: Option<String>,
    /// Of how many.
    pub limit: u32,
    /// Number of calls that are left.
    pub remaining: u32,
    /// Time of the reply, by the clock of Redis.
    pub at_ms: i64,
}

/// Day that a header is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    Host,
    Label,
}

impl QuotaObservation {
    /// Day that the header is about, if its limit is one of this plan's.
    fn of(&self, limits: PlanLimits) -> Option<Of> {
        if self.limit == 0 || self.remaining > self.limit || near_midnight(self.at_ms) {
            return None;
        }
        let labelled = self.category.as_deref();
        let ours = labelled.is_none_or(|word| word.eq_ignore_ascii_case(self.label.as_str()));
        if self.host.is_some() && self.limit == limits.host_day {
            Some(Of::Host)
        } else if ours && self.limit == limits.of(self.label).per_day {
            Some(Of::Label)
        } else {
            None
        }
    }
}

/// A reply near midnight may speak of either day.
fn near_midnight(at_ms: i64) -> bool {
    let since = at_ms.rem_euclid(DAY_MS);
    !(MIDNIGHT_MARGIN_MS..DAY_MS - MIDNIGHT_MARGIN_MS).contains(&since)
}

impl Ops {
    /// Writes down what others must have spent, where headers tell it: what Zoom
    /// counts beyond our own count.
    pub async fn write_quota_headers(&self, seen: &[QuotaObservation]) -> Result<(), StoreError> {
        for seen in seen.chunks(500) {
            self.write_some(seen).await?;
        }
        Ok(())
    }

    async fn write_some(&self, seen: &[QuotaObservation]) -> Result<(), StoreError> {
        let (keys, conn) = (self.store.keys(), self.store.connection());
        let mut reads = redis::pipe();
        for one in seen {
            reads.cmd("HMGET").arg(keys.account(&one.account)).arg(&["plan", "z", "uid", "em"]);
        }
        let mut asked = Vec::new();
        let mut reads_more = redis::pipe();
        for (one, fields) in seen.iter().zip(conn.values(&reads).await?) {
            let [plan, zoom, user, mails]: [Option<String>; 4] = from_redis_value(fields)?;
            let limits = self.budgets().plan(plan.as_deref().unwrap_or("pro"));
            let Some(of) = one.of(limits) else { continue };
            let zoom =
                zoom.filter(|z| !z.is_empty()).unwrap_or_else(|| format!("~{}", one.account));
            let host = one.host.as_deref().unwrap_or_default();
            let names = Names {
                account: &one.account,
                host,
                user: user.as_deref().filter(|user| !user.is_empty()),
                mails: mails.as_deref(),
            };
            let alias = names.alias();
            reads_more.cmd("HGET").arg(keys.aliases(&zoom)).arg(&alias);
            let ledger = keys.ledger(&day_name(one.at_ms), &zoom);
            // A name that the account's own user explains is looked up no further.
            let own = names.canonical(None, &alias).to_owned();
            let own = (own != alias).then_some(own).ok_or(alias);
            asked.push((one, of, ledger, own));
        }
        if asked.is_empty() {
            return Ok(());
        }
        let mut counts = redis::pipe();
        let mut fields = Vec::with_capacity(asked.len());
        for ((one, of, ledger, own), known) in asked.iter().zip(conn.values(&reads_more).await?) {
            let known: Option<String> = from_redis_value(known)?;
            let name = match own {
                Ok(user) => user,
                Err(alias) => known.as_ref().unwrap_or(alias),
            };
            let field = match of {
                Of::Label => format!("l:{}", one.label.as_str()),
                Of::Host => format!("h:{name}"),
            };
            let elsewhere = format!("{ELSEWHERE}{field}");
            counts.cmd("HMGET").arg(ledger).arg(&[&field, &elsewhere]);
            fields.push(elsewhere);
        }
        let mut writes = redis::pipe();
        for (((one, _, ledger, _), field), counts) in
            asked.iter().zip(fields).zip(conn.values(&counts).await?)
        {
            let [ours, known]: [Option<u64>; 2] = from_redis_value(counts)?;
            let spent = u64::from(one.limit - one.remaining);
            let more = spent.saturating_sub(ours.unwrap_or(0));
            if more > known.unwrap_or(0) {
                writes.cmd("HSET").arg(ledger).arg(field).arg(more);
                writes.cmd("EXPIRE").arg(ledger).arg(2 * DAY_MS / 1000);
            }
        }
        if !writes.is_empty() {
            conn.values(&writes).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Budgets;

    #[test]
    fn a_header_counts_only_where_its_limit_is_that_of_a_day() {
        let noon = DAY_MS / 2;
        let seen = |host: bool, category: Option<&str>, limit, remaining, at_ms| QuotaObservation {
            account: "acme".into(),
            host: host.then(|| "me".into()),
            label: Label::Light,
            category: category.map(str::to_owned),
            limit,
            remaining,
            at_ms,
        };
        let table = [
            (seen(true, Some("Light"), 100, 40, noon), "pro", Some(Of::Host)),
            (seen(true, None, 100, 40, noon), "free", Some(Of::Host)),
            (seen(false, Some("Light"), 100, 40, noon), "pro", None),
            (seen(true, Some("Light"), 6_000, 5_893, noon), "free", Some(Of::Label)),
            (seen(true, Some("Light"), 6_000, 5_893, noon), "pro", None),
            (seen(false, Some("Medium"), 6_000, 5_893, noon), "free", None),
            (seen(true, Some("Light"), 30, 3, noon), "pro", None),
            (seen(true, Some("Light"), 100, 101, noon), "pro", None),
            (seen(true, Some("Light"), 100, 40, DAY_MS - 1), "pro", None),
            (seen(true, Some("Light"), 100, 40, DAY_MS + 4_999), "pro", None),
            (seen(true, None, 0, 0, noon), "unlimited", None),
        ];
        for (seen, plan, expected) in table {
            assert_eq!(seen.of(Budgets::default().plan(plan)), expected, "{seen:?} of {plan}");
        }
    }
}
