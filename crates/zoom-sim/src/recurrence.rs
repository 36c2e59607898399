//! The rule of a recurring meeting, and Zoom's published limits on it.

use serde::{Deserialize, Serialize};

use crate::errors::Errors;
use crate::start::start_ms;

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Recurrence {
    #[serde(rename = "type")]
    pub(crate) kind: i64,
    pub(crate) repeat_interval: Option<i64>,
    pub(crate) weekly_days: Option<String>,
    pub(crate) monthly_day: Option<i64>,
    pub(crate) monthly_week: Option<i64>,
    pub(crate) monthly_week_day: Option<i64>,
    pub(crate) end_times: Option<i64>,
    pub(crate) end_date_time: Option<String>,
    /// The zone of its meeting.
    #[serde(skip)]
    pub(crate) zone: String,
}

impl Recurrence {
    pub(crate) fn check(&self, errors: &mut Errors) {
        let most = match self.kind {
            1 => 99,
            2 => 50,
            3 => 10,
            _ => return errors.add("recurrence.type", "Invalid field."),
        };
        let mut within = |value: Option<i64>, low: i64, high: i64, field: &str| {
            let fits = value.is_none_or(|v| (low..=high).contains(&v));
            errors.unless(fits, field, "Invalid field.");
        };
        within(self.repeat_interval, 1, most, "recurrence.repeat_interval");
        within(self.monthly_day, 1, 31, "recurrence.monthly_day");
        within(self.monthly_week, -1, 4, "recurrence.monthly_week");
        within(self.monthly_week.filter(|w| *w == 0), 1, 4, "recurrence.monthly_week");
        within(self.monthly_week_day, 1, 7, "recurrence.monthly_week_day");
        within(self.end_times, 0, 60, "recurrence.end_times");
        let days = self.weekly_days.as_deref().unwrap_or("1");
        let fits = days.split(',').all(|d| matches!(d.trim().parse(), Ok(1..=7)));
        errors.unless(fits, "recurrence.weekly_days", "Invalid field.");
        let end = self.end_date_time.as_deref();
        let fits = end.is_none_or(|text| start_ms(text, "UTC").is_some());
        errors.unless(fits, "recurrence.end_date_time", "Invalid field.");
        let both = end.is_some() && self.end_times.is_some_and(|n| n > 0);
        errors.unless(!both, "recurrence.end_date_time", "Not together with end_times.");
    }

    /// The weekdays asked for, 1 is Sunday, in order.
    pub(crate) fn weekdays(&self) -> Vec<i64> {
        let days = self.weekly_days.as_deref().unwrap_or_default().split(',');
        let mut days: Vec<i64> = days.filter_map(|day| day.trim().parse().ok()).collect();
        days.sort_unstable();
        days.dedup();
        days
    }

    fn is_endless(&self) -> bool {
        self.end_date_time.is_none() && self.end_times.unwrap_or(0) == 0
    }

    /// Ends a series without an end, as an update at Zoom does; true if it had none.
    pub(crate) fn clamp(&mut self) -> bool {
        let endless = self.is_endless();
        if endless {
            self.end_times = Some(if self.kind == 2 { 110 } else { 60 });
        }
        endless
    }
}
