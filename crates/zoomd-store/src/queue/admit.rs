//! Admission: one script for a batch of entries.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use foldhash::{HashMap, HashMapExt as _, HashSet, HashSetExt as _};

use super::memory::Live;
use super::parse::{grant, host_name, shared_host};
use super::{Admission, Admitted, Fence, Grants, Purpose, Queue, Ticket, WaitReason};
use crate::StoreError;
use crate::clock::ms;
use crate::limits::Label;
use crate::redis::script::Call;
use crate::redis::script_reply::ScriptReply;
use crate::redis::scripts::ADMIT;

/// Jobs of one account and host, which the script handles together; those with a target separately.
struct Group<'a> {
    key: (&'a str, &'a str, &'a str),
    class: Label,
    jobs: Vec<usize>,
}

impl Queue {
    /// Asks for a batch of entries that this daemon's [`Reader`](super::Reader)
    /// read. The answers stand in the order of `jobs`. After an error send the
    /// same batch again under the same `fence`: what was granted then is granted
    /// again, once.
    ///
    /// # Errors
    /// On an error nothing was decided, or the answer was lost.
    pub async fn admit(
        &self,
        fence: &Fence,
        jobs: &[Admission],
    ) -> Result<Vec<Admitted>, StoreError> {
        if jobs.is_empty() {
            return Ok(Vec::new());
        }
        let groups = grouped(jobs);
        let began = Instant::now();
        let mut parts =
            ScriptReply::new(self.ask(self.admit_call(fence, jobs, &groups)).await?, "admit")?;
        let now_ms = parts.number()?;
        let letters = parts.bytes()?;
        let (mut details, mut grants) = (parts.array()?, parts.array()?);
        let carried = parts.array()?;
        let mut answers: Vec<Option<Admitted>> = jobs.iter().map(|_| None).collect();
        let mut letters = letters.iter();
        for group in &groups {
            let grant = grant(&mut grants)?;
            for index in &group.jobs {
                let letter = letters.next().ok_or_else(|| StoreError::unexpected("admit"))?;
                let ticket = |granted_ms: i64| {
                    self.fresh_ticket(&jobs[*index], fence, grant, granted_ms, now_ms, began)
                };
                answers[*index] = Some(match letter {
                    b'G' => Admitted::Go(Ticket { plain: true, ..ticket(now_ms) }),
                    b'Q' => Admitted::Go(ticket(now_ms)),
                    b'g' => Admitted::Go(ticket(details.number()?)),
                    b'W' | b'S' | b'T' => Admitted::Waits {
                        why: WaitReason::from_word(&details.next()?).unwrap_or(WaitReason::Turn),
                        until_ms: details.number()?,
                    },
                    b'L' => Admitted::Later,
                    b'M' => Admitted::NoMeeting,
                    b'R' => Admitted::Repeat,
                    b'C' => Admitted::Conflict,
                    b'N' => Admitted::NoAccount,
                    b'A' => Admitted::AccountRemoved,
                    b'X' => Admitted::Expired,
                    b'H' => Admitted::Held,
                    _ => Admitted::Broken,
                });
            }
        }
        self.carry(carried, &groups, &mut answers)?;
        answers.into_iter().map(|a| a.ok_or_else(|| StoreError::unexpected("admit"))).collect()
    }

    /// Gives jobs that go the updates that their calls may carry.
    fn carry(
        &self,
        mut carried: ScriptReply,
        groups: &[Group<'_>],
        answers: &mut [Option<Admitted>],
    ) -> Result<(), StoreError> {
        for _ in 0..carried.len() / 2 {
            let place = usize::try_from(carried.number()?).unwrap_or(0);
            let parts = carried.array()?;
            let index = groups.iter().flat_map(|group| &group.jobs).nth(place.saturating_sub(1));
            let answer = index.and_then(|index| answers.get_mut(*index));
            let answer = answer.ok_or_else(|| StoreError::unexpected("admit"))?;
            let Some(Admitted::Go(ticket)) = answer.take() else {
                return Err(StoreError::unexpected("admit"));
            };
            let parts = self.parts(parts, &ticket)?;
            *answer = Some(Admitted::Carries(ticket, parts));
        }
        Ok(())
    }

    fn admit_call(&self, fence: &Fence, jobs: &[Admission], groups: &[Group<'_>]) -> Call<'static> {
        let (keys, settings) = (self.store.keys(), &self.settings);
        let (first, last) = range(jobs);
        let early = jobs.iter().any(|job| job.not_before_ms.is_some());
        let targets = jobs.iter().any(|job| job.target.is_some());
        let mut classes: Vec<Label> = Vec::with_capacity(1);
        for group in groups {
            if !classes.contains(&group.class) {
                classes.push(group.class);
            }
        }
        let mut call = ADMIT.call().key(keys.prefix()).key(keys.jobs()).key(keys.events());
        call.push(self.store.clock().ms())
            .push(fence.as_str())
            .push(ms(settings.lease))
            .push(ms(settings.send_within))
            .push(ms(settings.send_within + settings.request_timeout))
            .push(settings.remember.as_secs())
            .push(&*self.boot)
            .push(classes.len())
            .push(first)
            .push(last)
            .push(ms(settings.tell_after))
            .push(jobs.iter().map(|job| job.deadline_ms).min().unwrap_or(i64::MAX))
            .push(u8::from(early))
            .push(u8::from(an_id_twice(jobs)))
            .push(u8::from(targets) + u8::from(targets && settings.merge_updates));
        for class in &classes {
            call.push(class.as_str()).push(settings.budgets.table(*class));
        }
        call.push(groups.len()).push(jobs.len());
        for group in groups {
            let (account, _, other) = group.key;
            let class = classes.iter().position(|class| *class == group.class).unwrap_or(0);
            call.push(account)
                .push(&*jobs[group.jobs[0]].room())
                .push(&*host_name(other))
                .push(group.jobs.len())
                .push(class + 1);
        }
        let in_order = || groups.iter().flat_map(|group| &group.jobs).map(|index| &jobs[*index]);
        let kinds: String = in_order().map(|job| if job.recoverable { 'y' } else { 'n' }).collect();
        call.push(kinds);
        in_order().for_each(|job| {
            call.push(&*job.job_id);
        });
        in_order().for_each(|job| {
            call.push(&*job.entry);
        });
        let mut text = String::with_capacity(128);
        in_order().for_each(|job| {
            text.clear();
            live(job).write_to(&mut text);
            call.push(text.as_str());
        });
        if early {
            in_order().for_each(|job| {
                call.push(job.not_before_ms.unwrap_or(0));
            });
        }
        if targets {
            in_order().for_each(|job| {
                call.push(job.target.as_ref().map_or_else(String::new, ToString::to_string));
            });
        }
        call
    }

    fn fresh_ticket(
        &self,
        job: &Admission,
        fence: &Fence,
        grant: Grants,
        granted_ms: i64,
        now_ms: i64,
        began: Instant,
    ) -> Ticket {
        let (granted_at, send_by, lease_until) = self.times(granted_ms, now_ms, began);
        Ticket {
            job_id: Arc::clone(&job.job_id),
            id_given: job.id_given,
            account: Arc::clone(&job.account),
            host: job.host.as_ref().map_or_else(|| job.class.room().into(), shared_host),
            other_host: job.other_host.as_ref().map(shared_host),
            entry: Arc::clone(&job.entry),
            in_stream: true,
            fence: fence.clone(),
            run: 1,
            purpose: Purpose::Attempt,
            priority: job.priority,
            digest: job.digest,
            recoverable: job.recoverable,
            aim: None,
            deadline_ms: job.deadline_ms,
            grant,
            granted_ms,
            granted_at,
            send_by,
            lease_until,
            plain: false,
        }
    }

    /// The process's own times of a grant: counted from before the call, so
    /// that they end no later than those of Redis.
    pub(super) fn times(
        &self,
        granted_ms: i64,
        now_ms: i64,
        began: Instant,
    ) -> (Instant, Instant, Instant) {
        let age = Duration::from_millis(u64::try_from(now_ms - granted_ms).unwrap_or(0));
        let left = |span: Duration| began + span.saturating_sub(age);
        let granted_at = began.checked_sub(age).unwrap_or(began);
        (granted_at, left(self.settings.send_within), left(self.settings.lease))
    }
}

fn live(job: &Admission) -> Live<Cow<'_, str>> {
    Live {
        run: 1,
        entry: Cow::Borrowed(&*job.entry),
        digest: job.id_given.then_some(job.digest),
        purpose: Purpose::Attempt,
        priority: job.priority,
        sweeps: 0,
        recoverable: job.recoverable,
        sent_ms: 0,
        deadline_ms: job.deadline_ms,
        account: Cow::Borrowed(&*job.account),
        host: job.room(),
        other_host: job.other_host.as_deref().map(host_name),
        aim: None,
    }
}

fn grouped(jobs: &[Admission]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut known: HashMap<_, usize> = HashMap::with_capacity(jobs.len());
    for (index, job) in jobs.iter().enumerate() {
        let host = job.host.as_deref().unwrap_or(job.class.room());
        let key = (&*job.account, host, job.other_host.as_deref().unwrap_or(""));
        let at = *known.entry((key, job.class, job.target.is_some())).or_insert_with(|| {
            groups.push(Group { key, class: job.class, jobs: Vec::new() });
            groups.len() - 1
        });
        groups[at].jobs.push(index);
    }
    groups
}

fn an_id_twice(jobs: &[Admission]) -> bool {
    let mut ids = HashSet::with_capacity(jobs.len());
    !jobs.iter().all(|job| ids.insert(&*job.job_id))
}

/// The smallest and the largest entry id of a batch.
fn range(jobs: &[Admission]) -> (&str, &str) {
    let order = |job: &Admission| {
        let (ms, seq) = job.entry.split_once('-').unwrap_or((&*job.entry, "0"));
        (ms.parse::<u64>().unwrap_or(0), seq.parse::<u64>().unwrap_or(0))
    };
    let Some(first) = jobs.first() else { return ("-", "+") };
    let mut ends = [(order(first), first); 2];
    for job in &jobs[1..] {
        let at = order(job);
        if at < ends[0].0 {
            ends[0] = (at, job);
        }
        if at > ends[1].0 {
            ends[1] = (at, job);
        }
    }
    (&ends[0].1.entry, &ends[1].1.entry)
}
