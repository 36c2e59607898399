//! Consents that people took back at Zoom, from the telling to the doing.
//!
//! Zoom waits three seconds for its answer and tells once if the answer is good,
//! so a deauthorization is noted before it is answered and forgotten only when all of
//! it is done, by whichever daemon.

use super::Links;
use crate::StoreError;
use crate::redis::scripts::{DEAUTH_DONE, DEAUTH_NOTE};

/// Deauthorizations looked at in one go.
const PAGE: usize = 100;

/// A consent that was taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deauthorization {
    /// The app it was given to.
    pub client_id: String,
    /// The Zoom user who gave it.
    pub zoom_user: String,
    /// The Zoom account of that user, where Zoom named it.
    pub zoom_account: Option<String>,
    /// Time when it was taken back, ms. What was given later stays.
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
    ///
    /// # Errors
    /// That Redis could not be asked.
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
    ///
    /// # Errors
    /// That Redis could not be asked.
    pub async fn deauthorizations(&self) -> Result<Vec<Deauthorization>, StoreError> {
        let mut scan = redis::cmd("HSCAN");
        scan.arg(self.store.keys().deauthorizations()).arg(0).arg("COUNT").arg(PAGE);
        let answer = self.store.connection().value(&scan).await?;
        let (_, pairs): (String, Vec<(String, String)>) = redis::from_redis_value(answer)?;
        Ok(pairs.iter().filter_map(|(field, value)| Deauthorization::read(field, value)).collect())
    }

    /// Forgets a deauthorization that was carried out.
    ///
    /// # Errors
    /// That Redis could not be asked.
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
