//! Claims of waiting jobs: jobs in their turn, and those past their deadline.

use std::sync::Arc;
use std::time::Instant;

use super::memory::Live;
use super::parse::grant;
use super::target::{Aim, Fate, KnownMeeting};
use super::{Claimed, ClaimedJob, Fence, Queue, Record, Ticket, WaitReason};
use crate::StoreError;
use crate::clock::ms;
use crate::limits::Label;
use crate::redis::script_reply::ScriptReply;
use crate::redis::scripts::{CLAIM, EXPIRE, PROMOTE};

/// Jobs one account may have in one turn of the ring.
const QUANTUM: usize = 16;
/// Jobs one call may hand out: a script stays short.
const MOST: usize = 512;

/// Result of a promotion.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Promoted {
    /// Jobs moved to their rooms.
    pub moved: u64,
    /// Time of the next wake-up.
    pub next_wake_ms: Option<i64>,
    /// The clock of Redis.
    pub now_ms: i64,
}

/// Jobs past their deadline, leased to be failed.
#[derive(Debug, Default)]
pub struct Expired {
    pub jobs: Vec<ClaimedJob>,
    /// Time of the next deadline.
    pub next_ms: Option<i64>,
    /// The clock of Redis.
    pub now_ms: i64,
}

impl Queue {
    /// Takes up to `most` jobs that may run now, in the order of turns. Take no
    /// more than there are free request slots.
    ///
    /// # Errors
    /// On an error no job was leased, or the answer was lost: those jobs return when their leases
    /// expire.
    pub async fn claim(&self, fence: &Fence, most: usize) -> Result<Claimed, StoreError> {
        if most == 0 {
            return Ok(Claimed::default());
        }
        let settings = &self.settings;
        let mut call = CLAIM.call().key(self.store.keys().prefix());
        call.push(self.store.clock().ms())
            .push(fence.as_str())
            .push(ms(settings.lease))
            .push(ms(settings.send_within))
            .push(ms(settings.send_within + settings.request_timeout))
            .push(most.min(MOST))
            .push(QUANTUM)
            .push(settings.budgets.classes.hosted().as_str())
            .push(settings.budgets.classes.lookup().as_str())
            .push(Label::ALL.len());
        for label in Label::ALL {
            call.push(label.as_str()).push(settings.budgets.table(label));
        }
        call.push(u8::from(settings.merge_updates));
        let began = Instant::now();
        let mut parts = ScriptReply::new(self.ask(call).await?, "claim")?;
        let now_ms = parts.number()?;
        let more = parts.number()? == 1;
        let next_wake_ms = parts.time()?;
        let jobs = self.claimed_jobs(parts.array()?, fence, now_ms, began)?;
        Ok(Claimed { jobs, more, next_wake_ms, now_ms })
    }

    /// Moves due jobs to their rooms, at most `most` of them. A claim does so too, for a few; this
    /// is for many.
    pub async fn promote(&self, most: usize) -> Result<Promoted, StoreError> {
        let call = PROMOTE
            .call()
            .key(self.store.keys().prefix())
            .arg(self.store.clock().ms())
            .arg(most.clamp(1, 2000));
        let mut parts = ScriptReply::new(self.ask(call).await?, "claim")?;
        let now_ms = parts.number()?;
        let moved = u64::try_from(parts.number()?).unwrap_or(0);
        Ok(Promoted { moved, next_wake_ms: parts.time()?, now_ms })
    }

    /// Takes up to `most` waiting or sleeping jobs whose deadline has passed.
    pub async fn claim_expired(&self, fence: &Fence, most: usize) -> Result<Expired, StoreError> {
        let call = EXPIRE
            .call()
            .key(self.store.keys().prefix())
            .arg(self.store.clock().ms())
            .arg(fence.as_str())
            .arg(ms(self.settings.lease))
            .arg(most.clamp(1, MOST))
            .arg(self.merges_within());
        let began = Instant::now();
        let mut parts = ScriptReply::new(self.ask(call).await?, "claim")?;
        let now_ms = parts.number()?;
        let next_ms = parts.time()?;
        let jobs = self.claimed_jobs(parts.array()?, fence, now_ms, began)?;
        Ok(Expired { jobs, next_ms, now_ms })
    }

    fn claimed_jobs(
        &self,
        mut list: ScriptReply,
        fence: &Fence,
        now_ms: i64,
        began: Instant,
    ) -> Result<Vec<ClaimedJob>, StoreError> {
        (0..list.len()).map(|_| self.claimed_job(list.array()?, fence, now_ms, began)).collect()
    }

    fn claimed_job(
        &self,
        mut parts: ScriptReply,
        fence: &Fence,
        now_ms: i64,
        began: Instant,
    ) -> Result<ClaimedJob, StoreError> {
        let job_id: Arc<str> = parts.next()?.into();
        let live =
            Live::read(&parts.next()?).ok_or_else(|| StoreError::unexpected("a job's state"))?;
        let letter = parts.next()?;
        let grant = grant(&mut parts)?;
        let payload = parts.bytes()?;
        let mut record = Record::read(&parts.bytes()?, &live);
        let full_day = WaitReason::from_word(&parts.next()?);
        record.meeting = KnownMeeting::read(&parts.next()?);
        let carried = parts.array()?;
        let fate = live.aim.as_deref().and_then(Aim::read).and_then(Fate::of);
        let (granted_at, send_by, lease_until) = self.times(now_ms, now_ms, began);
        let ticket = Ticket {
            job_id,
            id_given: live.digest.is_some(),
            account: live.account,
            host: live.host,
            other_host: live.other_host,
            entry: live.entry,
            in_stream: false,
            fence: fence.clone(),
            run: live.run,
            purpose: live.purpose.leased(),
            priority: live.priority,
            digest: live.digest.unwrap_or(0),
            recoverable: live.recoverable,
            aim: live.aim,
            deadline_ms: live.deadline_ms,
            grant,
            granted_ms: now_ms,
            granted_at,
            send_by,
            lease_until,
            plain: letter == "R",
        };
        let (expired, removed) = (letter == "X" && fate.is_none(), letter == "A");
        let parts = self.parts(carried, &ticket)?;
        Ok(ClaimedJob { ticket, payload, record, full_day, fate, expired, removed, parts })
    }

    /// Grant to send at the latest, ms, where updates are merged.
    fn merges_within(&self) -> String {
        let within = self.settings.merge_updates.then(|| ms(self.settings.send_within));
        within.map(|ms| ms.to_string()).unwrap_or_default()
    }

    /// The jobs that the call of `carrier` may carry, leased with it.
    pub(super) fn parts(
        &self,
        mut list: ScriptReply,
        carrier: &Ticket,
    ) -> Result<Vec<ClaimedJob>, StoreError> {
        let mut jobs = Vec::with_capacity(list.len());
        for _ in 0..list.len() {
            let mut part = list.array()?;
            let job_id: Arc<str> = part.next()?.into();
            let live =
                Live::read(&part.next()?).ok_or_else(|| StoreError::unexpected("a job's state"))?;
            let payload = part.bytes()?;
            let record = Record::read(&part.bytes()?, &live);
            let ticket = Ticket {
                job_id,
                id_given: live.digest.is_some(),
                host: live.host,
                other_host: live.other_host,
                entry: live.entry,
                in_stream: false,
                run: live.run,
                priority: live.priority,
                digest: live.digest.unwrap_or(0),
                recoverable: live.recoverable,
                aim: live.aim,
                deadline_ms: live.deadline_ms,
                plain: false,
                ..carrier.clone()
            };
            jobs.push(ClaimedJob::part(ticket, payload, record));
        }
        Ok(jobs)
    }
}
