//! Jobs that wait because their account has as many calls in flight as its cap allows:
//! since when.

use redis::{Value, from_redis_value};

use super::AccountVitals;
use crate::StoreError;
use crate::inspect::Ops;
use crate::inspect::find::not_before;
use crate::inspect::waiting::PRIORITY;
use crate::queue::WaitReason;

/// Accounts of a page that are looked at, and rooms of each.
const ACCOUNTS_MAX: usize = 10;
const ROOMS_MAX: usize = 100;

impl Ops {
    /// Reads since when jobs of these accounts wait for their cap.
    pub(super) async fn capped(
        &self,
        accounts: &mut [AccountVitals],
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let full = accounts.iter_mut().filter(|account| account.is_near_cap());
        for account in full.take(ACCOUNTS_MAX) {
            account.capped_since_ms = self.oldest_at_cap(&account.name, now_ms).await?;
        }
        Ok(())
    }

    /// The time since which the oldest job waits that only the cap, or the turn that it
    /// gives, holds back.
    async fn oldest_at_cap(&self, account: &str, now_ms: i64) -> Result<Option<i64>, StoreError> {
        let keys = self.store.keys();
        let facts = self.account_facts(account, &[]).await?;
        let held = |host: &str| {
            let (why, at_ms) = facts.expect(facts.position(host, 0));
            why == WaitReason::InFlight
                || why == WaitReason::Turn && at_ms.is_none_or(|at| at <= now_ms)
        };
        let mut reads = redis::pipe();
        for room in facts.line.rooms.iter().filter(|room| held(&room.host)).take(ROOMS_MAX) {
            for priority in 0..3 {
                let from = f64::from(priority) * PRIORITY;
                reads.cmd("ZRANGEBYSCORE").arg(keys.room(account, &room.host)).arg(from);
                reads.arg(format!("({}", from + PRIORITY)).arg("WITHSCORES");
                reads.arg("LIMIT").arg(0).arg(1);
            }
        }
        let answers = self.store.connection().values(&reads).await?;
        let firsts = answers.into_iter().map(from_redis_value::<Vec<(String, f64)>>);
        let firsts = firsts.collect::<Result<Vec<_>, _>>()?.into_iter().flatten();
        let came = |score: f64| (score % PRIORITY) as i64;
        let Some((job, score)) = firsts.min_by_key(|(_, score)| came(*score)) else {
            return Ok(None);
        };
        // A job that was not to run before some time has waited since then alone.
        let mut read = redis::cmd("HGET");
        read.arg(keys.payloads(account)).arg(job);
        let payload: Value = self.store.connection().value(&read).await?;
        let payload: Option<Vec<u8>> = from_redis_value(payload).unwrap_or_default();
        let early = payload.as_deref().and_then(not_before);
        Ok(Some(came(score).max(early.unwrap_or(0))))
    }
}
