//! The commit: rules P, F and D.

use secrecy::SecretString;
use zoomd_wire::AccountName;

use super::{COMMIT, Rotations};
use crate::StoreError;
use crate::accounts::encryption::{Fingerprint, Purpose, Vault};
use crate::accounts::grants::{
    Candidate, GrantError, GrantKind, GrantSecrets, GrantVersion, Grants, Identity, Line, Plan,
};
use crate::redis::script_reply::ScriptReply;

/// Number of times that a fork is read again before the commit gives up for now.
const TRIES: usize = 5;

/// Facts about an account that Redis may have lost.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    pub plan: Option<Plan>,
    /// Owner at Zoom.
    pub identity: Identity,
}

/// A token pair offered to the store.
#[derive(Debug, Clone)]
pub struct Offer {
    pub account: AccountName,
    /// Renewal method of its grant.
    pub kind: GrantKind,
    /// Epoch and generation.
    pub version: GrantVersion,
    /// The tokens.
    pub secrets: GrantSecrets,
    /// Fingerprint of the refresh token (or of the app's credentials).
    pub fp: Fingerprint,
    /// Fingerprints that it was made from, newest first: its parent, then its ancestors.
    pub lineage: Vec<Fingerprint>,
    /// Expiry of the access token, ms.
    pub access_expires_ms: u64,
    /// Issue time of the access token, ms.
    pub access_issued_ms: u64,
    /// Issue time of the refresh token, ms; `None` keeps what is stored.
    pub obtained_ms: Option<u64>,
    /// The scopes Zoom named; `None` keeps what is stored.
    pub scope: Option<String>,
    /// The base of the OAuth endpoints.
    pub issuer: String,
    /// The app.
    pub client_id: String,
    /// The API base Zoom named; `None` keeps what is stored.
    pub api_url: Option<String>,
    /// For a store that forgot the account.
    pub origin: Origin,
    /// The lease and the intent that end with the commit.
    pub owner: Option<String>,
    /// See [`owner`](Self::owner).
    pub intent: Option<String>,
    /// Token that was presented for it, if that may still be the valid one.
    pub spare: Option<Spare>,
    /// A line for the timeline.
    pub line: Line,
}

/// The token that an early probe presented: kept for a while as the last candidate,
/// since the exchange before the probe may end after it and make it live again.
#[derive(Debug, Clone)]
pub struct Spare {
    pub refresh_token: SecretString,
    /// Fingerprint of the token.
    pub fp: Fingerprint,
    /// Fingerprint of the token it was made from.
    pub parent_fp: Option<Fingerprint>,
    /// The first commit after this, ms, drops it.
    pub until_ms: i64,
}

/// Result of an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Committed {
    /// It is the stored grant now.
    Stored,
    /// It is kept beside the stored one.
    Candidate,
    /// It, or one made from it, is stored already.
    Known,
    /// A newer epoch is stored.
    Older,
    /// The account was removed.
    Erased {
        /// True if no newer grant of the same Zoom user is known, so that it may
        /// be revoked at Zoom.
        revoke: bool,
    },
}

impl Committed {
    /// One word, for metrics and the timeline.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Candidate => "candidate",
            Self::Known => "known",
            Self::Older => "older",
            Self::Erased { .. } => "erased",
        }
    }
}

impl Rotations {
    /// Offers a token pair. Accepted iff its version is greater than what is
    /// stored; who offers it does not matter, and nor does how late he is. May be
    /// sent again after a lost answer.
    pub async fn commit(&self, vault: &Vault, offer: &Offer) -> Result<Committed, GrantError> {
        let mut demoted = None;
        for _ in 0..TRIES {
            match self.offer(vault, offer, demoted.take()).await? {
                Some(committed) => return Ok(committed),
                None => demoted = self.stored_as_candidate(vault, &offer.account).await?,
            }
        }
        Err(StoreError::unexpected("a commit that meets another fork each time").into())
    }

    /// `None` when the stored grant has to be given as a candidate first.
    async fn offer(
        &self,
        vault: &Vault,
        offer: &Offer,
        demoted: Option<Candidate>,
    ) -> Result<Option<Committed>, GrantError> {
        let account = offer.account.as_str();
        let version = offer.version;
        let known = |text: &Option<String>| text.clone().unwrap_or_default();
        let ancestors: Vec<_> = offer.lineage.iter().skip(1).map(ToString::to_string).collect();
        let parent = offer.lineage.first().copied();
        let identity = &offer.origin.identity;
        let call = self
            .call(&COMMIT, account)
            .arg(version.epoch.to_string())
            .arg(version.generation)
            .arg(vault.seal_grant(account, version, &offer.secrets)?.as_str())
            .arg(offer.fp.to_string())
            .arg(parent.map(|fp| fp.to_string()).unwrap_or_default())
            .arg(serde_json::Value::from(ancestors).to_string())
            .arg(offer.access_expires_ms)
            .arg(offer.obtained_ms.map(|ms| ms.to_string()).unwrap_or_default())
            .arg(known(&offer.scope))
            .arg(&offer.issuer)
            .arg(&offer.client_id)
            .arg(known(&offer.api_url))
            .arg(offer.kind.as_str())
            .arg(offer.origin.plan.map(Plan::as_str).unwrap_or_default())
            .arg(known(&identity.zoom_account))
            .arg(known(&identity.zoom_user))
            .arg(if identity.aliases.is_empty() { String::new() } else { identity.aliases_json() })
            .arg(vault.fingerprints()?.account(account).to_string())
            .arg(candidate(vault, account, version, offer.fp, parent, &offer.secrets)?)
            .arg(known(&offer.owner))
            .arg(known(&offer.intent))
            .arg(demoted.as_ref().map(|c| c.fp.to_string()).unwrap_or_default())
            .arg(demoted.as_ref().map(as_json).unwrap_or_default())
            .arg(offer.access_issued_ms)
            .arg(spare(vault, offer)?)
            .arg(offer.line.to_json());
        let mut answer = ScriptReply::new(self.run(call, "committing a token").await?, "a commit")?;
        Ok(Some(match answer.next()?.as_str() {
            "stored" => Committed::Stored,
            "candidate" => Committed::Candidate,
            "known" => Committed::Known,
            "older" => Committed::Older,
            "erased" => Committed::Erased { revoke: answer.count()? == 1 },
            "demote" => return Ok(None),
            _ => return Err(StoreError::unexpected("a commit").into()),
        }))
    }

    async fn stored_as_candidate(
        &self,
        vault: &Vault,
        account: &AccountName,
    ) -> Result<Option<Candidate>, GrantError> {
        let grants = Grants::new(self.store.clone(), vault.clone());
        let Some((record, secrets)) = grants.open(account).await? else { return Ok(None) };
        let json = candidate(
            vault,
            account.as_str(),
            record.version,
            record.fp,
            record.parent_fp,
            &secrets,
        )?;
        Ok(serde_json::from_str(&json).ok())
    }
}

fn candidate(
    vault: &Vault,
    account: &str,
    version: GrantVersion,
    fp: Fingerprint,
    parent_fp: Option<Fingerprint>,
    secrets: &GrantSecrets,
) -> Result<String, GrantError> {
    let sealed = vault.seal(Purpose::Candidate, account, version, &secrets.to_json())?;
    let parent_fp = parent_fp.unwrap_or(fp);
    Ok(as_json(&Candidate { version, fp, parent_fp, sealed, until_ms: None }))
}

fn spare(vault: &Vault, offer: &Offer) -> Result<String, GrantError> {
    let Some(spare) = &offer.spare else { return Ok(String::new()) };
    let generation = offer.version.generation.saturating_sub(1);
    let version = GrantVersion { generation, ..offer.version };
    let secrets = GrantSecrets {
        refresh_token: Some(spare.refresh_token.clone()),
        ..GrantSecrets::default()
    };
    let account = offer.account.as_str();
    let sealed = vault.seal(Purpose::Candidate, account, version, &secrets.to_json())?;
    let parent_fp = spare.parent_fp.unwrap_or(spare.fp);
    let (fp, until_ms) = (spare.fp, Some(spare.until_ms));
    Ok(as_json(&Candidate { version, fp, parent_fp, sealed, until_ms }))
}

fn as_json(candidate: &Candidate) -> String {
    serde_json::to_string(candidate).unwrap_or_else(|_| unreachable!("texts are always JSON"))
}
