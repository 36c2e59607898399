//! What a job waits for that does not go before others of its meeting.

use redis::from_redis_value;

use super::Ops;
use super::view::{JobView, State};
use crate::StoreError;
use crate::queue::memory::{Live, Memory};
use crate::queue::{Aim, Fate, Line, WaitReason};

impl Ops {
    /// Adds the job that a job waits for which stands in the line of its meeting; `false`:
    /// it is the first there, or in no line.
    pub(super) async fn explain_line(
        &self,
        view: &mut JobView,
        live: &Live,
    ) -> Result<bool, StoreError> {
        let name = match live.aim.as_deref().and_then(Aim::read) {
            Some(Aim::Line { name, entered: true }) => name,
            Some(Aim::Fate(fate)) => {
                view.why = Some(WaitReason::Target);
                view.detail = Some(match fate {
                    Fate::Cancelled { by } => format!("it is cancelled by job {by}"),
                    Fate::NeverCreated => "the create of its meeting is cancelled".to_owned(),
                    Fate::NoMeeting => "its meeting was not made".to_owned(),
                });
                return Ok(true);
            }
            _ => return Ok(false),
        };
        let Some(first) = self.first_of_line(&name).await?.filter(|first| *first != view.id) else {
            return Ok(false);
        };
        let makes =
            matches!(Line::read(&name), Some(Line::Create { job_id, .. }) if job_id == first);
        let does = if makes { "makes the meeting" } else { "changes the same meeting" };
        view.state = State::Waiting;
        view.why = Some(WaitReason::Target);
        view.detail = Some(format!("waiting for job {first}, which {does}"));
        view.until_ms = self.expected(&first).await?;
        view.waits_for = Some(first);
        Ok(true)
    }

    /// The job of a line that goes before all others.
    async fn first_of_line(&self, name: &str) -> Result<Option<String>, StoreError> {
        let mut lines = redis::cmd("HGET");
        lines.arg(self.store.keys().target("")).arg(name);
        let line: Option<String> = from_redis_value(self.store.connection().value(&lines).await?)?;
        let first = line.and_then(|line| Some(line.splitn(4, ' ').nth(3)?.to_owned()));
        Ok(first.filter(|first| first != "-"))
    }

    /// When that job is expected to go on; one that is in hand does now.
    async fn expected(&self, id: &str) -> Result<Option<i64>, StoreError> {
        let Some(Memory::Live(live)) = self.memory(id).await?.as_deref().and_then(Memory::read)
        else {
            return Ok(None);
        };
        let view = Box::pin(self.live_job(id, live)).await?;
        Ok(view.until_ms.or(view.next_ms))
    }
}
