//! Wait reason of a job that has other jobs of its meeting before it.

use redis::from_redis_value;

use super::Ops;
use super::view::{JobView, State};
use super::waiting::{Lines, WaitingLine};
use crate::StoreError;
use crate::queue::memory::{Live, Memory};
use crate::queue::{Aim, Fate, Line, Purpose, WaitReason};

/// Lines that are read for a count of what waits in them.
const MOST_READ: usize = 1_000;

fn sent_with(carrier: &str) -> String {
    format!("sent with job {carrier}")
}

/// The state of a line: how many jobs stand in it, and which goes first.
fn counted(line: &str) -> Option<(u64, &str)> {
    let mut words = line.splitn(4, ' ');
    let mut jobs = 0;
    for _ in 0..3 {
        jobs += words.next()?.parse::<u64>().ok()?;
    }
    Some((jobs, words.next()?))
}

/// The job id in a member of a line: `<order>|<part><priority><id>`.
fn member(text: &str) -> Option<&str> {
    text.split_once('|')?.1.get(2..).filter(|id| !id.is_empty())
}

impl Ops {
    /// Ids of unfinished jobs of the same meeting, in their order; at most `most`. A job that
    /// makes a meeting goes before those that change it.
    pub async fn related(&self, view: &JobView, most: usize) -> Result<Vec<String>, StoreError> {
        let own = view.entry.as_ref().map(|entry| format!("c{entry}/{}", view.id));
        let Some(name) = view.target.clone().or(own) else { return Ok(Vec::new()) };
        let keys = self.store.keys();
        let mut reads = redis::pipe();
        reads.cmd("HGET").arg(keys.target("")).arg(&name);
        reads.cmd("ZRANGE").arg(keys.target(&name)).arg(0).arg(most);
        let mut values = self.store.connection().values(&reads).await?.into_iter();
        let mut next = || values.next().unwrap_or(redis::Value::Nil);
        let line: Option<String> = from_redis_value(next())?;
        let members: Vec<String> = from_redis_value(next())?;
        let first = line.as_deref().and_then(counted).map(|(_, first)| first);
        let first = first.filter(|first| *first != "-");
        let ids = first.into_iter().chain(members.iter().filter_map(|text| member(text)));
        Ok(ids.filter(|id| *id != view.id).take(most).map(str::to_owned).collect())
    }

    /// Adds jobs that do not go before others of their meeting, of [`MOST_READ`] meetings.
    pub(super) async fn waiting_for_others(&self, lines: &mut Lines) -> Result<(), StoreError> {
        let (keys, conn) = (self.store.keys(), self.store.connection());
        let mut page = redis::cmd("HSCAN");
        page.arg(keys.target("")).arg(0).arg("COUNT").arg(MOST_READ);
        let (_, all): (String, Vec<(String, String)>) = from_redis_value(conn.value(&page).await?)?;
        let behind: Vec<(&str, u64, &str)> = all
            .iter()
            .filter_map(|(name, line)| {
                let (jobs, first) = counted(line)?;
                let jobs = jobs.saturating_sub(u64::from(first != "-"));
                (jobs > 0).then_some((&**name, jobs, first))
            })
            .collect();
        if behind.is_empty() {
            return Ok(());
        }
        let mut reads = redis::pipe();
        for (name, _, first) in &behind {
            reads.cmd("HGET").arg(keys.ids()).arg(first);
            reads.cmd("ZRANGE").arg(keys.target(name)).arg(0).arg(1);
        }
        let values = conn.values(&reads).await?;
        for ((name, jobs, _), pair) in behind.iter().zip(values.chunks_exact(2)) {
            let state: Option<String> = redis::from_redis_value_ref(&pair[0])?;
            let members: Vec<String> = redis::from_redis_value_ref(&pair[1])?;
            let account = match Line::read(name) {
                Some(Line::Meeting { account, .. }) => Some(account.to_owned()),
                _ => state.as_deref().and_then(Live::read).map(|live| live.account.to_string()),
            };
            let came = members.last().and_then(|text| text.split('-').next()?.parse().ok());
            lines.add(WaitingLine {
                why: WaitReason::Target,
                account,
                jobs: *jobs,
                oldest_ms: came,
                expected_ms: None,
                what: None,
                since_ms: None,
            });
        }
        Ok(())
    }

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
        if live.purpose == Purpose::Carried {
            view.state = State::Waiting;
            view.why = Some(WaitReason::Target);
            view.detail = Some(format!("{}; its outcome is not known yet", sent_with(&first)));
            view.waits_for = Some(first);
            return Ok(true);
        }
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

    /// Adds the job whose call carries a job that is leased with it; `own` is its lease.
    pub(super) async fn explain_carrier(
        &self,
        view: &mut JobView,
        live: &Live,
        own: &str,
    ) -> Result<(), StoreError> {
        let is_part = own.split('|').nth(2).is_some_and(|flags| flags.contains('p'));
        let name = live.aim.as_deref().filter(|_| is_part).and_then(Aim::line_of);
        let Some(name) = name else { return Ok(()) };
        if let Some(first) = self.first_of_line(name).await?.filter(|first| *first != view.id) {
            view.detail.get_or_insert_with(|| sent_with(&first));
        }
        Ok(())
    }

    /// The job of a line that goes before all others.
    async fn first_of_line(&self, name: &str) -> Result<Option<String>, StoreError> {
        let mut lines = redis::cmd("HGET");
        lines.arg(self.store.keys().target("")).arg(name);
        let line: Option<String> = from_redis_value(self.store.connection().value(&lines).await?)?;
        let first = line.as_deref().and_then(counted).map(|(_, first)| first.to_owned());
        Ok(first.filter(|first| first != "-"))
    }

    /// Expected time of that job; now, if it is in flight.
    async fn expected(&self, id: &str) -> Result<Option<i64>, StoreError> {
        let Some(Memory::Live(live)) = self.memory(id).await?.as_deref().and_then(Memory::read)
        else {
            return Ok(None);
        };
        let view = Box::pin(self.live_job(id, live)).await?;
        Ok(view.until_ms.or(view.next_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_member_may_hold_any_sign() {
        for (text, id) in [
            ("1796-0|Fnorder-1", Some("order-1")),
            ("1796-0!1797-1|Cha|b", Some("a|b")),
            ("1796-0|Fn", None),
            ("odd", None),
        ] {
            assert_eq!(member(text), id, "{text}");
        }
        assert_eq!(counted("1 2 0 order 1"), Some((3, "order 1")));
    }
}
