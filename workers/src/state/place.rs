//! Places where the meeting of a job may be.

use std::time::Instant;

use jiff::ToSpan as _;
use jiff::civil::Date;
use jiff::tz::TimeZone;

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
        let meeting = leased.job.meeting().filter(|meeting| meeting.meeting_type == 2);
        let now = leased.redis_time(Instant::now());
        let start = meeting.and_then(|meeting| meeting.start).filter(|start| *start > now);
        let day = start.map(|start| TimeZone::UTC.to_datetime(start).date());
        let around =
            |day: Date| Some((day.checked_sub(1.day()).ok()?, day.checked_add(1.day()).ok()?));
        Self {
            account: leased.ticket.account.to_string(),
            host: leased.job.host().into(),
            days: day.and_then(around),
        }
    }
}
