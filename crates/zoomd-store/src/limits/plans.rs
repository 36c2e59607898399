//! Zoom's published limits, and the share of them we use.

use std::collections::BTreeMap;

use super::classes::Classes;
use super::label::Label;

/// Time in ms for which a grant counts in its second: the second, and the time by which calls
/// granted together may drift apart on their way. With the bare second a burst meets the end of the
/// one before it at Zoom, which counts arrivals. `SECOND` of `lua/lib/budget.lua` is the same.
pub const SECOND_MS: i64 = 1_100;

/// The limits of one label; 0 means none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rate {
    /// Calls in any second.
    pub per_second: u32,
    /// Calls in a UTC day.
    pub per_day: u32,
}

impl Rate {
    const fn new(per_second: u32, per_day: u32) -> Self {
        Self { per_second, per_day }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PlanLimits {
    /// Of `light` calls.
    pub light: Rate,
    /// Of `medium` calls.
    pub medium: Rate,
    /// Of `heavy` calls.
    pub heavy: Rate,
    /// Creates and updates of one host in a UTC day.
    pub host_day: u32,
}

impl PlanLimits {
    /// The limits of `label`.
    #[must_use]
    pub fn of(&self, label: Label) -> Rate {
        match label {
            Label::Light => self.light,
            Label::Medium => self.medium,
            Label::Heavy => self.heavy,
        }
    }
}

/// Every plan's limits, which call has which label, and the share we use.
#[derive(Debug, Clone)]
pub struct Budgets {
    /// Limits by the plan's name, as in `account:<A>`.
    pub plans: BTreeMap<String, PlanLimits>,
    /// Fraction of the per-second limits to grant; the rest is headroom for bursts.
    pub share: f64,
    /// Rate-limit class of each operation.
    pub classes: Classes,
}

impl Default for Budgets {
    fn default() -> Self {
        let plan = |light, medium, heavy| PlanLimits { light, medium, heavy, host_day: 100 };
        let free = plan(Rate::new(4, 6000), Rate::new(2, 2000), Rate::new(1, 1000));
        let pro = plan(Rate::new(30, 0), Rate::new(20, 0), Rate::new(10, 30_000));
        let business = plan(Rate::new(80, 0), Rate::new(60, 0), Rate::new(40, 60_000));
        let plans = [
            ("free", free),
            ("pro", pro),
            ("business", business),
            ("unlimited", PlanLimits::default()),
        ];
        Self {
            plans: plans.map(|(name, limits)| (name.to_owned(), limits)).into(),
            share: 0.8,
            classes: Classes::default(),
        }
    }
}

impl Budgets {
    /// The limits of a plan; of one that is not known, those of `pro`.
    #[must_use]
    pub fn plan(&self, name: &str) -> PlanLimits {
        self.plans.get(name).or_else(|| self.plans.get("pro")).copied().unwrap_or_default()
    }

    /// Calls of `label` we grant in any second: the share, rounded down, but
    /// never less than one of a limit that exists. 0 means no limit.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a small positive number"
    )]
    pub fn granted_per_second(&self, rate: Rate) -> u32 {
        if rate.per_second == 0 {
            return 0;
        }
        ((f64::from(rate.per_second) * self.share + 1e-9) as u32).clamp(1, rate.per_second)
    }

    /// The table scripts take: for each plan its name and, for `label`, calls
    /// per second (after the share), per day, and the host's day.
    #[must_use]
    pub fn table(&self, label: Label) -> Vec<String> {
        let mut args = vec![self.plans.len().to_string()];
        for (name, limits) in &self.plans {
            let rate = limits.of(label);
            args.push(name.clone());
            args.push(self.granted_per_second(rate).to_string());
            args.push(rate.per_day.to_string());
            args.push(limits.host_day.to_string());
        }
        args
    }
}

#[cfg(test)]
mod tests {
    use super::{Budgets, Label};

    #[test]
    fn the_share_is_rounded_down_and_never_stops_everything() {
        let budgets = Budgets::default();
        let granted = |plan: &str, label| budgets.granted_per_second(budgets.plans[plan].of(label));
        assert_eq!(granted("pro", Label::Light), 24);
        assert_eq!(granted("free", Label::Light), 3);
        assert_eq!(granted("free", Label::Heavy), 1);
        assert_eq!(granted("unlimited", Label::Light), 0);
    }
}
