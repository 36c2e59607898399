//! The meeting that a job is about: what is known of it, the read that must come before
//! the call, and the looks at it after a lost one.
//!
//! One answer that a meeting is not there is not believed: Zoom was seen to give it of
//! meetings that exist. Of a meeting that zoomd knows to have been there (it was read,
//! made by zoomd, or a call of this job may have reached it) two are, [`APART_MS`] from
//! each other; of another it is Zoom's refusal.

use std::time::{Duration, Instant};

use zoom_api::scopes::Need;
use zoom_api::{MeetingRef, ZoomError};
use zoomd_store::admin::MEETING_SEEN;
use zoomd_store::meetings::{Meeting as Registered, MeetingEntry};
use zoomd_store::queue::{Purpose, Record, Settlement};
use zoomd_wire::kind::{Extent, Occurrence, Target};
use zoomd_wire::{Effect, FailureCode, MeetingReply};

use super::facts::Facts;
use super::halts::{asleep, failed, halted};
use super::shown::{Shown, Undated, recurs};
use crate::attempt::asker::{Answer, Failure, Refusal, Stop};
use crate::attempt::exchange::Caller;
use crate::attempt::lookup::{Found, Look, NotSo, Task};
use crate::attempt::{Halt, call, outcome, settlement};
use crate::backoff;
use crate::context::EngineContext;
use crate::decide::Verdict;
use crate::state::circuits::Work;
use crate::state::leased_job::LeasedJob;
use crate::tokens::Token;

/// Between two answers that a meeting is gone, ms.
const APART_MS: i64 = 2_000;

/// The result of one look at a meeting.
pub(super) enum Seen {
    There(Shown),
    /// Zoom says that it is not there, in these words.
    Gone(ZoomError),
    /// The grant may not read it.
    Unreadable,
    /// The look came to nothing.
    Nothing(Stop),
}

/// Knowledge of a meeting before the call.
pub(super) enum Ready {
    Read(Shown),
    /// It need not be read, or could not.
    Unread,
    /// Zoom said twice that it is gone, in these words.
    Gone(ZoomError),
}

/// A meeting that a job is about.
#[derive(Debug)]
pub(super) struct TargetMeeting {
    pub(super) id: Option<u64>,
    extent: Extent,
    pub(super) facts: Facts,
    /// The type of it, where the register knows it as a recurring one.
    series: Option<u64>,
}

impl TargetMeeting {
    /// With what is known of it.
    pub(super) fn new(target: &Target, extent: Extent, record: &Record) -> Self {
        let facts = record.more.get(MEETING_SEEN).cloned();
        let facts = facts.and_then(|facts| serde_json::from_value(facts).ok());
        let mut facts: Facts = facts.unwrap_or_default();
        let known = record.meeting.as_ref();
        let id = match target {
            Target::Meeting(number) => Some(*number),
            Target::Create(_) => known.and_then(|known| known.number).or(facts.found),
        };
        // A meeting that zoomd made, or that a job names as its target, existed.
        facts.known |= known.is_some_and(|known| known.record.is_some());
        facts.known |= matches!(target, Target::Create(_)) && id.is_some();
        let registered = known.zip(id).and_then(|(known, id)| {
            Registered::read("", id, known.record.as_deref()?).map(|it| it.timing.meeting_type)
        });
        facts.single |= registered.is_some_and(|kind| !recurs(kind.into()));
        Self { id, extent, facts, series: registered.map(u64::from).filter(|kind| recurs(*kind)) }
    }

    /// Zoom's number of it; [`ready`](Self::ready) saw that there is one.
    pub(super) fn id(&self) -> u64 {
        self.id.unwrap_or_default()
    }

    /// Zoom's id of the date, if it is about one.
    pub(super) fn date(&self) -> Option<u64> {
        match self.extent {
            Extent::One(Occurrence::Id(id)) => Some(id),
            Extent::One(Occurrence::Start(_)) => self.facts.date,
            Extent::Single | Extent::Series => None,
        }
    }

    /// Sees that there is a meeting, that it may be changed as a whole, and which date is
    /// meant: reads it where that is not known, or `too`.
    pub(super) async fn ready(
        &mut self,
        ctx: &EngineContext,
        leased: &LeasedJob,
        too: bool,
    ) -> Result<Ready, Halt> {
        if self.id.is_none() {
            let text = "nobody knows the number of the meeting that the create made";
            return Err(failed(leased, &Verdict::ours(FailureCode::NoMeeting, text)));
        }
        if let Some(kind) = self.series.filter(|_| self.extent == Extent::Single) {
            return Err(self.unscoped(leased, kind));
        }
        let untyped = self.extent == Extent::Single && !self.facts.single;
        let undated = !self.extent.is_whole() && self.date().is_none();
        if !(untyped || undated || (too && !self.facts.unreadable)) {
            return Ok(Ready::Unread);
        }
        let prepared = call::prepare(ctx, leased, Work::Read).await;
        let (token, permit) = prepared.map_err(Halt::Wait)?;
        let mut asker = asker(ctx, leased, &token, permit, leased.ticket.send_by);
        match self.get(&mut asker, undated).await {
            Ok(Answer::Text(json)) => {
                self.judge(leased, Shown::of(&json), untyped, undated).map(Ready::Read)
            }
            Ok(Answer::Missing(_, error)) => self.missing(leased, error),
            Err(stop) => self.unread(leased, stop, untyped || undated).map(|()| Ready::Unread),
        }
    }

    /// Zoom says before the call that there is no such meeting.
    fn missing(&mut self, leased: &LeasedJob, error: ZoomError) -> Result<Ready, Halt> {
        if self.facts.tried {
            // The call itself is answered so, and then it is looked at.
            return Ok(Ready::Unread);
        }
        if !self.facts.known {
            return Err(failed(leased, &Verdict::zooms(FailureCode::ZoomRejected, error)));
        }
        let now_ms = leased.redis_ms(Instant::now());
        match self.facts.gone_ms {
            Some(first) if now_ms - first >= APART_MS => Ok(Ready::Gone(error)),
            first => {
                let first = *self.facts.gone_ms.insert(first.unwrap_or(now_ms));
                let mut record = leased.record.clone();
                record.why = Some(error.to_string());
                self.keep(&mut record);
                Err(asleep(leased, first + APART_MS, "backoff", record))
            }
        }
    }

    /// The meaning of a read before the call.
    fn judge(
        &mut self,
        leased: &LeasedJob,
        shown: Option<Shown>,
        untyped: bool,
        undated: bool,
    ) -> Result<Shown, Halt> {
        let Some(shown) = shown else {
            return Err(self.later(leased, "Zoom does not report the type of the meeting"));
        };
        (self.facts.known, self.facts.gone_ms) = (true, None);
        self.facts.single = !shown.recurs();
        if untyped && shown.recurs() {
            return Err(self.unscoped(leased, shown.kind));
        }
        if undated && let Extent::One(Occurrence::Start(start)) = self.extent {
            match shown.date_of(start) {
                Ok(date) => {
                    self.facts.date = Some(date);
                    return Err(self.kept_first(leased));
                }
                Err(Undated { why, dates }) => {
                    let verdict = Verdict::ours(FailureCode::ZoomRejected, why);
                    let verdict = Verdict { candidates: dates, ..verdict };
                    return Err(failed(leased, &verdict));
                }
            }
        }
        Ok(shown)
    }

    /// The meeting recurs, and the job does not say that the whole series is meant.
    fn unscoped(&self, leased: &LeasedJob, kind: u64) -> Halt {
        let id = self.id();
        let text = format!(
            "meeting {id} is a recurring one (type {kind}): `\"scope\":\"series\"` is for all of it, `occurrence` for one date"
        );
        let verdict = Verdict::ours(FailureCode::InvalidJob, text);
        failed(leased, &Verdict { field: Some("scope"), ..verdict })
    }

    /// The meeting could not be read before the call, which `must` have been.
    fn unread(&mut self, leased: &LeasedJob, stop: Stop, must: bool) -> Result<(), Halt> {
        match stop {
            Stop::Failed(Failure { why, refusal, .. }) => match refusal {
                Some(Refusal::Lasting) if must => {
                    Err(failed(leased, &Verdict::ours(FailureCode::MissingScope, why)))
                }
                Some(Refusal::Lasting) => {
                    self.facts.unreadable = true;
                    Ok(())
                }
                Some(Refusal::Other) => {
                    Err(failed(leased, &Verdict::ours(FailureCode::ZoomRejected, why)))
                }
                None => Err(self.later(leased, &why)),
            },
            Stop::Wait(why) => Err(Halt::Wait(why)),
            Stop::Limited(label, limit) => {
                let record = leased.record.clone();
                Err(halted(settlement::limited_with(leased, label, limit, record)))
            }
            Stop::Later(at_ms) => Err(asleep(leased, at_ms, "limited", leased.record.clone())),
            Stop::TooLong(why) => Err(self.later(leased, &why)),
        }
    }

    /// The job goes on at once, under another lease: what a lost call is judged by must
    /// outlive this daemon.
    pub(super) fn kept_first(&self, leased: &LeasedJob) -> Halt {
        let now_ms = leased.redis_ms(Instant::now());
        let mut record = leased.record.clone();
        self.keep(&mut record);
        halted(settlement::sleep(leased, now_ms, Purpose::Attempt, record, Vec::new()))
    }

    /// The meeting could not be read: again, later each time.
    pub(super) fn later(&mut self, leased: &LeasedJob, why: &str) -> Halt {
        self.facts.failed_reads = self.facts.failed_reads.saturating_add(1);
        let wait = backoff::after(self.facts.failed_reads, rand::random());
        let at_ms = leased.redis_ms(Instant::now()) + millis(wait);
        let mut record = leased.record.clone();
        record.why = Some(why.to_owned());
        self.keep(&mut record);
        asleep(leased, at_ms, "backoff", record)
    }

    /// Reads it once, without a call where the grant is known not to cover that.
    async fn get(&self, asker: &mut Caller<'_>, all_dates: bool) -> Result<Answer, Stop> {
        if let Some(scope) = asker.token.lacks(Need::Get) {
            let why = format!("the consent lacks the scope {scope}, and the meeting must be read");
            return Err(Stop::Failed(Failure { why, refusal: Some(Refusal::Lasting), code: None }));
        }
        let id = self.id();
        match (all_dates, self.date()) {
            (true, _) => asker.get_dates(id, None).await,
            (false, Some(date)) => asker.get_dates(id, Some(date)).await,
            (false, None) => asker.get(&MeetingRef::Id(id)).await,
        }
    }

    /// Looks at it after a call that may have reached it; with `all_dates` at the series.
    pub(super) async fn look(&mut self, asker: &mut Caller<'_>, all_dates: bool) -> Seen {
        if self.id.is_none() {
            let why = "nobody knows the number of the meeting".to_owned();
            return Seen::Nothing(Stop::TooLong(why));
        }
        (self.facts.known, self.facts.tried) = (true, true);
        if self.facts.unreadable {
            return Seen::Unreadable;
        }
        match self.get(asker, all_dates).await {
            Ok(Answer::Text(json)) => match Shown::of(&json) {
                Some(shown) => {
                    self.facts.gone_ms = None;
                    Seen::There(shown)
                }
                None => {
                    let why = "zoom answered with what is no meeting".to_owned();
                    Seen::Nothing(Stop::Failed(Failure { why, refusal: None, code: None }))
                }
            },
            Ok(Answer::Missing(_, error)) => Seen::Gone(error),
            Err(Stop::Failed(Failure { refusal: Some(Refusal::Lasting), .. })) => {
                self.facts.unreadable = true;
                Seen::Unreadable
            }
            Err(stop) => Seen::Nothing(stop),
        }
    }

    /// Zoom said that it is gone: what that comes to once it was said twice.
    pub(super) fn gone(&mut self, now_ms: i64, twice: impl FnOnce(&Self) -> Look) -> Look {
        match self.facts.gone_ms {
            Some(first) if now_ms - first >= APART_MS => twice(self),
            first => {
                let first = *self.facts.gone_ms.insert(first.unwrap_or(now_ms));
                let what = "Zoom reports that the meeting does not exist; checking once more";
                Look::Again { at_ms: first + APART_MS, what }
            }
        }
    }

    /// The next look stands for the read that the grant may not make.
    pub(super) fn apart(now_ms: i64, what: &'static str) -> Look {
        Look::Again { at_ms: now_ms + APART_MS, what }
    }

    /// The lost call did what it was to do, or somebody else.
    pub(super) fn found(&self, effect: Effect, how: &'static str) -> Look {
        let id = self.id();
        Look::Found(Found { id, json: meeting(id), all: vec![id], effect: Some(effect), how })
    }

    /// Entry for the register: the whole meeting, as `change` leaves it.
    pub(super) fn registered(
        &self,
        leased: &LeasedJob,
        change: impl FnOnce(Registered<'static>) -> Registered<'static>,
    ) -> Option<MeetingEntry> {
        let record = leased.record.meeting.as_ref()?.record.as_deref()?;
        let before = Registered::read(&leased.ticket.account, self.id(), record)?;
        self.extent.is_whole().then(|| change(before.clone()).changed(&before))
    }

    /// Settles a success that Zoom's answer tells.
    pub(super) fn done(
        &self,
        ctx: &EngineContext,
        leased: &LeasedJob,
        effect: Effect,
    ) -> Settlement {
        let called = u32::from(leased.sent_ms().is_some());
        let ending = settlement::ending(leased, leased.record.attempts + called);
        let json = meeting(self.id());
        let fields = zoomd_wire::reply_fields(&json).unwrap_or_default();
        let reply = MeetingReply::new(&json, &fields, &[]);
        let outcome = outcome::success(leased, ending, &reply, Some(effect), false);
        settlement::succeeded(ctx, leased, outcome, None, "")
    }

    /// Adds what was learnt to the record of a job that goes on.
    pub(super) fn keep(&self, record: &mut Record) {
        let mut facts = self.facts.clone();
        facts.known |= record.unresolved;
        facts.tried |= record.unresolved;
        if facts != Facts::default() {
            let facts = serde_json::to_value(facts).unwrap_or_default();
            record.more.insert(MEETING_SEEN.to_owned(), facts);
        }
    }
}

/// The calls of one look, which begin before this moment.
pub(super) fn asker<'c>(
    ctx: &'c EngineContext,
    leased: &'c LeasedJob,
    token: &'c Token,
    permit: call::CallPermit<'c>,
    until: Instant,
) -> Caller<'c> {
    let now = Instant::now();
    Caller {
        zoom: &ctx.zoom,
        account: &leased.ticket.account,
        host: &leased.job.user,
        known: (leased.redis_time(now), now),
        token,
        permit,
        paid: None,
        until: Some(until),
        trace: leased.trace(),
    }
}

/// The calls of a look's task.
pub(super) fn asker_of(task: Task<'_>) -> Caller<'_> {
    let Task { ctx, leased, token, permit, .. } = task;
    let until = leased.ticket.send_by + ctx.queue.settings().request_timeout / 2;
    asker(ctx, leased, token, permit, until)
}

/// A lost call that is not seen to have done anything: it is looked at again, and then
/// sent again, once it must be over.
pub(super) fn not_so(what: &'static str, why: &'static str) -> Look {
    Look::NotSo(NotSo { what, why })
}

fn meeting(id: u64) -> String {
    format!(r#"{{"id":{id}}}"#)
}

pub(super) fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
