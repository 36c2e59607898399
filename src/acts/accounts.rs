//! Holding the jobs of one account back, and letting them run again.

use zoomd_store::grants::Grants;
use zoomd_wire::AccountName;

use super::Hand;
use crate::error::CliError;

impl Hand {
    /// Holds the account's jobs back; `false` when there is no such account.
    pub async fn pause_account(
        &self,
        grants: &Grants,
        name: &AccountName,
        reason: &str,
    ) -> Result<bool, CliError> {
        let found = grants.pause(name, reason).await?;
        if found {
            self.record("account.pause", name.as_str(), reason, "paused").await;
        }
        Ok(found)
    }

    /// Lets the account's jobs run again; `false` when there is no such account.
    pub async fn resume_account(
        &self,
        grants: &Grants,
        name: &AccountName,
    ) -> Result<bool, CliError> {
        let found = grants.resume(name).await?;
        if found {
            self.record("account.resume", name.as_str(), "", "resumed").await;
        }
        Ok(found)
    }
}
