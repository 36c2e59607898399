//! Limits that are in use or closed, account by account.

use std::collections::BTreeSet;

use zoomd_store::StoreError;
use zoomd_store::inspect::{BudgetLine, DayNearEnd, Ops};

/// Lines of limits, each with its account.
pub type Lines = Vec<(String, BudgetLine)>;

/// Accounts whose limits are read: those of the first days.
const NEAR_ACCOUNTS: usize = 6;

/// Daily limits close to their end, read anew for the accounts of `days`: what is used up
/// comes first.
pub async fn near_end(ops: &Ops, days: &[DayNearEnd]) -> Result<Lines, StoreError> {
    let by_rank = |full| days.iter().filter(move |day| day.full == full);
    let mut names: Vec<&String> = Vec::new();
    for name in by_rank(true).chain(by_rank(false)).filter_map(|day| day.accounts.first()) {
        if names.len() < NEAR_ACCOUNTS && !names.contains(&name) {
            names.push(name);
        }
    }
    let mut found = Vec::new();
    for name in names {
        let lines = ops.budget(name).await?.unwrap_or_default();
        let near = lines.into_iter().filter(is_near_end);
        found.extend(near.map(|line| (name.clone(), line)));
    }
    Ok(found)
}

/// True for a limit of the day of which nothing or little is left, or that Zoom has closed.
fn is_near_end(line: &BudgetLine) -> bool {
    let of_day = !line.limit_name.ends_with(" per second");
    of_day && (line.is_low() || line.closed_until_ms.is_some())
}

/// A walk over the accounts in the order of their names. Accounts that share a Zoom
/// account are listed once, as far as this walk has come.
#[derive(Debug, Default)]
pub struct Walk {
    after: Option<String>,
    seen: BTreeSet<String>,
    over: bool,
}

impl Walk {
    /// The walk over the accounts behind this one.
    pub fn after(account: Option<String>) -> Self {
        Self { after: account, ..Self::default() }
    }

    /// The last account that was read; `None` at the end.
    pub fn place(&self) -> Option<&str> {
        self.after.as_deref().filter(|_| !self.over)
    }

    /// Budgets of the next `most` accounts, and the limits that Zoom has closed for them.
    pub async fn next(&mut self, ops: &Ops, most: usize) -> Result<Lines, StoreError> {
        let page = ops.account_names(self.after.as_deref(), most).await?;
        let mut found = Vec::new();
        for name in &page {
            let lines = ops.budget(name).await?.unwrap_or_default();
            let again =
                lines.first().is_some_and(|line| !self.seen.insert(line.zoom_account.clone()));
            let busy = |line: &BudgetLine| {
                let used = line.used + line.elsewhere > 0 || line.closed_until_ms.is_some();
                line.line.is_some() || (used && !again)
            };
            found.extend(lines.into_iter().filter(busy).map(|line| (name.clone(), line)));
        }
        self.over = page.len() < most;
        self.after = page.into_iter().next_back().or(self.after.take());
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_of_a_day_is_near_its_end() {
        for (name, used, elsewhere, most, closed, expected) in [
            ("creates of ada", 89, 0, Some(100), None, false),
            ("creates of ada", 89, 1, Some(100), None, true),
            ("light per day", 0, 0, Some(100), Some(1), true),
            ("light per second", 10, 0, Some(10), None, false),
            ("heavy per day", 500, 0, None, None, false),
        ] {
            let line = BudgetLine {
                zoom_account: "z".to_owned(),
                limit_name: name.to_owned(),
                used,
                elsewhere,
                most,
                resets_ms: 1,
                closed_until_ms: closed,
                yesterday: None,
                line: None,
            };
            assert_eq!(is_near_end(&line), expected, "{line:?}");
        }
    }
}
