//! `update_meeting`: the changes are sent as Zoom's own PATCH; after a lost call the
//! meeting is read and compared.
//!
//! A repeat costs one more of the host's hundred: what is so already is a success. An
//! agenda keeps the marker by which the meeting is known.

use std::sync::Arc;
use std::time::Instant;

use zoom_api::scopes::Need;
use zoom_api::{Reply, SendBody, TransportError};
use zoomd_store::meetings::MeetingEntry;
use zoomd_store::queue::{Record, Settlement};
use zoomd_wire::kind::UpdateMeeting as Asked;
use zoomd_wire::{Effect, FailureCode, Kind, Marker};

use super::halts::failed;
use super::target::{Ready, Seen, TargetMeeting, asker_of, not_so};
use crate::attempt::asker::Stop;
use crate::attempt::lookup::{Look, Task};
use crate::attempt::spec::KindSpec;
use crate::attempt::{Halt, Sending};
use crate::context::EngineContext;
use crate::decide::Verdict;
use crate::failpoints;
use crate::kinds::delete_meeting::NO_DATE;
use crate::state::leased_job::LeasedJob;

/// One job of the kind.
#[derive(Debug)]
pub struct UpdateMeeting<'a> {
    asked: &'a Asked,
    target: TargetMeeting,
}

impl<'a> UpdateMeeting<'a> {
    /// A job, with what is known of its meeting.
    #[must_use]
    pub fn new(asked: &'a Asked, record: &Record) -> Self {
        Self { asked, target: TargetMeeting::new(&asked.target, asked.extent, record) }
    }

    /// The marker that its agenda keeps.
    fn kept_marker(&self) -> Option<Marker> {
        self.target.facts.marker.as_deref()?.parse().ok()
    }

    /// Conclusion from this look.
    fn conclude(&mut self, seen: Seen, now_ms: i64) -> Look {
        match seen {
            Seen::There(shown) => {
                let marker = self.kept_marker();
                if shown.is_as(&self.asked.change, marker.as_ref()) {
                    return self.target.found(Effect::Unchanged, "the meeting is as it was to be");
                }
                not_so(
                    "Zoom does not show the changes yet",
                    "the last call did not make all of the changes",
                )
            }
            Seen::Gone(error) => self
                .target
                .gone(now_ms, |_| Look::Refused(Verdict::zooms(FailureCode::ZoomRejected, error))),
            // The target stays taken, so a repeat is still the newest change.
            Seen::Unreadable => not_so(
                "the grant may not read the meeting; it is waited for the end of the call",
                "the grant may not read the meeting, so the changes are sent once more",
            ),
            // Zoom will say so again to the call itself.
            Seen::Nothing(Stop::Failed(failure)) if failure.code == Some(NO_DATE) => {
                Look::NotDone("Zoom does not know the date")
            }
            Seen::Nothing(stop) => Look::stopped(stop, Vec::new()),
        }
    }
}

impl KindSpec for UpdateMeeting<'_> {
    const KIND: Kind = Kind::UpdateMeeting;
    const LOOKS_BY: Option<&'static str> = Some("get_meeting");
    const NEEDS: Option<Need> = Some(Need::Update);
    type Done<'r> = ();

    async fn ready(&mut self, ctx: &EngineContext, leased: &LeasedJob) -> Result<(), Halt> {
        let unmarked = self.asked.change.sets("agenda") && self.target.facts.marker.is_none();
        match Box::pin(self.target.ready(ctx, leased, unmarked)).await? {
            Ready::Read(shown) => {
                let marker = shown.marker().map(|marker| marker.to_string());
                self.target.facts.marker = Some(marker.unwrap_or_default());
                Ok(())
            }
            Ready::Unread => Ok(()),
            Ready::Gone(error) => {
                Err(failed(leased, &Verdict::zooms(FailureCode::ZoomRejected, error)))
            }
        }
    }

    async fn send(&self, sending: Sending<'_>) -> Result<Reply, TransportError> {
        let Sending { leased, token, .. } = sending;
        let change = &self.asked.change;
        let body = self.kept_marker().and_then(|marker| change.body_with_marker(&marker));
        let body = body.unwrap_or_else(|| change.body().as_bytes().to_vec());
        let body = guarded(leased, body);
        let (id, date) = (self.target.id(), self.target.date());
        token.client.patch_meeting(&token.access, id, date, body).await
    }

    fn read(&self, reply: &Reply) -> Option<Result<(), String>> {
        if matches!(reply.status, 200 | 204) {
            return Some(Ok(()));
        }
        let gone = self.target.facts.known && reply.error().is_meeting_missing();
        gone.then(|| Err("Zoom reports that the meeting does not exist".to_owned()))
    }

    fn done(&self, ctx: &EngineContext, leased: &LeasedJob, (): ()) -> Settlement {
        let settlement = self.target.done(ctx, leased, Effect::Updated);
        Settlement { meeting: self.registered(ctx, leased, self.target.id()), ..settlement }
    }

    fn registered(&self, _: &EngineContext, leased: &LeasedJob, _: u64) -> Option<MeetingEntry> {
        let body = self.asked.change.body();
        self.target.registered(leased, |meeting| meeting.patched(body))
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

/// A body that leaves only while the job's lease holds.
pub(super) fn guarded(leased: &Arc<LeasedJob>, body: impl Into<bytes::Bytes>) -> SendBody {
    let guard = Arc::clone(leased);
    SendBody::new(body, move || {
        let may = guard.may_send();
        if may {
            failpoints::at("leaving");
        }
        may
    })
}
