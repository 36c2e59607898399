//! A meeting that zoomd made, as the register knows it: for programs and people.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use zoomd_store::StoreError;
use zoomd_store::meetings::{Known, ListQuery, Meeting, Meetings};
use zoomd_wire::LastEnd;

/// A meeting as JSON. Fields are only ever added.
#[derive(Debug, Serialize)]
pub struct View {
    pub meeting_id: u64,
    pub account: String,
    pub job_id: String,
    pub entry_id: String,
    /// The host, as the job named it.
    pub user: String,
    pub r#type: u8,
    pub start_time: Option<Timestamp>,
    pub duration: Option<u16>,
    /// The end of the last date; nothing for a series without an end.
    pub ends_at: Option<Timestamp>,
    pub timezone: Option<String>,
    /// Zoom's `recurrence`.
    pub recurrence: Option<Value>,
    pub state: &'static str,
    pub deleted_at: Option<Timestamp>,
    pub topic: Option<String>,
}

/// One page of an account's meetings.
#[derive(Debug, Serialize)]
pub struct List {
    pub meetings: Vec<View>,
    /// Token of the next page.
    pub next: Option<String>,
}

impl View {
    /// The meeting at this moment.
    pub fn of(meeting: Meeting<'_>, now: Timestamp) -> Self {
        let state = match (meeting.deleted, meeting.ends) {
            (Some(_), _) => "deleted",
            (None, LastEnd::At(end)) if end < now => "over",
            _ => "scheduled",
        };
        Self {
            meeting_id: meeting.number,
            account: meeting.account.into_owned(),
            job_id: meeting.job_id.into_owned(),
            entry_id: meeting.entry.to_string(),
            user: meeting.host.into_owned(),
            r#type: meeting.timing.meeting_type,
            start_time: meeting.timing.start,
            duration: meeting.timing.minutes,
            ends_at: match meeting.ends {
                LastEnd::At(end) => Some(end),
                LastEnd::Never => None,
            },
            recurrence: meeting.timing.series.as_ref().map(zoomd_wire::Series::to_json),
            timezone: meeting.timing.timezone,
            state,
            deleted_at: meeting.deleted,
            topic: meeting.topic.map(std::borrow::Cow::into_owned),
        }
    }
}

/// The meetings of a job, the newest first; else those of a number, in any account.
pub async fn find(register: &Meetings, what: &str) -> Result<Vec<View>, StoreError> {
    let Known { last, mut earlier } = register.by_job(what).await?;
    earlier.extend(last);
    earlier.reverse();
    if let (true, Ok(number)) = (earlier.is_empty(), what.parse()) {
        earlier = register.by_number(None, number).await?;
    }
    let now = Timestamp::now();
    Ok(earlier.into_iter().map(|meeting| View::of(meeting, now)).collect())
}

/// A page of the meetings that zoomd made with an account's grant.
pub async fn list(
    register: &Meetings,
    account: &str,
    query: &ListQuery,
) -> Result<List, StoreError> {
    let page = register.list(account, query).await?;
    let now = Timestamp::now();
    let meetings = page.meetings.into_iter().map(|meeting| View::of(meeting, now)).collect();
    Ok(List { meetings, next: page.next })
}
