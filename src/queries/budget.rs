//! Limits that are in use or closed, account by account.

use std::collections::BTreeSet;

use zoomd_store::StoreError;
use zoomd_store::inspect::{BudgetLine, Ops};

/// Lines of limits, each with its account.
pub type Lines = Vec<(String, BudgetLine)>;

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
