//! Findings of doctor: each has the check, its state, the reason, and the next step.

use serde::Serialize;

use crate::output::{FAIL, FAINT, GOOD, HINT, WARN, paint};
use crate::text::count;

/// Result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum State {
    /// Well.
    Pass,
    /// Works, but will bite.
    Warn,
    /// Does not work.
    Fail,
}

/// One finding.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// Name of the check.
    pub check: &'static str,
    /// Result.
    pub state: State,
    /// The observation, and why it matters.
    pub what: String,
    /// The next command to type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl Finding {
    /// It is well.
    pub fn pass(check: &'static str, what: impl Into<String>) -> Self {
        Self { check, state: State::Pass, what: what.into(), next: None }
    }

    /// It works, but will bite; `next` mends it.
    pub fn warn(check: &'static str, what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { check, state: State::Warn, what: what.into(), next: Some(next.into()) }
    }

    /// It does not work; `next` mends it.
    pub fn fail(check: &'static str, what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { check, state: State::Fail, what: what.into(), next: Some(next.into()) }
    }
}

/// All findings.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// True if no check failed.
    pub ok: bool,
    /// In the order they were looked at.
    pub checks: Vec<Finding>,
}

impl Report {
    /// The report of these findings.
    pub fn new(checks: Vec<Finding>) -> Self {
        Self { ok: checks.iter().all(|c| c.state != State::Fail), checks }
    }

    fn count(&self, state: State) -> usize {
        self.checks.iter().filter(|c| c.state == state).count()
    }

    /// For people: a line each, and below what is not well the command to type.
    pub fn text(&self) -> String {
        let width = self.checks.iter().map(|c| c.check.len()).max().unwrap_or(0);
        let mut text = String::new();
        for finding in &self.checks {
            let (mark, style) = match finding.state {
                State::Pass => ("PASS", GOOD),
                State::Warn => ("WARN", WARN),
                State::Fail => ("FAIL", FAIL),
            };
            let name = format!("{:<width$}", finding.check);
            text += &format!("{}  {name}  {}\n", paint(mark, style), finding.what);
            if let Some(next) = &finding.next {
                text += &format!("      {:<width$}  {} {next}\n", "", paint("next:", HINT));
            }
        }
        let (warn, fail) = (self.count(State::Warn), self.count(State::Fail));
        let of = |n: usize, what| count(n as u64, what);
        let verdict = match (warn, fail) {
            (0, 0) => "all checks passed".to_owned(),
            (w, 0) => format!("no problem, {}", of(w, "warning")),
            (0, n) => of(n, "problem"),
            (w, n) => format!("{}, {}", of(n, "problem"), of(w, "warning")),
        };
        text + &paint(&verdict, FAINT) + "\n"
    }
}
