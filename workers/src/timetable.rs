//! Cron expressions of operators. The only file that names `cron` and `chrono`.

use std::str::FromStr as _;
use std::time::Duration;

/// Ticks that are looked at to know how far they lie apart.
const TICKS: usize = 400;

/// A cron expression of an operator's: minute, hour, day of the month, month and
/// day of the week, in UTC.
#[derive(Debug, Clone)]
pub struct Cron(cron::Schedule);

impl Cron {
    /// The first moment of each Sunday.
    #[must_use]
    pub fn weekly() -> Self {
        Self::parse("0 0 * * Sun").expect("it is one")
    }

    /// Reads five fields. Days of the week go by their names: their numbers mean
    /// other days in other programs.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fields: Vec<_> = text.split_whitespace().collect();
        let named = fields.last().is_some_and(|days| !days.contains(|c: char| c.is_ascii_digit()));
        let six = format!("0 {}", fields.join(" "));
        (fields.len() == 5 && named)
            .then(|| cron::Schedule::from_str(&six).ok())
            .flatten()
            .map(Self)
    }

    /// From the last tick before `now_ms` to the next, in ms since 1970; `None`
    /// where there is no such tick.
    #[must_use]
    pub fn period(&self, now_ms: i64) -> Option<(i64, i64)> {
        let now = chrono::DateTime::from_timestamp_millis(now_ms)?;
        let (last, next) = (self.0.after(&now).next_back()?, self.0.after(&now).next()?);
        Some((last.timestamp_millis(), next.timestamp_millis()))
    }

    /// The longest time between two ticks that follow each other, of those of the
    /// coming year or so; `None` where it never ticks twice.
    #[must_use]
    pub fn longest_period(&self) -> Option<Duration> {
        let ticks: Vec<_> = self.0.upcoming(chrono::Utc).take(TICKS).collect();
        let gaps = ticks.windows(2).map(|two| two[1].signed_duration_since(two[0]));
        gaps.max()?.to_std().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    #[test]
    fn a_period_lies_around_its_moment() {
        // A Wednesday, 12:00.
        let wednesday = "2025-01-08T12:00:00Z".parse::<jiff::Timestamp>().expect("a time");
        let wednesday = wednesday.as_millisecond();
        let (from, to) = Cron::weekly().period(wednesday).expect("it ticks");
        assert_eq!((wednesday - from, to - wednesday), (84 * HOUR_MS, 84 * HOUR_MS));
        // A tick begins its own period.
        assert_eq!(Cron::weekly().period(from + 1).expect("it ticks"), (from, to));
        let nightly = Cron::parse("30 3 * * *").expect("read");
        assert_eq!(nightly.longest_period(), Some(Duration::from_secs(24 * 3_600)));
        assert_eq!(Cron::weekly().longest_period(), Some(Duration::from_secs(7 * 24 * 3_600)));
    }

    #[test]
    fn what_is_no_schedule_is_not_read() {
        for bad in ["", "7d", "* * * *", "0 * * * * *", "61 * * * *", "0 0 * * 1", "0 0 * * Xyz"] {
            assert!(Cron::parse(bad).is_none(), "{bad}");
        }
        let never = Cron::parse("0 0 30 2 *").expect("thirty days has no February");
        assert_eq!((never.period(0), never.longest_period()), (None, None));
        assert!(Cron::parse("*/15 1-5 1 */2 Mon,Thu").is_some());
    }
}
