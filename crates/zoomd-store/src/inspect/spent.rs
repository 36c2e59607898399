//! Limits of the day that hold back jobs which end without having run, for their
//! stories: read from the ledger when they end.

use std::collections::{BTreeMap, BTreeSet};

use redis::{Value, from_redis_value};

use super::Ops;
use super::wait_facts::budget_names::Names;
use crate::StoreError;
use crate::clock::{DAY_MS, day_name};
use crate::queue::WaitReason;

/// A job that ends: its account, its host, and when it came, ms.
pub type Ending<'a> = (&'a str, &'a str, i64);

/// An account, as far as it decides about days: Zoom account, user, addresses, plan,
/// state, pause.
type Owner = [Option<String>; 6];

impl Ops {
    /// The limit of today, or of yesterday for a job that came before today, that is used
    /// up for each of these jobs; none while their account is paused or not authorized.
    pub async fn spent_days(
        &self,
        jobs: &[Ending<'_>],
        now_ms: i64,
    ) -> Result<Vec<Option<WaitReason>>, StoreError> {
        let owners = self.owners(jobs).await?;
        let fields = self.fields(jobs, &owners).await?;
        let (keys, conn) = (self.store().keys(), self.store().connection());
        let label = format!("l:{}", self.budgets().classes.hosted().as_str());
        let mut reads = redis::pipe();
        for ((account, ..), host) in jobs.iter().zip(&fields) {
            let zoom = owners.get(account).map(|owner| zoom_of(account, owner));
            for ago in [0, DAY_MS] {
                let ledger =
                    keys.ledger(&day_name(now_ms - ago), &zoom.clone().unwrap_or_default());
                reads.cmd("HMGET").arg(ledger).arg(&[&label, host]);
            }
        }
        let answers = conn.values(&reads).await?;
        let today_ms = now_ms - now_ms.rem_euclid(DAY_MS);
        let spent = jobs.iter().zip(answers.chunks(2)).map(|((account, _, came_ms), days)| {
            let [.., plan, state, paused] = owners.get(account)?;
            // A required action by a person comes first among the reasons.
            if state.as_deref() != Some("active") || paused.is_some() {
                return None;
            }
            let limits = self.budgets().plan(plan.as_deref().unwrap_or("pro"));
            let most = (limits.of(self.budgets().classes.hosted()).per_day, limits.host_day);
            let days = days.iter().take(if *came_ms < today_ms { 2 } else { 1 });
            days.filter_map(|day| full(day, most)).next()
        });
        Ok(spent.collect())
    }

    /// The accounts of these jobs.
    async fn owners<'a>(
        &self,
        jobs: &[Ending<'a>],
    ) -> Result<BTreeMap<&'a str, Owner>, StoreError> {
        let accounts: BTreeSet<&str> = jobs.iter().map(|(account, ..)| *account).collect();
        let mut reads = redis::pipe();
        for account in &accounts {
            let key = self.store().keys().account(account);
            reads.cmd("HMGET").arg(key).arg(&["z", "uid", "em", "plan", "st", "paused"]);
        }
        let answers = self.store().connection().values(&reads).await?;
        let owners = answers.into_iter().map(|owner| {
            let [zoom, user, mails, plan, state, paused]: Owner =
                from_redis_value(owner).unwrap_or_default();
            let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
            // A pause may have no reason.
            [filled(zoom), filled(user), mails, filled(plan), state, paused]
        });
        Ok(accounts.into_iter().zip(owners).collect())
    }

    /// The fields of the ledger that count the hosts of these jobs.
    async fn fields(
        &self,
        jobs: &[Ending<'_>],
        owners: &BTreeMap<&str, Owner>,
    ) -> Result<Vec<String>, StoreError> {
        let named: Vec<_> = jobs
            .iter()
            .filter_map(|(account, host, _)| {
                let owner = owners.get(account)?;
                let (user, mails) = (owner[1].as_deref(), owner[2].as_deref());
                Some((zoom_of(account, owner), Names { account, host, user, mails }))
            })
            .collect();
        let mut reads = redis::pipe();
        for (zoom, names) in &named {
            reads.cmd("HGET").arg(self.store().keys().aliases(zoom)).arg(names.alias());
        }
        let known = self.store().connection().values(&reads).await?;
        let fields = named.iter().zip(known).map(|((_, names), known)| {
            let (known, alias): (Option<String>, _) =
                (from_redis_value(known).unwrap_or_default(), names.alias());
            format!("h:{}", names.canonical(known.as_deref(), &alias))
        });
        Ok(fields.collect())
    }
}

fn zoom_of(account: &str, owner: &Owner) -> String {
    owner[0].clone().unwrap_or_else(|| format!("~{account}"))
}

/// The limit of which nothing is left on a day: calls of the label, creates of the host.
fn full(day: &Value, most: (u32, u32)) -> Option<WaitReason> {
    let counts: [Option<u64>; 2] = redis::from_redis_value_ref(day).unwrap_or_default();
    let spent = |count: Option<u64>, most: u32| most > 0 && count.unwrap_or(0) >= most.into();
    if spent(counts[1], most.1) {
        return Some(WaitReason::HostDay);
    }
    spent(counts[0], most.0).then_some(WaitReason::LabelDay)
}
