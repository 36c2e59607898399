//! Zoom's plans and labels, and the published figures of each.

use serde::{Deserialize, Serialize};

/// A Zoom plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Plan {
    Free,
    Pro,
    /// Business and above.
    Business,
    /// No rates and no label days (not a Zoom plan).
    Unlimited,
}

/// Zoom's rate-limit labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Label {
    Light,
    Medium,
    Heavy,
    /// Resource-intensive: its rate is a minute's.
    ResourceIntensive,
}

impl Label {
    pub(crate) fn header(self) -> &'static str {
        match self {
            Self::Light => "Light",
            Self::Medium => "Medium",
            Self::Heavy => "Heavy",
            Self::ResourceIntensive => "Resource-intensive",
        }
    }

    pub(crate) fn window_ms(self) -> i64 {
        if self == Self::ResourceIntensive { 60_000 } else { 1_000 }
    }
}

/// The figures of one label; absent is without limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rate {
    /// A second (a minute for the resource-intensive).
    pub rate: Option<u32>,
    /// A UTC day.
    pub day: Option<u32>,
}

/// The figures of every label.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "named as the labels are")]
pub struct Table {
    pub light: Rate,
    pub medium: Rate,
    pub heavy: Rate,
    pub resource_intensive: Rate,
}

impl Table {
    /// Zoom's published figures.
    pub fn of(plan: Plan) -> Self {
        let row = |rates: [u32; 4], days: [Option<u32>; 4]| {
            let at = |i: usize| Rate { rate: Some(rates[i]), day: days[i] };
            Self { light: at(0), medium: at(1), heavy: at(2), resource_intensive: at(3) }
        };
        match plan {
            Plan::Free => row([4, 2, 1, 10], [Some(6_000), Some(2_000), Some(1_000), Some(30_000)]),
            Plan::Pro => row([30, 20, 10, 10], [None, None, Some(30_000), Some(30_000)]),
            Plan::Business => row([80, 60, 40, 20], [None, None, Some(60_000), Some(60_000)]),
            Plan::Unlimited => Self::default(),
        }
    }

    pub(crate) fn rate(&self, label: Label) -> Rate {
        match label {
            Label::Light => self.light,
            Label::Medium => self.medium,
            Label::Heavy => self.heavy,
            Label::ResourceIntensive => self.resource_intensive,
        }
    }
}
