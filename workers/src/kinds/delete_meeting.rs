//! `delete_meeting`: a meeting, or one date of it, is deleted; after a lost call it is read.

use std::time::Instant;

use zoom_api::scopes::Need;
use zoom_api::{Reply, Sent, TransportError, TransportKind};
use zoomd_store::admin::CANCEL_MARK;
use zoomd_store::meetings::MeetingEntry;
use zoomd_store::queue::{Record, Settlement};
use zoomd_wire::kind::DeleteMeeting as Asked;
use zoomd_wire::{Effect, Kind};

use super::halts::halted;
use super::target::{Ready, Seen, TargetMeeting, asker_of};
use super::unknown_create;
use crate::attempt::asker::{Answer, Stop};
use crate::attempt::exchange::Caller;
use crate::attempt::lookup::{Look, Task};
use crate::attempt::spec::KindSpec;
use crate::attempt::{Halt, Sending};
use crate::context::EngineContext;
use crate::failpoints;
use crate::state::leased_job::LeasedJob;

/// Zoom's code for a date that there is not.
pub(super) const NO_DATE: i64 = 300;

/// One job of the kind.
#[derive(Debug)]
pub struct DeleteMeeting<'a> {
    asked: &'a Asked,
    target: TargetMeeting,
}

impl<'a> DeleteMeeting<'a> {
    /// A job, with what is known of its meeting.
    #[must_use]
    pub fn new(asked: &'a Asked, record: &Record) -> Self {
        Self { asked, target: TargetMeeting::new(&asked.target, asked.extent, record) }
    }

    /// One further delete stands for the read that the grant may not make.
    async fn probe(&mut self, asker: &mut Caller<'_>, now_ms: i64) -> Look {
        let (token, target) = (asker.token, &self.target);
        let (id, date, notify) = (target.id(), target.date(), self.asked.notify);
        let send = token.client.erase_meeting(&token.access, id, date, notify);
        match asker.once_more(Kind::DeleteMeeting, send).await {
            Ok(Answer::Text(_)) => target.found(Effect::Deleted, "the delete was sent once more"),
            Ok(Answer::Missing(_, error)) => self.conclude(Seen::Gone(error), now_ms),
            Err(Stop::Failed(failure)) if date.is_some() && failure.code == Some(NO_DATE) => {
                target.found(Effect::AlreadyGone, "Zoom does not know the date any more")
            }
            Err(stop) => Look::stopped(stop, Vec::new()),
        }
    }

    /// Conclusion from the looks so far.
    fn conclude(&mut self, seen: Seen, now_ms: i64) -> Look {
        match (seen, self.target.date()) {
            (Seen::There(shown), Some(date)) if !shown.has_date(date) => self
                .target
                .found(Effect::AlreadyGone, "the meeting does not have the date any more"),
            (Seen::There(_), _) => Look::NotDone("the last call did not delete the meeting"),
            (Seen::Gone(_), _) => self.target.gone(now_ms, |target| {
                target.found(
                    Effect::AlreadyGone,
                    "Zoom reported twice that the meeting does not exist",
                )
            }),
            (Seen::Unreadable, _) => {
                let what = "the grant may not read the meeting; the delete is sent once more";
                TargetMeeting::apart(now_ms, what)
            }
            (Seen::Nothing(stop), _) => Look::stopped(stop, Vec::new()),
        }
    }
}

impl KindSpec for DeleteMeeting<'_> {
    const KIND: Kind = Kind::DeleteMeeting;
    const LOOKS_BY: Option<&'static str> = Some("get_meeting");
    const NEEDS: Option<Need> = Some(Need::Delete);
    type Done<'r> = ();

    async fn ready(&mut self, ctx: &EngineContext, leased: &LeasedJob) -> Result<(), Halt> {
        if self.target.id.is_none() {
            Box::pin(unknown_create::find(ctx, leased, &mut self.target)).await?;
        }
        match Box::pin(self.target.ready(ctx, leased, false)).await? {
            Ready::Gone(_) => {
                let settlement = self.target.done(ctx, leased, Effect::AlreadyGone);
                let meeting = self.registered(ctx, leased, self.target.id());
                Err(halted(Settlement { meeting, ..settlement }))
            }
            Ready::Read(_) | Ready::Unread => Ok(()),
        }
    }

    async fn send(&self, sending: Sending<'_>) -> Result<Reply, TransportError> {
        let Sending { leased, token, .. } = sending;
        if !leased.may_send() {
            return Err(withheld());
        }
        failpoints::at("leaving");
        let (id, date) = (self.target.id(), self.target.date());
        token.client.erase_meeting(&token.access, id, date, self.asked.notify).await
    }

    fn read(&self, reply: &Reply) -> Option<Result<(), String>> {
        if reply.status == 204 {
            return Some(Ok(()));
        }
        let (facts, error) = (&self.target.facts, reply.error());
        if facts.known && error.is_meeting_missing() {
            return Some(Err("Zoom reports that the meeting does not exist".to_owned()));
        }
        let no_date = self.target.date().is_some() && error.code == Some(NO_DATE);
        (facts.tried && no_date).then(|| Err("zoom does not know the date".to_owned()))
    }

    fn done(&self, ctx: &EngineContext, leased: &LeasedJob, (): ()) -> Settlement {
        let settlement = self.target.done(ctx, leased, Effect::Deleted);
        Settlement { meeting: self.registered(ctx, leased, self.target.id()), ..settlement }
    }

    fn registered(&self, _: &EngineContext, leased: &LeasedJob, _: u64) -> Option<MeetingEntry> {
        let now = leased.redis_time(Instant::now());
        self.target.registered(leased, |meeting| meeting.deleted_at(now))
    }

    async fn find(&mut self, task: Task<'_>, _: &mut Record) -> Look {
        let leased = task.leased;
        let unreadable = self.target.facts.unreadable;
        let stays = leased.removed || leased.record.more.contains_key(CANCEL_MARK);
        if unreadable && (stays || leased.expired) {
            let why = "the grant may not read the meeting, and the job may not send once more";
            return Look::Unclear { why: why.to_owned(), alike: Vec::new() };
        }
        let mut asker = asker_of(task);
        if unreadable && self.target.id.is_some() {
            (self.target.facts.known, self.target.facts.tried) = (true, true);
            return self.probe(&mut asker, leased.redis_ms(Instant::now())).await;
        }
        let all_dates = self.target.date().is_some();
        let seen = self.target.look(&mut asker, all_dates).await;
        self.conclude(seen, leased.redis_ms(Instant::now()))
    }

    fn keep(&self, record: &mut Record) {
        self.target.keep(record);
    }
}

fn withheld() -> TransportError {
    let detail = "the lease has ended".to_owned();
    TransportError { kind: TransportKind::Withheld, sent: Sent::No, status: None, detail }
}

#[cfg(test)]
mod tests {
    use zoomd_wire::kind::{Extent, Occurrence, Target};

    use super::*;
    use crate::kinds::facts::Facts;

    const ASKED: Asked =
        Asked { target: Target::Meeting(7), extent: Extent::Series, notify: false };

    fn spec(asked: &Asked, facts: Facts) -> DeleteMeeting<'_> {
        let mut spec = DeleteMeeting::new(asked, &Record::default());
        spec.target.facts = facts;
        spec
    }

    fn reply(status: u16, body: &str) -> Reply {
        let body = bytes::Bytes::copy_from_slice(body.as_bytes());
        Reply::new(status, &http::HeaderMap::new(), body)
    }

    fn gone() -> Reply {
        reply(404, r#"{"code":3001,"message":"Meeting does not exist: 7."}"#)
    }

    #[test]
    fn gone_is_a_refusal_unless_the_meeting_is_known() {
        let known = Facts { known: true, ..Facts::default() };
        assert!(spec(&ASKED, Facts::default()).read(&gone()).is_none());
        assert!(matches!(spec(&ASKED, known.clone()).read(&gone()), Some(Err(_))));
        assert!(matches!(spec(&ASKED, known.clone()).read(&reply(204, "")), Some(Ok(()))));
        assert!(spec(&ASKED, known).read(&reply(400, r#"{"code":3002,"message":"m"}"#)).is_none());
    }

    #[test]
    fn a_date_that_there_is_not_is_a_refusal_unless_it_was_tried() {
        let one = Asked { extent: Extent::One(Occurrence::Id(9)), ..ASKED };
        let no_date = reply(400, r#"{"code":300,"message":"m"}"#);
        let tried = Facts { known: true, tried: true, ..Facts::default() };
        assert!(spec(&one, Facts { known: true, ..Facts::default() }).read(&no_date).is_none());
        assert!(matches!(spec(&one, tried.clone()).read(&no_date), Some(Err(_))));
        assert!(spec(&ASKED, tried).read(&no_date).is_none(), "it is about all of it");
    }

    #[test]
    fn one_answer_that_it_is_gone_is_not_believed() {
        let mut spec = spec(&ASKED, Facts::default());
        let gone = || Seen::Gone(self::gone().error());
        let first = spec.conclude(gone(), 10_000);
        assert!(matches!(first, Look::Again { at_ms: 12_000, .. }), "{first:?}");
        let early = spec.conclude(gone(), 11_000);
        assert!(matches!(early, Look::Again { at_ms: 12_000, .. }), "{early:?}");
        let Look::Found(found) = spec.conclude(gone(), 12_000) else { panic!("not found") };
        assert_eq!((found.effect, found.json.as_str()), (Some(Effect::AlreadyGone), r#"{"id":7}"#));
    }

    #[test]
    fn what_is_known_is_kept_in_the_record() {
        let mut record = Record::default();
        spec(&ASKED, Facts::default()).keep(&mut record);
        assert!(record.more.is_empty());
        record.unresolved = true;
        spec(&ASKED, Facts { gone_ms: Some(5), ..Facts::default() }).keep(&mut record);
        let again = DeleteMeeting::new(&ASKED, &record);
        let kept = Facts { known: true, tried: true, gone_ms: Some(5), ..Facts::default() };
        assert_eq!(again.target.facts, kept);
    }
}
