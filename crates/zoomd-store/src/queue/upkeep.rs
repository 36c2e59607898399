//! Upkeep: what grows is cut, what was lost is made again. Each call is short
//! and bounded; call until it says that nothing is left.

use std::time::Duration;

use super::Queue;
use crate::clock::ms;
use crate::redis::script::Call;
use crate::redis::script_reply::ScriptReply;
use crate::redis::scripts::{
    DROP_CONSUMERS, EXPIRE_IDS, FORGET_FAILURES, MEETINGS_FORGET, TEND, TRIM,
};
use crate::{Script, StoreError};

/// Number of fields, entries or accounts read by one call.
const PAGE: usize = 1000;
/// Entries one call cuts from one stream.
const MOST_TRIMMED: usize = 10_000;
/// A consumer that has not read for this long has ended: running ones read each second.
const CONSUMER_GONE: Duration = Duration::from_secs(3600);

/// One page of a pass over everything of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pass {
    /// Start of the next page; `None`: all pages are done.
    pub next: Option<String>,
    /// Number of items that were forgotten or repaired.
    pub changed: u64,
}

/// Entries that were cut from the output streams.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Trimmed {
    /// Entries past their age.
    pub by_age: u64,
    /// Entries cut because the stream was too large or too long.
    pub by_size: u64,
    /// True if a consumer group lost entries it had not acknowledged.
    pub unread: bool,
    /// True if there may be more to cut immediately.
    pub more: bool,
}

impl Queue {
    /// Forgets finished jobs' ids after their time: one page of a pass.
    pub async fn expire_ids(&self, from: Option<&str>) -> Result<Pass, StoreError> {
        let call = self
            .upkeep(&EXPIRE_IDS)
            .arg(from.unwrap_or("0"))
            .arg(PAGE)
            .arg(self.settings.remember.as_secs());
        self.pass(call).await
    }

    /// Repairs accounts: calls in flight that are over, lanes without a turn: one page of a pass.
    pub async fn tend_accounts(&self, from: Option<&str>) -> Result<Pass, StoreError> {
        self.pass(self.upkeep(&TEND).arg(from.unwrap_or("0")).arg(PAGE / 5)).await
    }

    /// Trims the output streams by age and size. Warns when a consumer group
    /// lost something by it.
    pub async fn trim(&self) -> Result<Trimmed, StoreError> {
        let keys = self.store.keys();
        let mut all = Trimmed::default();
        for stream in [keys.results(), keys.failures(), keys.events()] {
            let call = self
                .upkeep_of(&TRIM, &stream)
                .arg(ms(self.settings.output_kept))
                .arg(self.settings.output_bytes)
                .arg(self.settings.output_entries.unwrap_or(0))
                .arg(MOST_TRIMMED);
            let mut parts = ScriptReply::new(self.ask(call).await?, "upkeep")?;
            let trimmed = Trimmed {
                by_age: parts.count()?,
                by_size: parts.count()?,
                unread: parts.count()? > 0,
                more: false,
            };
            if trimmed.unread {
                metrics::counter!("zoomd_outputs_trimmed_unread_total").increment(trimmed.by_size);
                tracing::warn!(
                    stream,
                    entries = trimmed.by_size,
                    "output stream: trimmed to its size or length limit before all consumer groups had acknowledged it"
                );
            }
            all.by_age += trimmed.by_age;
            all.by_size += trimmed.by_size;
            all.unread |= trimmed.unread;
            all.more |= trimmed.by_age.max(trimmed.by_size) * 2 > MOST_TRIMMED as u64;
        }
        Ok(all)
    }

    /// Forgets failures of the index after their time; answers how many: call
    /// again while there are some.
    pub async fn forget_failures(&self) -> Result<u64, StoreError> {
        let call = self.upkeep(&FORGET_FAILURES).arg(ms(self.settings.failures_kept)).arg(PAGE);
        Ok(redis::from_redis_value(self.ask(call).await?)?)
    }

    /// Forgets meetings that are due to leave the register: one step of a pass.
    pub async fn forget_meetings(&self, from: Option<&str>) -> Result<Pass, StoreError> {
        let (list, left) = from.and_then(|from| from.rsplit_once(' ')).unwrap_or(("", "0"));
        let call = self
            .upkeep(&MEETINGS_FORGET)
            .arg(list)
            .arg(left)
            .arg(PAGE)
            .arg(ms(self.settings.meetings_kept));
        let mut parts = ScriptReply::new(self.ask(call).await?, "upkeep")?;
        let (list, left) = (parts.next()?, parts.number()?);
        let next = (!list.is_empty()).then(|| format!("{list} {left}"));
        Ok(Pass { next, changed: parts.count()? })
    }

    /// Removes the names of consumers that have ended; returns their number.
    pub async fn drop_consumers(&self) -> Result<u64, StoreError> {
        let call = self
            .upkeep_of(&DROP_CONSUMERS, &self.store.keys().jobs())
            .arg(ms(CONSUMER_GONE))
            .arg(&*self.boot);
        Ok(redis::from_redis_value(self.ask(call).await?)?)
    }

    fn upkeep(&self, script: &'static Script) -> Call<'static> {
        script.call().key(self.store.keys().prefix()).arg(self.store.clock().ms())
    }

    fn upkeep_of(&self, script: &'static Script, stream: &str) -> Call<'static> {
        let call = script.call().key(self.store.keys().prefix()).key(stream);
        call.arg(self.store.clock().ms())
    }

    async fn pass(&self, call: Call<'_>) -> Result<Pass, StoreError> {
        let mut parts = ScriptReply::new(self.ask(call).await?, "upkeep")?;
        let next = parts.next()?;
        Ok(Pass { next: (next != "0").then_some(next), changed: parts.count()? })
    }
}
