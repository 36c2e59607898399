//! `end_meeting`: a meeting that runs is ended. What is ended is one run of it, known by
//! its uuid: another one is never ended by a repeat.

use std::time::Instant;

use jiff::Timestamp;
use zoom_api::scopes::Need;
use zoom_api::{Class, Reply, TransportError};
use zoomd_store::queue::{Record, Settlement};
use zoomd_wire::kind::{EndMeeting as Asked, Extent};
use zoomd_wire::{Effect, Kind};

use super::halts::halted;
use super::shown::Shown;
use super::target::{Ready, Seen, TargetMeeting, asker_of, not_so};
use super::update_meeting::guarded;
use crate::attempt::lookup::{Look, Task};
use crate::attempt::spec::KindSpec;
use crate::attempt::{Halt, Sending};
use crate::context::EngineContext;
use crate::state::leased_job::LeasedJob;

/// Zoom's request.
const BODY: &str = r#"{"action":"end"}"#;
/// Zoom's codes that say nothing of whether it runs: no right to end it, not of the cloud.
const LASTING: [i64; 2] = [3161, 3063];

/// One job of the kind.
#[derive(Debug)]
pub struct EndMeeting {
    target: TargetMeeting,
}

impl EndMeeting {
    /// A job, with what is known of its meeting.
    #[must_use]
    pub fn new(asked: &Asked, record: &Record) -> Self {
        // Whatever runs is ended, of a series too: its type does not matter.
        Self { target: TargetMeeting::new(&asked.target, Extent::Series, record) }
    }

    /// True if it is still the run that was to be ended; takes note of the first.
    fn is_same_run(&mut self, shown: &Shown) -> bool {
        let (uuid, runs) = shown.run();
        let (first, ran) = self.target.facts.run.get_or_insert((uuid.clone(), runs));
        *ran && runs && *first == uuid
    }

    /// Conclusion from this look.
    fn conclude(&mut self, seen: Seen, now_ms: i64) -> Look {
        let over = |target: &TargetMeeting, how| target.found(Effect::AlreadyEnded, how);
        match seen {
            Seen::There(shown) => {
                let facts = &self.target.facts;
                if facts.run.is_none() && !facts.unreadable {
                    // The run is kept before the call.
                    return Look::NotDone("Zoom had not been asked to end the meeting");
                }
                if facts.run.is_none() && shown.run().1 {
                    let why = "the meeting runs, and it is not known whether it did before";
                    return Look::Unclear { why: why.to_owned(), alike: Vec::new() };
                }
                match self.is_same_run(&shown) {
                    true => not_so("the meeting still runs", "the last call did not end it"),
                    false => over(&self.target, "what was to be ended does not run any more"),
                }
            }
            Seen::Gone(_) => {
                self.target.gone(now_ms, |target| over(target, "Zoom said twice that it is gone"))
            }
            Seen::Unreadable => {
                let why = "the grant may not read the meeting, so it is not known whether it runs";
                Look::Unclear { why: why.to_owned(), alike: Vec::new() }
            }
            Seen::Nothing(stop) => Look::stopped(stop, Vec::new()),
        }
    }
}

impl KindSpec for EndMeeting {
    const KIND: Kind = Kind::EndMeeting;
    const LOOKS_BY: Option<&'static str> = Some("get_meeting");
    const NEEDS: Option<Need> = Some(Need::End);
    type Done<'r> = Effect;

    async fn ready(&mut self, ctx: &EngineContext, leased: &LeasedJob) -> Result<(), Halt> {
        let (first, tried) = (self.target.facts.run.is_none(), self.target.facts.tried);
        let was_unreadable = self.target.facts.unreadable;
        let shown = match Box::pin(self.target.ready(ctx, leased, first || tried)).await? {
            Ready::Read(shown) => shown,
            // A lost call is judged by whether its run was known.
            Ready::Unread if self.target.facts.unreadable && !was_unreadable => {
                return Err(self.target.kept_first(leased));
            }
            Ready::Unread => return Ok(()),
            Ready::Gone(_) => {
                return Err(halted(self.target.done(ctx, leased, Effect::AlreadyEnded)));
            }
        };
        let same = self.is_same_run(&shown);
        match (first, tried && !same) {
            (_, true) => Err(halted(self.target.done(ctx, leased, Effect::AlreadyEnded))),
            // The shown state may be old: the call is made whether the meeting runs or not.
            (true, false) => Err(self.target.kept_first(leased)),
            (false, false) => Ok(()),
        }
    }

    async fn send(&self, sending: Sending<'_>) -> Result<Reply, TransportError> {
        let Sending { leased, token, .. } = sending;
        let body = guarded(leased, BODY);
        token.client.put_status(&token.access, self.target.id(), body).await
    }

    fn read(&self, reply: &Reply) -> Option<Result<Effect, String>> {
        let facts = &self.target.facts;
        let ran = facts.run.as_ref().map(|(_, ran)| *ran);
        if matches!(reply.status, 200 | 204) {
            let effect = if ran == Some(false) { Effect::AlreadyEnded } else { Effect::Ended };
            return Some(Ok(effect));
        }
        let error = reply.error();
        if error.is_meeting_missing() {
            return facts
                .known
                .then(|| Err("Zoom reports that the meeting does not exist".to_owned()));
        }
        let refused = reply.status == 400 && error.class() == Class::Refused;
        let is_limit = zoom_api::limit_kind(reply, Timestamp::MIN, Timestamp::MIN).is_some();
        let lasts = error.code.is_some_and(|code| LASTING.contains(&code));
        if !refused || is_limit || lasts {
            return None;
        }
        ran.map(|ran| match ran {
            false => Ok(Effect::AlreadyEnded),
            true => Err(format!("zoom refused to end it, and is asked whether it runs: {error}")),
        })
    }

    fn done(&self, ctx: &EngineContext, leased: &LeasedJob, effect: Effect) -> Settlement {
        self.target.done(ctx, leased, effect)
    }

    async fn find(&mut self, task: Task<'_>, _: &mut Record) -> Look {
        let leased = task.leased;
        let seen = self.target.look(&mut asker_of(task), false).await;
        self.conclude(seen, leased.redis_ms(Instant::now()))
    }

    fn keep(&self, record: &mut Record) {
        self.target.keep(record);
    }
}
