//! Removing an account.

use zoomd_wire::AccountName;

use super::timeline::Line;
use super::{AccountState, Epoch, GrantError, Grants};
use crate::redis::script_reply::ScriptReply;
use crate::redis::scripts::ACCOUNT_REMOVE;

/// Result of a removal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removed {
    /// A tombstone stands in its place.
    Done {
        /// State of the account before; `removed` when it was a tombstone already.
        before: Option<AccountState>,
        /// Jobs that will fail as `account_removed`.
        waiting: u64,
    },
    /// Another grant is stored than the one to be removed; nothing was done.
    Changed,
    /// There is no such account.
    NoAccount,
}

impl Grants {
    /// Erases the account's tokens and puts a tombstone with its epoch in their
    /// place: a late rotation of that epoch is not adopted, a new consent is.
    /// Its jobs are handed out to fail as `account_removed`. With `only`, it is
    /// removed only while that epoch is the stored one (a deauthorisation that
    /// comes late must not end a newer consent).
    pub async fn remove(
        &self,
        name: &AccountName,
        reason: &str,
        only: Option<Epoch>,
    ) -> Result<Removed, GrantError> {
        let fresh = Epoch::choose(self.now_ms().await?, [], rand::random());
        let answer = self
            .call(&ACCOUNT_REMOVE)
            .arg(name.as_str())
            .arg(reason)
            .arg(fresh.to_string())
            .arg(only.map(|epoch| epoch.to_string()).unwrap_or_default())
            .arg(Line::new("removed").detail(reason).to_json())
            .run(&self.store.connection())
            .await?;
        let mut answer = ScriptReply::new(answer, "a removal")?;
        Ok(match answer.next()?.as_str() {
            "removed" => {
                self.wake_rooms(name).await?;
                Removed::Done { before: answer.next()?.parse().ok(), waiting: answer.count()? }
            }
            "changed" => Removed::Changed,
            _ => Removed::NoAccount,
        })
    }
}
