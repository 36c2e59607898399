//! Step 9: what the journals hold, against what the store holds.
//!
//! Redis may go back: a failover, an old file put in place, a restore. Whatever
//! was staged within the last day is offered again by rule P, which refuses all
//! that is not newer, so that this can be done at any time and by anybody.

use zoomd_store::grants::{AccountState, Epoch, GrantError, GrantVersion};
use zoomd_store::rotation::{Committed, Doubt, Look, Version};
use zoomd_wire::AccountName;

use super::late::Late;
use super::{Rotator, lock, meter};
use crate::journal::{Orphan, Reply, Staged, Summary};

/// Accounts compared in one round trip.
const PAGE: usize = 500;

impl Rotator {
    /// Compares every entry with the store, and takes over what dead processes of
    /// this machine left. Answers whose accounts changed by it.
    pub(crate) async fn repair(&self) -> Result<Vec<AccountName>, GrantError> {
        let mut dead = self.0.repairing.lock().await;
        // A server that is another by now hears what is remembered before it is given
        // anything: a hold begins before there is something to rotate.
        self.beat().await?;
        let mut changed = self.adopt(&mut dead).await?;
        let mut entries = self.0.journal.entries();
        entries.retain(|entry| !lock(&self.0.running).contains_key(&entry.id));
        for page in entries.chunks(PAGE) {
            let names: Vec<_> = page.iter().map(|entry| entry.account.clone()).collect();
            let stored = self.0.rotations.versions(&names).await?;
            for (entry, stored) in page.iter().zip(stored) {
                if let Some(buried) = stored.buried() {
                    self.erase(&entry.account, buried);
                } else if is_behind(entry, &stored) && self.offer_again(&entry.id).await? {
                    changed.push(entry.account.clone());
                }
            }
        }
        self.answer_for_own().await?;
        // Only now: who reports for the dead says that Redis has what they left.
        dead.drain(..).for_each(|process| self.took_over(process));
        let (journal, now_ms) = (self.0.journal.clone(), self.0.rotations.store().now_ms().await?);
        if let Ok(Err(error)) = tokio::task::spawn_blocking(move || journal.tidy(now_ms)).await {
            tracing::warn!(%error, "rotation journal: clean-up failed");
        }
        Ok(changed)
    }

    /// Takes over the files of dead processes, and answers for what they did not
    /// stage. Adds their names to `dead`; what they staged is to be committed.
    async fn adopt(&self, dead: &mut Vec<String>) -> Result<Vec<AccountName>, GrantError> {
        let journal = self.0.journal.clone();
        let taken = tokio::task::spawn_blocking(move || journal.take_over()).await;
        let orphans = match taken {
            Ok(Ok(orphans)) => orphans,
            Ok(Err(error)) => {
                tracing::error!(%error, "rotation journal: journals of dead processes cannot be taken over");
                return Ok(Vec::new());
            }
            Err(_) => return Ok(Vec::new()),
        };
        let mut changed = Vec::new();
        for orphan in orphans {
            changed.extend(self.answer_for(orphan, dead).await?);
        }
        Ok(changed)
    }

    async fn answer_for(
        &self,
        orphan: Orphan,
        dead: &mut Vec<String>,
    ) -> Result<Vec<AccountName>, GrantError> {
        let mut changed = Vec::new();
        for (account, id) in &orphan.unanswered {
            let stands = self.tell_of(account, id, Doubt::Silence).await?;
            if stands.is_some() {
                tracing::warn!(
                    %account, host = %orphan.daemon,
                    "token refresh: unresolved, since its process died and the journal has no reply"
                );
                changed.push(account.clone());
            }
        }
        let process = orphan.daemon.clone();
        dead.push(process.clone());
        orphan.finish();
        // The keys of the dead journal are needed by this process' file now.
        if let Err(error) = zoomd_store::rekey::forget(self.0.rotations.store(), &process).await {
            tracing::debug!(%error, "rotation journal: could not report that the journal of a dead process is missing");
        }
        Ok(changed)
    }

    /// Offers a staged entry by rule P; whether the store took notice.
    async fn offer_again(&self, id: &str) -> Result<bool, GrantError> {
        let (staged, reply) = match self.0.journal.read(id) {
            Ok(read) => read,
            Err(error) => {
                tracing::error!(%error, "rotation journal: an entry is unreadable");
                return Ok(false);
            }
        };
        // An entry of another Zoom or another app is not ours to commit.
        let ours = staged.issuer == self.0.ours.issuer
            && self.0.ours.app.as_ref().is_none_or(|app| app.client_id == staged.client_id);
        if !ours {
            return Ok(false);
        }
        let Some(offer) = self.offer_of(&staged, &reply) else {
            // A refusal or nonsense: there is no token in it.
            let Late::Told { changed } = self.late_refusal(&staged, &reply).await? else {
                return Ok(false);
            };
            self.0.journal.discard(&staged.id);
            return Ok(changed);
        };
        let committed = self.0.rotations.commit(&self.0.vault, &offer).await?;
        self.0.journal.committed(&staged.id, offer.fp);
        match committed {
            Committed::Stored | Committed::Candidate => {
                meter::repaired();
                tracing::warn!(
                    account = %staged.account, version = %staged.version,
                    "rotation journal: recovered a token that redis did not have"
                );
            }
            Committed::Erased { revoke } => self.erased(&offer, revoke).await,
            Committed::Known | Committed::Older => {}
        }
        Ok(matches!(committed, Committed::Stored | Committed::Candidate))
    }

    fn offer_of(&self, staged: &Staged, reply: &Reply) -> Option<zoomd_store::rotation::Offer> {
        let parsed = reply.raw().parse().ok()?;
        self.offer(staged, parsed, reply.presented.as_ref()).ok()
    }

    /// True if the journal knows a later version of the account than the store.
    pub(crate) fn knows_later(&self, account: &AccountName, stored: Option<GrantVersion>) -> bool {
        self.0.journal.latest_version(account.as_str()).is_some_and(|own| Some(own) > stored)
    }

    /// Rule D: what the journal holds of a removed account is erased.
    pub(crate) fn erase_removed(&self, look: &Look) {
        let (account, version) = (&look.account, look.account.version);
        let (AccountState::Removed, Some(version)) = (account.state, version) else { return };
        self.erase(&account.name, version.epoch);
    }

    fn erase(&self, account: &AccountName, epoch: Epoch) {
        if let Err(error) = self.0.journal.erase(account.as_str(), epoch) {
            tracing::error!(%account, %error, "rotation journal: a token of a removed account is still there");
        }
    }
}

/// True if the entry has something for the store: it is newer, or has never been
/// offered.
fn is_behind(entry: &Summary, stored: &Version) -> bool {
    if stored.version < Some(entry.version) || entry.fp.is_none() {
        return true;
    }
    // An intent that came back with an old state of the store.
    stored.intent.as_deref() == Some(entry.id.as_str())
}
