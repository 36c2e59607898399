//! Accounts in the order of their names, and one in full.

use zoomd_store::StoreError;
use zoomd_store::grants::{AccountState, AccountSummary, GrantRecord, Grants};
use zoomd_wire::AccountName;

/// Accounts read from Redis at once.
const PAGE: usize = 500;

/// Accounts that are wanted.
#[derive(Debug, Default)]
pub struct Wanted {
    /// Only in this state.
    pub state: Option<AccountState>,
    /// Include removed accounts, where no state is named.
    pub all: bool,
}

/// A page of accounts.
#[derive(Debug)]
pub struct Page {
    pub accounts: Vec<AccountSummary>,
    /// The last account that was read, if there are more.
    pub next: Option<String>,
}

impl Wanted {
    fn takes(&self, summary: &AccountSummary) -> bool {
        let state = summary.account.state;
        match self.state {
            Some(wanted) => state == wanted,
            None => self.all || state != AccountState::Removed,
        }
    }
}

/// At most `most` accounts behind `after`. Reads at most `reads` accounts, so a page may be
/// short, or empty, though there are more.
pub async fn page(
    grants: &Grants,
    wanted: &Wanted,
    after: Option<String>,
    most: usize,
    reads: usize,
) -> Result<Page, StoreError> {
    let (mut accounts, mut next, mut read) = (Vec::new(), after, 0);
    while accounts.len() < most && read < reads {
        let size = PAGE.min(reads - read).min((most - accounts.len()).saturating_add(1));
        let found = grants.page(next.as_deref(), size).await?;
        if found.is_empty() {
            return Ok(Page { accounts, next: None });
        }
        read += size;
        for summary in found {
            if accounts.len() == most {
                return Ok(Page { accounts, next });
            }
            next = Some(summary.account.name.to_string());
            accounts.extend(wanted.takes(&summary).then_some(summary));
        }
    }
    Ok(Page { accounts, next })
}

/// One account and its grant, with the time of the look.
#[derive(Debug)]
pub struct Account {
    pub summary: AccountSummary,
    pub grant: Option<GrantRecord>,
    /// The clock of Redis.
    pub now_ms: i64,
}

pub async fn one(grants: &Grants, name: &AccountName) -> Result<Option<Account>, StoreError> {
    let mut summaries = grants.summaries(std::slice::from_ref(name)).await?;
    let Some(summary) = summaries.pop() else { return Ok(None) };
    let (grant, now_ms) = (grants.grant(name).await?, grants.store().now_ms().await?);
    Ok(Some(Account { summary, grant, now_ms }))
}
