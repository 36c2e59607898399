//! A limit as programs see it.

use jiff::Timestamp;
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
}

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
        }
    }
}

/// The reason why the last of them waits, in one sentence.
fn because(waits: &Waiting) -> String {
    let mut view = JobView::waiting("");
    (view.place, view.detail) = (Some(waits.jobs), waits.detail.clone());
    reason::sentence(waits.why, &view)
}
