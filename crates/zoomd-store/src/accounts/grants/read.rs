//! Reading accounts and grants back.

use std::collections::HashMap;

use zoomd_wire::AccountName;

use super::{
    AccountRecord, AccountState, Candidate, GrantError, GrantRecord, GrantVersion, Grants,
};
use super::{GrantKind, GrantSecrets, Plan};
use crate::accounts::encryption::{SealError, Sealed};
use crate::error::StoreError;

type Fields = HashMap<String, String>;

/// Accounts read in one go.
const PAGE: usize = 500;

/// An account with what a list shows of it.
#[derive(Debug, Clone)]
pub struct AccountSummary {
    pub account: AccountRecord,
    /// The scopes Zoom named.
    pub scope: Option<String>,
    /// Expiry of the access token, ms; 0 when there is none.
    pub access_expires_ms: u64,
    /// Issue time of the refresh token, ms; 0 when it is not known.
    pub obtained_ms: u64,
    /// Error of the last rotation.
    pub last_error: Option<String>,
    /// Jobs that left the stream and have no outcome yet.
    pub waiting: u64,
    /// Calls in flight on its access token.
    pub in_flight: u64,
}

impl Grants {
    /// One account; `None` when there is none of this name. A removed one is
    /// still there, as a tombstone.
    pub async fn account(&self, name: &AccountName) -> Result<Option<AccountRecord>, StoreError> {
        let key = self.store.keys().account(name.as_str());
        let value = self.store.connection().value(redis::cmd("HGETALL").arg(key)).await?;
        account(name, &redis::from_redis_value(value)?)
    }

    /// The stored grant of an account, encrypted.
    ///
    /// # Errors
    /// Fails if Redis cannot be reached or the record is invalid.
    pub async fn grant(&self, name: &AccountName) -> Result<Option<GrantRecord>, StoreError> {
        let key = self.store.keys().grant(name.as_str());
        let value = self.store.connection().value(redis::cmd("HGETALL").arg(key)).await?;
        grant(&redis::from_redis_value(value)?)
    }

    /// The stored grant of an account, opened.
    pub async fn open(
        &self,
        name: &AccountName,
    ) -> Result<Option<(GrantRecord, GrantSecrets)>, GrantError> {
        let Some(record) = self.grant(name).await? else { return Ok(None) };
        let secrets = self.vault.open_grant(name.as_str(), record.version, &record.sealed)?;
        Ok(Some((record, secrets)))
    }

    /// The account that has a grant of this Zoom user and app.
    pub async fn holder(
        &self,
        client_id: &str,
        zoom_user: &str,
    ) -> Result<Option<String>, StoreError> {
        let mut command = redis::cmd("HGET");
        command.arg(self.store.keys().users()).arg(format!("{client_id}|{zoom_user}"));
        Ok(redis::from_redis_value(self.store.connection().value(&command).await?)?)
    }

    /// Number of accounts that exist, tombstones included.
    pub async fn count(&self) -> Result<u64, StoreError> {
        let command = redis::cmd("ZCARD").arg(self.store.keys().accounts()).to_owned();
        Ok(redis::from_redis_value(self.store.connection().value(&command).await?)?)
    }

    /// A page of names in their order, after `after`.
    pub async fn names(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<AccountName>, StoreError> {
        let from = after.map_or_else(|| "-".to_owned(), |name| format!("({name}"));
        let mut command = redis::cmd("ZRANGEBYLEX");
        command.arg(self.store.keys().accounts()).arg(from).arg("+");
        command.arg("LIMIT").arg(0).arg(limit.clamp(1, PAGE));
        let names: Vec<String> =
            redis::from_redis_value(self.store.connection().value(&command).await?)?;
        Ok(names.iter().filter_map(|name| AccountName::new(name).ok()).collect())
    }

    /// A page of accounts in the order of their names, after `after`. An empty
    /// page is the end.
    pub async fn page(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<AccountSummary>, StoreError> {
        let names = self.names(after, limit).await?;
        self.summaries(&names).await
    }

    /// Summaries of these accounts for a list; missing accounts are left out.
    pub async fn summaries(
        &self,
        names: &[AccountName],
    ) -> Result<Vec<AccountSummary>, StoreError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let now = self.store.now_ms().await?;
        let keys = self.store.keys();
        let mut reads = redis::pipe();
        for name in names.iter().map(AccountName::as_str) {
            reads.cmd("HGETALL").arg(keys.account(name));
            reads.cmd("HMGET").arg(keys.grant(name)).arg(&["scope", "exp", "obt", "last"]);
            reads.cmd("HLEN").arg(keys.payloads(name));
            reads.cmd("ZCOUNT").arg(keys.in_flight(name)).arg(format!("({now}")).arg("+inf");
        }
        let values = self.store.connection().values(&reads).await?;
        let mut out = Vec::with_capacity(names.len());
        for (name, values) in names.iter().zip(values.chunks_exact(4)) {
            let Some(account) = account(name, &redis::from_redis_value_ref(&values[0])?)? else {
                continue;
            };
            let [scope, exp, obt, last]: [Option<String>; 4] =
                redis::from_redis_value_ref::<Vec<Option<String>>>(&values[1])?
                    .try_into()
                    .map_err(|_| StoreError::unexpected("a grant"))?;
            let number =
                |text: Option<String>| text.and_then(|t| t.parse().ok()).unwrap_or_default();
            out.push(AccountSummary {
                account,
                scope: scope.filter(|text| !text.is_empty()),
                access_expires_ms: number(exp),
                obtained_ms: number(obt),
                last_error: last.filter(|text| !text.is_empty()),
                waiting: redis::from_redis_value_ref(&values[2])?,
                in_flight: redis::from_redis_value_ref(&values[3])?,
            });
        }
        Ok(out)
    }
}

fn text(fields: &Fields, name: &str) -> Option<String> {
    fields.get(name).filter(|value| !value.is_empty()).cloned()
}

fn number(fields: &Fields, name: &str) -> u64 {
    fields.get(name).and_then(|value| value.parse().ok()).unwrap_or(0)
}

fn version(fields: &Fields) -> Option<GrantVersion> {
    let epoch = fields.get("ep")?.parse().ok()?;
    Some(GrantVersion { epoch, generation: number(fields, "gen") })
}

pub(crate) fn account(
    name: &AccountName,
    fields: &Fields,
) -> Result<Option<AccountRecord>, StoreError> {
    let Some(state) = fields.get("st") else { return Ok(None) };
    let state: AccountState = state.parse().map_err(|_| StoreError::unexpected("an account"))?;
    let aliases = fields.get("em").and_then(|json| serde_json::from_str(json).ok());
    let lease_until = number(fields, "lku");
    Ok(Some(AccountRecord {
        name: name.clone(),
        state,
        why: text(fields, "why"),
        version: version(fields),
        kind: fields.get("kind").and_then(|w| w.parse().ok()).unwrap_or(GrantKind::Oauth),
        plan: fields.get("plan").and_then(|w| w.parse().ok()).unwrap_or(Plan::Pro),
        zoom_account: text(fields, "z"),
        zoom_user: text(fields, "uid"),
        aliases: aliases.unwrap_or_default(),
        cap: u32::try_from(number(fields, "cap")).ok().filter(|cap| *cap > 0),
        paused: fields.get("paused").cloned(),
        created_ms: number(fields, "made"),
        lease: text(fields, "lk").map(|owner| (owner, lease_until)),
        intent: text(fields, "int"),
    }))
}

pub(crate) fn grant(fields: &Fields) -> Result<Option<GrantRecord>, StoreError> {
    let Some(sealed) = text(fields, "sealed") else { return Ok(None) };
    let unexpected = || StoreError::unexpected("a grant");
    let list = |name: &str| -> Vec<String> {
        fields.get(name).and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default()
    };
    let candidates: Vec<Candidate> = match text(fields, "cand") {
        Some(json) => serde_json::from_str(&json).map_err(|_| unexpected())?,
        None => Vec::new(),
    };
    Ok(Some(GrantRecord {
        version: version(fields).ok_or_else(unexpected)?,
        sealed: Sealed::from_stored(sealed),
        fp: fields.get("fp").and_then(|fp| fp.parse().ok()).ok_or_else(unexpected)?,
        parent_fp: fields.get("pfp").and_then(|fp| fp.parse().ok()),
        ancestors: list("anc").iter().filter_map(|fp| fp.parse().ok()).collect(),
        access_expires_ms: number(fields, "exp"),
        obtained_ms: number(fields, "obt"),
        scope: text(fields, "scope"),
        issuer: text(fields, "issuer").unwrap_or_default(),
        client_id: text(fields, "client_id").unwrap_or_default(),
        api_url: text(fields, "api_url"),
        candidates,
        refused: list("dead").iter().filter_map(|fp| fp.parse().ok()).collect(),
        access_issued_ms: number(fields, "iat"),
        last_error: text(fields, "last"),
    }))
}

impl Grants {
    /// Opens a forked grant kept beside the stored one.
    pub fn open_candidate(
        &self,
        name: &AccountName,
        candidate: &Candidate,
    ) -> Result<GrantSecrets, SealError> {
        let purpose = crate::accounts::encryption::Purpose::Candidate;
        let plain =
            self.vault.open(purpose, name.as_str(), candidate.version, &candidate.sealed)?;
        GrantSecrets::from_json(&plain).ok_or(SealError::Damaged { what: purpose.as_str() })
    }
}
