//! Findings of the checks of one job. The checks continue after an error, so that a producer learns
//! of all errors in one answer.

use std::borrow::Cow;

use super::invalid::InvalidJob;
use super::rules::Warning;

/// Maximum number of errors listed one by one; of more only the number is given.
const MOST: usize = 20;
/// Warnings that are kept.
const MOST_WARNINGS: usize = 20;

/// Faults and warnings, in the order of the checks. A clean job allocates nothing.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    faults: Vec<InvalidJob>,
    more: usize,
    pub(crate) warnings: Vec<Warning>,
    /// The job was accepted before: rules that came later do not refuse it.
    pub(crate) accepted: bool,
}

impl Findings {
    pub(crate) fn new(accepted: bool) -> Self {
        Self { accepted, ..Self::default() }
    }

    /// The value, or `None` and one more fault.
    pub(crate) fn take<T>(&mut self, checked: Result<T, InvalidJob>) -> Option<T> {
        checked.map_err(|fault| self.fault(fault)).ok()
    }

    /// One fault.
    pub(crate) fn fault(&mut self, fault: InvalidJob) {
        if self.faults.len() < MOST {
            self.faults.push(fault);
        } else {
            self.more += 1;
        }
    }

    /// The result of a rule that older versions did not have.
    pub(crate) fn newer(&mut self, checked: Result<(), InvalidJob>) {
        if let Err(fault) = checked
            && !self.accepted
        {
            self.fault(fault);
        }
    }

    /// Adds a warning; the job stays valid.
    pub(crate) fn warn(&mut self, field: impl Into<Cow<'static, str>>, message: String) {
        if self.warnings.len() < MOST_WARNINGS {
            self.warnings.push(Warning { field: field.into(), message });
        }
    }

    /// All faults as one; its field is the first one's.
    pub(crate) fn refusal(self) -> Option<InvalidJob> {
        let mut faults = self.faults.into_iter();
        let mut all = faults.next()?;
        for fault in faults {
            let stop = if all.message.ends_with('?') { "" } else { "." };
            all.message.push_str(stop);
            all.message.push_str(" Also: ");
            all.message.push_str(&fault.message);
        }
        if self.more > 0 {
            all.message.push_str(&format!(". Faults not listed: {}", self.more));
        }
        Some(all)
    }
}
