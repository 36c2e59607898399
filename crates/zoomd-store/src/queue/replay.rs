//! Replay of calls: after a reply was lost, and after Redis lost its last writes.

use std::time::Instant;

use bytes::Bytes;

use super::{Fence, Queue, Ticket};
use crate::StoreError;
use crate::clock::ms;
use crate::redis::script_reply::ScriptReply;
use crate::redis::scripts::{RECALL, REPLAY_LOST};

/// Number of leases read by one call.
const PAGE: usize = 1000;
/// Jobs one call writes back: their payloads are arguments.
const WRITTEN_AT_ONCE: usize = 64;

/// A call a daemon remembers to have made, or may have made.
#[derive(Debug, Clone)]
pub struct Remembered {
    /// Lease.
    pub ticket: Ticket,
    /// The job as it came.
    pub payload: Bytes,
}

/// State of a replayed call in Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replayed {
    /// The lease stood; it was prolonged.
    Known,
    /// It had been forgotten, and is leased again: settle it.
    Leased,
    /// The job is finished.
    Finished,
    /// Another holds the job by now.
    Taken,
    /// A key of the account is of a wrong type.
    Broken,
}

impl Queue {
    /// Gives back what an admission or claim under `fence` leased, when its
    /// answer was lost and is not asked for again: unsent, unspent. Answers how
    /// many jobs.
    ///
    /// # Errors
    /// On an error some may not have been given back: call again.
    pub async fn recall(&self, fence: &Fence) -> Result<u64, StoreError> {
        let keys = self.store.keys();
        let (mut from, mut given) = ("0".to_owned(), 0);
        loop {
            let call = RECALL
                .call()
                .key(keys.prefix())
                .key(keys.jobs())
                .arg(self.store.clock().ms())
                .arg(fence.as_str())
                .arg(from)
                .arg(PAGE)
                .arg(self.settings.budgets.classes.hosted().as_str())
                .arg(self.settings.budgets.classes.lookup().as_str());
            let mut parts = ScriptReply::new(self.ask(call).await?, "replay")?;
            from = parts.next()?;
            given += parts.count()?;
            if from == "0" {
                return Ok(given);
            }
        }
    }

    /// The greatest number of a settle of this daemon that Redis still knows. A
    /// Redis that went back forgets its last writes first, so settles with
    /// greater numbers are lost, and only those: write their calls back and
    /// settle them again.
    pub async fn last_settle_kept(&self) -> Result<u64, StoreError> {
        let said = redis::cmd("HVALS").arg(self.store.keys().settled(&self.boot)).to_owned();
        let said: Vec<String> =
            redis::from_redis_value(self.store.connection().value(&said).await?)?;
        let numbers = said.iter().filter_map(|text| text.split(' ').next()?.parse().ok());
        Ok(numbers.max().unwrap_or(0))
    }

    /// Tells a Redis that may have gone back in time (its run id changed) of the
    /// calls of the last minute, before anything else is asked of it: of those
    /// not settled yet, and those whose settle is lost. A call whose settle is
    /// kept must not be told, and none whose lease was taken: a job without an
    /// id leaves no trace of its success.
    ///
    /// # Errors
    /// On an error some may not have been written: call again with all.
    pub async fn replay_lost(&self, calls: &[Remembered]) -> Result<Vec<Replayed>, StoreError> {
        self.learnt.forget();
        let mut answers = Vec::with_capacity(calls.len());
        for chunk in calls.chunks(WRITTEN_AT_ONCE) {
            let letters: Vec<u8> =
                redis::from_redis_value(self.ask(self.replay_lost_call(chunk)).await?)?;
            answers.extend(letters.iter().map(|letter| match letter {
                b'K' => Replayed::Known,
                b'R' => Replayed::Leased,
                b'D' => Replayed::Finished,
                b'T' => Replayed::Taken,
                _ => Replayed::Broken,
            }));
        }
        Ok(answers)
    }

    fn replay_lost_call(&self, calls: &[Remembered]) -> crate::redis::script::Call<'static> {
        let keys = self.store.keys();
        let mut call = REPLAY_LOST.call().key(keys.prefix()).key(keys.jobs());
        call.push(self.store.clock().ms()).push(ms(self.settings.lease)).push(calls.len());
        let in_flight = self.settings.send_within + self.settings.request_timeout;
        for Remembered { ticket, payload } in calls {
            let over = ticket.granted_ms + i64::try_from(ms(in_flight)).unwrap_or(0);
            call.push(&*ticket.job_id)
                .push(ticket.fence.as_str())
                .push(ticket.granted_ms)
                .push(ticket.live(ticket.purpose).write())
                .push(if ticket.purpose == super::Purpose::Lookup { "r" } else { "s" })
                .push(&payload[..])
                .push(if ticket.send_by + self.settings.request_timeout > Instant::now() {
                    over
                } else {
                    0
                });
        }
        call
    }
}
