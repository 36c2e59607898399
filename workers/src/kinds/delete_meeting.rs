//! `delete_meeting`: a meeting is deleted by its number; after a lost call it is read.
//!
//! One answer that a meeting is not there is not believed: Zoom was seen to give it of
//! meetings that exist. Of a meeting that zoomd knows to have been there (it was read,
//! or a delete of this job may have reached it) two are, [`APART_MS`] from each other;
//! of another it is Zoom's refusal.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use zoom_api::{MeetingRef, Reply, Sent, TransportError, TransportKind};
use zoomd_store::admin::CANCEL_MARK;
use zoomd_store::queue::{Purpose, Record, Settlement};
use zoomd_wire::kind::DeleteMeeting as Asked;
use zoomd_wire::{Effect, FailureCode, Kind, MeetingReply};

use crate::attempt::asker::{Answer, Failure, Refusal, Stop};
use crate::attempt::exchange::Caller;
use crate::attempt::lookup::{Found, Look, Task};
use crate::attempt::spec::KindSpec;
use crate::attempt::{Halt, Sending, call, outcome, settlement};
use crate::backoff;
use crate::context::EngineContext;
use crate::decide::Verdict;
use crate::failpoints;
use crate::state::circuits::Work;
use crate::state::job_history;
use crate::state::leased_job::LeasedJob;

/// The record's field for what is known of the meeting.
const TARGET: &str = "target";
/// Between two answers that a meeting is gone, ms.
const APART_MS: i64 = 2_000;
/// Zoom's types of recurring meetings.
const RECURRING: [u64; 2] = [3, 8];

/// Knowledge of the meeting, kept between the leases of a job.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Target {
    /// It was there: it was read, or a delete of this job may have reached it.
    known: bool,
    /// It was read and is no recurring one.
    single: bool,
    /// The grant may not read it.
    unreadable: bool,
    /// The time at which Zoom first said that it is gone, since it was last seen.
    gone_ms: Option<i64>,
    /// Reads before the call that failed in a row.
    failed_reads: u8,
}

/// The result of one look at the meeting.
enum Seen {
    There,
    Gone,
    Deleted,
    Unreadable,
    Nothing(Stop),
}

/// One job of the kind.
#[derive(Debug)]
pub struct DeleteMeeting<'a> {
    asked: &'a Asked,
    target: Target,
}

impl<'a> DeleteMeeting<'a> {
    /// A job, with what is known of its meeting.
    #[must_use]
    pub fn new(asked: &'a Asked, record: &Record) -> Self {
        let known = record.more.get(TARGET).cloned();
        let target = known.and_then(|known| serde_json::from_value(known).ok());
        Self { asked, target: target.unwrap_or_default() }
    }

    fn asker<'c>(
        &self,
        ctx: &'c EngineContext,
        leased: &'c LeasedJob,
        token: &'c crate::tokens::Token,
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
        }
    }

    /// Reads the meeting before the first call: a recurring one goes as a whole only
    /// where the job says so.
    async fn check_type(&mut self, ctx: &EngineContext, leased: &LeasedJob) -> Result<(), Halt> {
        let prepared = call::prepare(ctx, leased, Work::Read).await;
        let (token, permit) = prepared.map_err(Halt::Wait)?;
        let mut asker = self.asker(ctx, leased, &token, permit, leased.ticket.send_by);
        let id = self.asked.meeting_id;
        let answer = asker.get(&MeetingRef::Id(id)).await;
        let fails = |verdict| Err(halted(settlement::failed(leased, &verdict, &[])));
        match answer {
            Ok(Answer::Text(json)) => match type_of(&json) {
                Some(kind) if RECURRING.contains(&kind) => fails(Verdict {
                    field: Some("scope"),
                    ..Verdict::ours(FailureCode::InvalidJob, scope_needed(id, kind))
                }),
                Some(_) => {
                    (self.target.known, self.target.single) = (true, true);
                    Ok(())
                }
                None => Err(self.later(leased, "zoom does not tell the type of the meeting")),
            },
            Ok(Answer::Missing(..)) if self.target.known => Ok(()),
            Ok(Answer::Missing(_, error)) => {
                fails(Verdict::zooms(FailureCode::ZoomRejected, error))
            }
            Err(Stop::Failed(Failure { why, refusal })) => match refusal {
                Some(Refusal::Lasting) => fails(Verdict::ours(FailureCode::MissingScope, why)),
                Some(Refusal::Other) => fails(Verdict::ours(FailureCode::ZoomRejected, why)),
                None => Err(self.later(leased, &why)),
            },
            Err(Stop::Wait(why)) => Err(Halt::Wait(why)),
            Err(Stop::Limited(label, limit)) => {
                let record = leased.record.clone();
                Err(halted(settlement::limited_with(leased, label, limit, record)))
            }
            Err(Stop::Later(at_ms)) => Err(asleep(leased, at_ms, "limited", leased.record.clone())),
            Err(Stop::TooLong(why)) => Err(self.later(leased, &why)),
        }
    }

    /// The meeting could not be read: again, later each time.
    fn later(&mut self, leased: &LeasedJob, why: &str) -> Halt {
        self.target.failed_reads = self.target.failed_reads.saturating_add(1);
        let wait = backoff::after(self.target.failed_reads, rand::random());
        let at_ms = leased.redis_ms(Instant::now()) + millis(wait);
        let mut record = leased.record.clone();
        record.why = Some(why.to_owned());
        self.keep(&mut record);
        asleep(leased, at_ms, "backoff", record)
    }

    async fn look(&self, asker: &mut Caller<'_>) -> Seen {
        match asker.get(&MeetingRef::Id(self.asked.meeting_id)).await {
            Ok(Answer::Text(_)) => Seen::There,
            Ok(Answer::Missing(..)) => Seen::Gone,
            Err(Stop::Failed(Failure { refusal: Some(Refusal::Lasting), .. })) => Seen::Unreadable,
            Err(stop) => Seen::Nothing(stop),
        }
    }

    /// One further delete stands for the read that the grant may not make.
    async fn probe(&self, asker: &mut Caller<'_>) -> Seen {
        let token = asker.token;
        let Asked { meeting_id, notify, .. } = *self.asked;
        let send = token.client.erase_meeting(&token.access, meeting_id, notify);
        match asker.once_more(Kind::DeleteMeeting, send).await {
            Ok(Answer::Text(_)) => Seen::Deleted,
            Ok(Answer::Missing(..)) => Seen::Gone,
            Err(stop) => Seen::Nothing(stop),
        }
    }

    /// What the looks so far come to.
    fn conclude(&mut self, seen: Seen, now_ms: i64) -> Look {
        match seen {
            Seen::There => {
                self.target.gone_ms = None;
                Look::NotDone("the last call did not delete the meeting")
            }
            Seen::Deleted => self.found(Effect::Deleted, "the delete was sent once more"),
            Seen::Gone => match self.target.gone_ms {
                Some(first) if now_ms - first >= APART_MS => {
                    self.found(Effect::AlreadyGone, "Zoom said twice that the meeting is gone")
                }
                first => {
                    let first = *self.target.gone_ms.insert(first.unwrap_or(now_ms));
                    let what = "Zoom says that the meeting is gone; it is asked once more";
                    Look::Again { at_ms: first + APART_MS, what }
                }
            },
            Seen::Unreadable => {
                self.target.unreadable = true;
                let what = "the grant may not read the meeting; the delete is sent once more";
                Look::Again { at_ms: now_ms + APART_MS, what }
            }
            Seen::Nothing(stop) => Look::stopped(stop, Vec::new()),
        }
    }

    fn found(&self, effect: Effect, how: &'static str) -> Look {
        let id = self.asked.meeting_id;
        Look::Found(Found { id, json: meeting(id), all: vec![id], effect: Some(effect), how })
    }
}

impl KindSpec for DeleteMeeting<'_> {
    const KIND: Kind = Kind::DeleteMeeting;
    const LOOKS_BY: Option<&'static str> = Some("get_meeting");
    type Done<'r> = ();

    async fn ready(&mut self, ctx: &EngineContext, leased: &LeasedJob) -> Result<(), Halt> {
        if self.asked.series || self.target.single {
            return Ok(());
        }
        Box::pin(self.check_type(ctx, leased)).await
    }

    async fn send(&self, sending: Sending<'_>) -> Result<Reply, TransportError> {
        let Sending { leased, token, .. } = sending;
        if !leased.may_send() {
            return Err(withheld());
        }
        failpoints::at("leaving");
        let Asked { meeting_id, notify, .. } = *self.asked;
        token.client.erase_meeting(&token.access, meeting_id, notify).await
    }

    fn read(&self, reply: &Reply) -> Option<Result<(), String>> {
        if reply.status == 204 {
            return Some(Ok(()));
        }
        let gone = self.target.known && reply.error().is_meeting_missing();
        gone.then(|| Err("zoom says that the meeting is gone".to_owned()))
    }

    fn done(&self, ctx: &EngineContext, leased: &LeasedJob, (): ()) -> Settlement {
        let ending = settlement::ending(leased, u32::from(leased.attempt()));
        let json = meeting(self.asked.meeting_id);
        let fields = zoomd_wire::reply_fields(&json).unwrap_or_default();
        let meeting = MeetingReply::new(&json, &fields, &[]);
        let outcome = outcome::success(leased, ending, &meeting, Some(Effect::Deleted), false);
        settlement::succeeded(ctx, leased, outcome, None, "")
    }

    async fn find(&mut self, task: Task<'_>, _: &mut Record) -> Look {
        let Task { ctx, leased, token, permit, .. } = task;
        // A look is made after a call that may have reached the meeting.
        self.target.known = true;
        let stays = leased.removed || leased.record.more.contains_key(CANCEL_MARK);
        if self.target.unreadable && (stays || leased.expired) {
            let why = "the grant may not read the meeting, and the job may not send once more";
            return Look::Unclear { why: why.to_owned(), alike: Vec::new() };
        }
        let until = leased.ticket.send_by + ctx.queue.settings().request_timeout / 2;
        let mut asker = self.asker(ctx, leased, token, permit, until);
        let seen = match self.target.unreadable {
            true => self.probe(&mut asker).await,
            false => self.look(&mut asker).await,
        };
        self.conclude(seen, leased.redis_ms(Instant::now()))
    }

    fn keep(&self, record: &mut Record) {
        let mut target = self.target.clone();
        target.known |= record.unresolved;
        if target != Target::default() {
            let target = serde_json::to_value(target).unwrap_or_default();
            record.more.insert(TARGET.to_owned(), target);
        }
    }
}

fn withheld() -> TransportError {
    let detail = "the lease has ended".to_owned();
    TransportError { kind: TransportKind::Withheld, sent: Sent::No, status: None, detail }
}

fn halted(settlement: Settlement) -> Halt {
    Halt::Settled(Box::new(Settlement { unsent: true, ..settlement }))
}

fn asleep(leased: &LeasedJob, at_ms: i64, reason: &'static str, mut record: Record) -> Halt {
    job_history::wait(&mut record, leased, reason, Some(at_ms));
    halted(settlement::sleep(leased, at_ms, Purpose::Attempt, record, Vec::new()))
}

fn scope_needed(id: u64, kind: u64) -> String {
    format!(
        "meeting {id} is a recurring one (type {kind}); `\"scope\":\"series\"` deletes all of it"
    )
}

fn type_of(json: &str) -> Option<u64> {
    #[derive(Deserialize)]
    struct Typed {
        #[serde(rename = "type")]
        kind: u64,
    }
    serde_json::from_str::<Typed>(json).ok().map(|typed| typed.kind)
}

fn meeting(id: u64) -> String {
    format!(r#"{{"id":{id}}}"#)
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(asked: &Asked, target: Target) -> DeleteMeeting<'_> {
        DeleteMeeting { asked, target }
    }

    const ASKED: Asked = Asked { meeting_id: 7, series: true, notify: false };

    fn reply(status: u16, body: &str) -> Reply {
        let body = bytes::Bytes::copy_from_slice(body.as_bytes());
        Reply::new(status, &http::HeaderMap::new(), body)
    }

    #[test]
    fn gone_is_a_refusal_unless_the_meeting_is_known() {
        let gone = reply(404, r#"{"code":3001,"message":"Meeting does not exist: 7."}"#);
        let known = Target { known: true, ..Target::default() };
        assert!(spec(&ASKED, Target::default()).read(&gone).is_none());
        assert!(matches!(spec(&ASKED, known.clone()).read(&gone), Some(Err(_))));
        assert!(matches!(spec(&ASKED, known.clone()).read(&reply(204, "")), Some(Ok(()))));
        assert!(spec(&ASKED, known).read(&reply(400, r#"{"code":3002,"message":"m"}"#)).is_none());
    }

    #[test]
    fn one_answer_that_it_is_gone_is_not_believed() {
        let mut spec = spec(&ASKED, Target::default());
        let first = spec.conclude(Seen::Gone, 10_000);
        assert!(matches!(first, Look::Again { at_ms: 12_000, .. }), "{first:?}");
        let early = spec.conclude(Seen::Gone, 11_000);
        assert!(matches!(early, Look::Again { at_ms: 12_000, .. }), "{early:?}");
        let Look::Found(found) = spec.conclude(Seen::Gone, 12_000) else { panic!("not found") };
        assert_eq!((found.effect, found.json.as_str()), (Some(Effect::AlreadyGone), r#"{"id":7}"#));
        // Seen in between, it was not gone.
        assert!(matches!(spec.conclude(Seen::There, 13_000), Look::NotDone(_)));
        assert!(matches!(spec.conclude(Seen::Gone, 14_000), Look::Again { at_ms: 16_000, .. }));
    }

    #[test]
    fn what_is_known_is_kept_in_the_record() {
        let mut record = Record::default();
        spec(&ASKED, Target::default()).keep(&mut record);
        assert!(record.more.is_empty());
        record.unresolved = true;
        let target = Target { gone_ms: Some(5), ..Target::default() };
        spec(&ASKED, target).keep(&mut record);
        let again = DeleteMeeting::new(&ASKED, &record);
        assert_eq!(again.target, Target { known: true, gone_ms: Some(5), ..Target::default() });
    }
}
