//! Zoom's rates and days: per account and label, in a sliding second, in a UTC
//! day; per host and UTC day. Pure bookkeeping, `now` comes from the caller.
//! A refused call does not count towards the limit that refused it.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::clock::day_of;
use crate::config::LimitRules;
use crate::plan::{Label, Plan, Rate, Table};

/// Limit that a call exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitKind {
    /// The account's rate.
    PerSecond,
    /// The label's day.
    LabelDay,
    /// The host's hundred of the day.
    UserDay,
    /// Too many concurrent requests (never for meetings by itself).
    Concurrent,
    /// A 429 that says nothing known.
    Unknown,
}

/// Calls that an account has used.
#[derive(Debug, Default)]
pub(crate) struct Spent {
    windows: [VecDeque<i64>; 4],
    day: i64,
    used: [u32; 4],
}

/// The judgement of one arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Judged {
    pub(crate) over: Option<LimitKind>,
    pub(crate) limit: Option<u32>,
    pub(crate) remaining: u32,
}

impl Spent {
    /// Judges an arrival and counts it, unless it is refused.
    pub(crate) fn arrive(
        &mut self,
        rate: Rate,
        label: Label,
        enforce: bool,
        now_ms: i64,
    ) -> Judged {
        let slot = label as usize;
        if self.day != day_of(now_ms) {
            self.day = day_of(now_ms);
            self.used = [0; 4];
        }
        let window = &mut self.windows[slot];
        if rate.rate.is_some() {
            while window.front().is_some_and(|t| *t <= now_ms - label.window_ms() || *t > now_ms) {
                window.pop_front();
            }
        }
        let used = &mut self.used[slot];
        let over = if rate.rate.is_some_and(|n| window.len() >= n as usize) {
            Some(LimitKind::PerSecond)
        } else if rate.day.is_some_and(|n| *used >= n) {
            Some(LimitKind::LabelDay)
        } else {
            None
        };
        if over.is_none() || !enforce {
            *used += 1;
            if rate.rate.is_some() {
                window.push_back(now_ms);
            }
        }
        let (limit, spent) = match (over, rate.day) {
            (Some(LimitKind::PerSecond), _) | (None, None) => (rate.rate, window.len() as u32),
            _ => (rate.day, *used),
        };
        Judged { over, limit, remaining: limit.unwrap_or(0).saturating_sub(spent) }
    }
}

/// A host's creates and updates of the day.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct UserDay {
    day: i64,
    used: u32,
}

impl UserDay {
    /// True when the call is over the limit; counts it unless it is refused.
    pub(crate) fn arrive(&mut self, rules: &LimitRules, now_ms: i64) -> bool {
        self.used = self.used(now_ms);
        self.day = day_of(now_ms);
        let over = rules.user_day.is_some_and(|n| self.used >= n);
        if !(over && rules.enforce) {
            self.used += 1;
        }
        over
    }

    pub(crate) fn give_back(&mut self) {
        self.used = self.used.saturating_sub(1);
    }

    pub(crate) fn used(&self, now_ms: i64) -> u32 {
        if self.day == day_of(now_ms) { self.used } else { 0 }
    }
}

impl LimitRules {
    pub(crate) fn rate(&self, plan: Option<Plan>, label: Label) -> Rate {
        let table = match (plan, self.table) {
            (Some(plan), _) => Table::of(plan),
            (None, Some(table)) => table,
            (None, None) => Table::of(self.plan),
        };
        table.rate(label)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::DAY_MS;

    #[test]
    fn a_sliding_second_admits_its_rate_and_no_more() {
        let mut spent = Spent::default();
        let rate = Rate { rate: Some(2), day: None };
        let over = |spent: &mut Spent, at| spent.arrive(rate, Label::Light, true, at).over;
        assert_eq!(over(&mut spent, 900), None);
        assert_eq!(over(&mut spent, 1_000), None);
        assert_eq!(over(&mut spent, 1_899), Some(LimitKind::PerSecond));
        assert_eq!(over(&mut spent, 1_900), None);
        assert_eq!(over(&mut spent, 1_999), Some(LimitKind::PerSecond));
        assert_eq!(over(&mut spent, 2_000), None);
    }

    #[test]
    fn a_day_ends_at_midnight_and_refusals_do_not_count() {
        let mut spent = Spent::default();
        let rate = Rate { rate: None, day: Some(1) };
        assert_eq!(spent.arrive(rate, Label::Heavy, true, 5).over, None);
        assert_eq!(spent.arrive(rate, Label::Light, true, 5).over, None, "labels are apart");
        assert_eq!(spent.arrive(rate, Label::Heavy, true, 6).over, Some(LimitKind::LabelDay));
        assert_eq!(spent.arrive(rate, Label::Heavy, true, DAY_MS).over, None);
    }

    #[test]
    fn what_is_not_enforced_is_judged_all_the_same() {
        let rules = LimitRules { user_day: Some(1), enforce: false, ..LimitRules::default() };
        let mut day = UserDay::default();
        assert!(!day.arrive(&rules, 0));
        assert!(day.arrive(&rules, 0));
        assert_eq!(day.used(1), 2);
        assert_eq!(day.used(DAY_MS), 0);
    }
}
