//! Places where the meeting of a job may be.

use std::time::Instant;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use zoomd_wire::Job;

use crate::state::leased_job::LeasedJob;

/// The list to look at, and the days of it to read first.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Place {
    pub account: String,
    pub host: String,
    /// The first and the last day of a first look, where the start is known.
    pub days: Option<(Date, Date)>,
}

impl Place {
    /// Place of a job's meeting. A meeting scheduled ahead may be on a known day; the list's
    /// days are the host's, wherever that is.
    #[must_use]
    pub fn of(leased: &LeasedJob) -> Self {
        let now = leased.redis_time(Instant::now());
        Self::of_job(&leased.ticket.account, &leased.job, now)
    }

    /// Place of the meeting of a create.
    #[must_use]
    pub fn of_job(account: &str, job: &Job, now: Timestamp) -> Self {
        let meeting = job.meeting().filter(|meeting| meeting.meeting_type == 2);
        let start = meeting.and_then(|meeting| meeting.start).filter(|start| *start > now);
        let day = start.map(|start| TimeZone::UTC.to_datetime(start).date());
        let around =
            |day: Date| Some((day.checked_sub(1.day()).ok()?, day.checked_add(1.day()).ok()?));
        Self { account: account.to_owned(), host: job.host().into(), days: day.and_then(around) }
    }
}
