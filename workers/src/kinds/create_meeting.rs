//! `create_meeting`: the body with its marker is posted; a lost call is looked for in
//! Zoom's list.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use zoom_api::{Created, Reply, SendBody, TransportError};
use zoomd_store::meetings::{Meeting as Registered, MeetingEntry};
use zoomd_store::queue::{Record, Settlement};
use zoomd_wire::kind::CreateMeeting as Meeting;
use zoomd_wire::{EntryId, Kind, Marker, MeetingReply, Timing};

use crate::MarkerPlace;
use crate::attempt::lookup::{Look, Task};
use crate::attempt::spec::KindSpec;
use crate::attempt::{Sending, outcome, settlement};
use crate::context::EngineContext;
use crate::failpoints;
use crate::reconcile::look;
use crate::state::leased_job::LeasedJob;

/// One job of the kind.
#[derive(Debug)]
pub struct CreateMeeting<'a>(pub &'a Meeting);

/// Marker of the meeting that a create makes: the one it had before, else its own.
pub(super) fn marker_of(
    ctx: &EngineContext,
    meeting: &Meeting,
    record: &Record,
    entry: EntryId,
) -> Option<Marker> {
    if let Some(known) = record.marker.as_deref() {
        return known.parse().ok();
    }
    let wanted = ctx.settings.marker == MarkerPlace::Agenda && meeting.takes_marker();
    ctx.secret.as_ref().filter(|_| wanted).map(|secret| secret.marker(entry))
}

impl KindSpec for CreateMeeting<'_> {
    const KIND: Kind = Kind::CreateMeeting;
    type Done<'r> = Created<'r>;

    fn marker(&self, ctx: &EngineContext, leased: &LeasedJob) -> Option<Marker> {
        marker_of(ctx, self.0, &leased.record, leased.entry)
    }

    async fn send(&self, sending: Sending<'_>) -> Result<Reply, TransportError> {
        let Sending { leased, token, marker } = sending;
        let body = marker
            .and_then(|marker| self.0.body_with_marker(marker))
            .unwrap_or_else(|| self.0.body().as_bytes().to_vec());
        let guard = Arc::clone(leased);
        let body = SendBody::new(body, move || {
            let may = guard.may_send();
            if may {
                failpoints::at("leaving");
            }
            may
        });
        token.client.post_meeting(&token.access, &leased.job.user, body).await
    }

    fn read<'r>(&self, reply: &'r Reply) -> Option<Result<Created<'r>, String>> {
        (reply.status == 201).then(|| reply.created().map_err(|error| error.to_string()))
    }

    fn done(&self, ctx: &EngineContext, leased: &LeasedJob, created: Created<'_>) -> Settlement {
        let learnt = ctx.learnt(leased, created.host_id.as_deref(), created.host_email.as_deref());
        let meeting = MeetingReply::new(created.text, &created.fields, &ctx.settings.include);
        let ending = settlement::ending(leased, u32::from(leased.attempt()));
        let outcome = outcome::success(leased, ending, &meeting, None, false);
        let settlement = settlement::succeeded(ctx, leased, outcome, learnt, "");
        Settlement { meeting: self.registered(ctx, leased, created.id), ..settlement }
    }

    fn registered(
        &self,
        ctx: &EngineContext,
        leased: &LeasedJob,
        number: u64,
    ) -> Option<MeetingEntry> {
        let ticket = &leased.ticket;
        let mut timing = Timing::of(self.0);
        if timing.is_instant() {
            timing.start = Some(leased.redis_time(Instant::now()));
        }
        let topic = self.0.topic.as_deref().filter(|_| ctx.settings.keep_topics);
        let meeting = Registered {
            number,
            account: Cow::Borrowed(&*ticket.account),
            job_id: Cow::Borrowed(&*ticket.job_id),
            entry: leased.entry,
            host: Cow::Borrowed(ticket.other_host.as_deref().unwrap_or(&ticket.host)),
            ends: timing.last_end(leased.entry.time()),
            timing,
            deleted: None,
            topic: topic.map(Cow::Borrowed),
        };
        Some(meeting.made())
    }

    async fn find(&mut self, task: Task<'_>, record: &mut Record) -> Look {
        look::look(task, self.0, record).await
    }
}
