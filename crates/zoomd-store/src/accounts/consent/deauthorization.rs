//! Consents that people revoked at Zoom, from the webhook to the effect.
//!
//! Zoom waits three seconds for the answer and does not repeat a webhook that was answered well, so
//! a deauthorization is noted before it is answered, and forgotten only when a daemon has carried
//! out all of it.

use super::Links;
use crate::StoreError;
use crate::redis::scripts::{DEAUTH_DONE, DEAUTH_NOTE};

/// Number of deauthorizations read in one step.
const PAGE: usize = 100;

/// A revoked consent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deauthorization {
    /// The app it was given to.
    pub client_id: String,
    /// The Zoom user who gave it.
    pub zoom_user: String,
    /// The Zoom account of that user, where Zoom named it.
    pub zoom_account: Option<String>,
    /// Time of the revocation, ms. Consents given later remain.
    pub at_ms: u64,
}

impl Deauthorization {
    fn field(&self) -> String {
        format!("{}|{}", self.client_id, self.zoom_user)
    }

    fn value(&self) -> String {
        format!("{} {}", self.at_ms, self.zoom_account.as_deref().unwrap_or_default())
    }

    fn read(field: &str, value: &str) -> Option<Self> {
        let (client_id, zoom_user) = field.split_once('|')?;
        let (at, account) = value.split_once(' ')?;
        Some(Self {
            client_id: client_id.to_owned(),
            zoom_user: zoom_user.to_owned(),
            zoom_account: Some(account).filter(|a| !a.is_empty()).map(ToOwned::to_owned),
            at_ms: at.parse().ok()?,
        })
    }
}

impl Links {
    /// Notes a deauthorization; `false` when it was known already and waits.
    pub async fn note(&self, deauthorization: &Deauthorization) -> Result<bool, StoreError> {
        let keys = self.store.keys();
        let answer = DEAUTH_NOTE
            .call()
            .key(keys.prefix())
            .key(keys.deauthorizations())
            .arg(self.store.clock().ms())
            .arg(deauthorization.field())
            .arg(deauthorization.at_ms)
            .arg(deauthorization.zoom_account.as_deref().unwrap_or_default())
            .run(&self.store.connection())
            .await?;
        Ok(answer == redis::Value::Int(1))
    }

    /// Some of the deauthorizations that wait.
    pub async fn deauthorizations(&self) -> Result<Vec<Deauthorization>, StoreError> {
        let mut scan = redis::cmd("HSCAN");
        scan.arg(self.store.keys().deauthorizations()).arg(0).arg("COUNT").arg(PAGE);
        let answer = self.store.connection().value(&scan).await?;
        let (_, pairs): (String, Vec<(String, String)>) = redis::from_redis_value(answer)?;
        Ok(pairs.iter().filter_map(|(field, value)| Deauthorization::read(field, value)).collect())
    }

    /// Forgets a deauthorization that was carried out.
    pub async fn done(&self, deauthorization: &Deauthorization) -> Result<(), StoreError> {
        let keys = self.store.keys();
        DEAUTH_DONE
            .call()
            .key(keys.prefix())
            .key(keys.deauthorizations())
            .arg(self.store.clock().ms())
            .arg(deauthorization.field())
            .arg(deauthorization.value())
            .run(&self.store.connection())
            .await?;
        Ok(())
    }
}
