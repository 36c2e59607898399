//! A limit as programs see it.

use jiff::civil::Date;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use zoomd_store::inspect::{BudgetLine, JobView, Waiting};

use super::reason;

/// A limit as JSON. Fields are only ever added.
#[derive(Debug, Serialize)]
pub struct View<'a> {
    pub account: &'a str,
    pub zoom_account: Option<&'a str>,
    pub limit: &'a str,
    pub used: u64,
    pub elsewhere: u64,
    pub most: Option<u64>,
    pub left: Option<u64>,
    pub resets_at: Option<Timestamp>,
    pub closed_until: Option<Timestamp>,
    pub waiting: u64,
    pub why: Option<&'static str>,
    pub because: Option<String>,
    pub first_expected_at: Option<Timestamp>,
    pub last_expected_at: Option<Timestamp>,
    pub days: Vec<Day>,
}

/// A day of a host (UTC): calls counted, and waiting jobs that are expected to run on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Day {
    pub day: Date,
    pub used: u64,
    pub expected: u64,
}

/// Days shown of a host: yesterday, today, and those to come.
pub const DAYS: u64 = 7;

impl<'a> View<'a> {
    pub fn of(account: &'a str, line: &'a BudgetLine) -> Self {
        let time = |ms| Timestamp::from_millisecond(ms).ok();
        let waits = line.line.as_ref();
        Self {
            account,
            zoom_account: Some(line.zoom_account.as_str()).filter(|z| !z.starts_with('~')),
            limit: &line.limit_name,
            used: line.used,
            elsewhere: line.elsewhere,
            most: line.most,
            left: line.left(),
            resets_at: time(line.resets_ms),
            closed_until: line.closed_until_ms.and_then(time),
            waiting: waits.map_or(0, |waits| waits.jobs),
            why: waits.map(|waits| waits.why.as_str()),
            because: waits.map(because),
            first_expected_at: waits.and_then(|waits| waits.first_ms).and_then(time),
            last_expected_at: waits.and_then(|waits| waits.last_ms).and_then(time),
            days: days(line),
        }
    }
}

/// The days of the creates of a host; none for other limits.
fn days(line: &BudgetLine) -> Vec<Day> {
    let date = |days: u64| {
        let length = SignedDuration::from_hours(i64::try_from(days * 24).ok()?);
        let midnight = Timestamp::from_millisecond(line.resets_ms).ok()?;
        let day = midnight.checked_add(length).ok()?.checked_sub(SignedDuration::from_hours(48));
        Some(Offset::UTC.to_datetime(day.ok()?).date())
    };
    let Some(yesterday) = line.yesterday else { return Vec::new() };
    let expected = expected(line);
    let used = [yesterday, line.used + line.elsewhere];
    let of = |at: u64| {
        let index = usize::try_from(at).ok()?;
        let used = used.get(index).copied().unwrap_or(0);
        Some(Day { day: date(at)?, used, expected: expected.get(index).copied().unwrap_or(0) })
    };
    (0..DAYS).filter_map(of).collect()
}

/// Jobs that are expected to run on each day: as many as the host's limit leaves. None
/// where nobody knows when the last of them will run.
fn expected(line: &BudgetLine) -> Vec<u64> {
    let Some(waits) = line.line.as_ref().filter(|waits| waits.last_ms.is_some()) else {
        return Vec::new();
    };
    let first_ms = waits.first_ms.unwrap_or(line.resets_ms);
    let mut left = waits.jobs;
    let mut days = vec![0];
    for day in 0..DAYS.saturating_sub(1) {
        let room = match (day, line.most) {
            (0, _) if first_ms >= line.resets_ms => 0,
            (0, Some(_)) => line.left().unwrap_or(0),
            (_, Some(most)) => most,
            (_, None) => left,
        };
        let taken = room.min(left);
        left -= taken;
        days.push(taken);
    }
    days
}

/// The reason why the last of them waits, in one sentence.
fn because(waits: &Waiting) -> String {
    let mut view = JobView::waiting("");
    (view.place, view.detail) = (Some(waits.jobs), waits.detail.clone());
    reason::sentence(waits.why, &view)
}

#[cfg(test)]
mod tests {
    use zoomd_store::queue::WaitReason;

    use super::*;

    fn line(used: u64, jobs: u64, (first_ms, last_ms): (i64, Option<i64>)) -> BudgetLine {
        let waiting = Waiting {
            jobs,
            why: WaitReason::HostDay,
            detail: None,
            first_ms: Some(first_ms),
            last_ms,
        };
        BudgetLine {
            zoom_account: "z".to_owned(),
            limit_name: "creates of ada".to_owned(),
            used,
            elsewhere: 0,
            most: Some(100),
            // The midnight after 31 December 2026.
            resets_ms: 1_798_761_600_000,
            closed_until_ms: None,
            yesterday: Some(12),
            line: (jobs > 0).then_some(waiting),
        }
    }

    #[test]
    fn waiting_jobs_fill_the_days_to_come() {
        let today = (1, Some(1));
        let later = (i64::MAX, Some(i64::MAX));
        for (line, expected) in [
            (line(40, 0, today), [0; 7]),
            (line(40, 30, today), [0, 30, 0, 0, 0, 0, 0]),
            (line(90, 230, today), [0, 10, 100, 100, 20, 0, 0]),
            (line(100, 1, today), [0, 0, 1, 0, 0, 0, 0]),
            // Zoom closed the day, though some of it is left.
            (line(40, 130, later), [0, 0, 100, 30, 0, 0, 0]),
            (line(90, 9_999, today), [0, 10, 100, 100, 100, 100, 100]),
            // Nobody knows: an account that is paused.
            (line(90, 230, (1, None)), [0; 7]),
        ] {
            let found = days(&line).into_iter().map(|day| day.expected).collect::<Vec<_>>();
            assert_eq!(found, expected, "{line:?}");
        }
    }

    #[test]
    fn days_are_those_of_utc_from_yesterday_on() {
        let found = days(&line(40, 0, (1, None)));
        let days: Vec<_> = found.iter().map(|day| day.day.to_string()).collect();
        assert_eq!((days[0].as_str(), days[2].as_str()), ("2026-12-30", "2027-01-01"));
        assert_eq!((found[0].used, found[1].used, found[2].used), (12, 40, 0));
        let other = BudgetLine { yesterday: None, ..line(40, 0, (1, None)) };
        assert!(super::days(&other).is_empty());
    }
}
