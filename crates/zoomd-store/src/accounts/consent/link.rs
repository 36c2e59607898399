//! Links, and the consents that are asked for through them.

use std::time::Duration;

use zoomd_wire::AccountName;

use super::nonce::Digest;
use super::{Links, Nonce};
use crate::accounts::encryption::{SealError, Vault};
use crate::accounts::grants::{Line, Plan};
use crate::clock::ms;
use crate::redis::script::Call;
use crate::redis::script_reply::ScriptReply;
use crate::redis::scripts::{CONSENT_BEGIN, CONSENT_LINK, CONSENT_LOOK, CONSENT_TAKE};
use crate::{Script, StoreError};

/// Time limit for a person at Zoom's page.
pub const STATE_LIFE: Duration = Duration::from_secs(600);
/// Consents that may be asked for through one link.
const MOST_BEGUN: u32 = 100;

/// A link about to be made.
#[derive(Debug, Clone)]
pub struct NewLink {
    /// The account it connects.
    pub account: AccountName,
    /// The account's plan; `None` leaves it.
    pub plan: Option<Plan>,
    /// True if the Zoom user may be taken from another account.
    pub take_over: bool,
    /// Lifetime of the link.
    pub life: Duration,
    /// The name that people see, where it is not the account's.
    pub label: Option<String>,
    /// The address that a person goes back to.
    pub return_to: Option<String>,
}

/// A link that is good now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Digest of its token, as stored.
    pub digest: Digest,
    /// The account it connects.
    pub account: AccountName,
    /// The account's plan; `None` leaves it.
    pub plan: Option<Plan>,
    /// True if the Zoom user may be taken from another account.
    pub take_over: bool,
    /// End of its lifetime, ms by the clock of Redis.
    pub until_ms: i64,
    /// The name that people see, where it is not the account's.
    pub label: Option<String>,
    /// The address that a person goes back to.
    pub return_to: Option<String>,
}

/// Result of checking a state that came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// It was good, and is not any more.
    Good(Link),
    /// It belongs to another browser; it stays good there.
    Stranger,
    /// It is unknown, used, too old, or its link is over.
    Unknown,
}

impl Links {
    /// Makes a link and returns the time of its expiry.
    pub async fn make(
        &self,
        token: &Nonce,
        new: &NewLink,
        vault: &Vault,
    ) -> Result<i64, LinkError> {
        let tomb = vault.fingerprints()?.account(new.account.as_str()).to_string();
        let how = if new.take_over { "; takes over" } else { "" };
        let life = ms(new.life);
        let line = Line::new("connect link").detail(format!("good for {} s{how}", life / 1_000));
        let answer = self
            .call(&CONSENT_LINK, &token.digest())
            .arg(new.account.as_str())
            .arg(tomb)
            .arg(new.plan.map(Plan::as_str).unwrap_or_default())
            .arg(u8::from(new.take_over))
            .arg(life)
            .arg(line.to_json())
            .arg(new.label.as_deref().unwrap_or_default())
            .arg(new.return_to.as_deref().unwrap_or_default())
            .run(&self.store.connection())
            .await?;
        Ok(ScriptReply::new(answer, "a link")?.number()?)
    }

    /// The link of this token, if it is good. Changes nothing.
    pub async fn look(&self, token: &Nonce) -> Result<Option<Link>, StoreError> {
        let digest = token.digest();
        let answer = self.call(&CONSENT_LOOK, &digest).run(&self.store.connection()).await?;
        link(ScriptReply::new(answer, "a link")?, digest)
    }

    /// Records that the link was opened in this browser.
    pub async fn begin(
        &self,
        token: &Nonce,
        state: &Nonce,
        browser: &Nonce,
    ) -> Result<Option<Link>, StoreError> {
        let digest = token.digest();
        let call = self
            .call(&CONSENT_BEGIN, &digest)
            .arg(state.digest().as_str())
            .arg(browser.digest().as_str())
            .arg(ms(STATE_LIFE))
            .arg(MOST_BEGUN);
        let answer = call.run(&self.store.connection()).await?;
        link(ScriptReply::new(answer, "a consent asked for")?, digest)
    }

    /// Takes a state that came back in this browser; it is good once.
    pub async fn take(&self, state: &Nonce, browser: Option<&Nonce>) -> Result<Taken, StoreError> {
        let browser = browser.map(Nonce::digest);
        let call = self
            .call(&CONSENT_TAKE, &state.digest())
            .arg(browser.as_ref().map(Digest::as_str).unwrap_or_default());
        let answer = call.run(&self.store.connection()).await?;
        let mut answer = ScriptReply::new(answer, "a state that came back")?;
        Ok(match answer.next()?.as_str() {
            "stranger" => Taken::Stranger,
            "good" => {
                let digest = Digest::stored(answer.next()?);
                link(answer, digest)?.map_or(Taken::Unknown, Taken::Good)
            }
            _ => Taken::Unknown,
        })
    }

    /// Ends a link: a consent came through it.
    pub async fn spend(&self, link: &Digest) -> Result<(), StoreError> {
        let mut delete = redis::cmd("DEL");
        delete.arg(self.store.keys().link(link.as_str()));
        self.store.connection().value(&delete).await?;
        Ok(())
    }

    fn call<'a>(&self, script: &'a Script, digest: &Digest) -> Call<'a> {
        let keys = self.store.keys();
        let call = script.call().key(keys.prefix()).key(keys.events());
        call.arg(self.store.clock().ms()).arg(digest.as_str())
    }
}

/// Reason why there is no link.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// Redis.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No encryption key is configured: what the link leads to could not be stored.
    #[error(transparent)]
    Seal(#[from] SealError),
}

fn link(mut answer: ScriptReply, digest: Digest) -> Result<Option<Link>, StoreError> {
    let Some(account) = answer.next_if_any()? else { return Ok(None) };
    Ok(Some(Link {
        digest,
        account: account.parse().map_err(|_| StoreError::unexpected("a link"))?,
        plan: answer.next()?.parse().ok(),
        take_over: answer.next()? == "1",
        until_ms: answer.number()?,
        label: Some(answer.next()?).filter(|text| !text.is_empty()),
        return_to: Some(answer.next()?).filter(|text| !text.is_empty()),
    }))
}
