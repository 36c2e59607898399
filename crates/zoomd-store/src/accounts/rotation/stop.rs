//! Stop of the rotations of an app whose credentials Zoom rejects.

use std::time::Duration;

use super::Rotations;
use crate::StoreError;
use crate::clock::ms;

/// The field of an app that says since when Zoom has rejected it: this, and the app.
/// A commit of a token of the app removes it, as it does the stop.
pub(crate) const SINCE: &str = "since ";

impl Rotations {
    /// Stops the rotations of an app for a while, for daemons whose credentials
    /// bear this mark. Nothing is said of any account.
    pub async fn stop_app(
        &self,
        issuer: &str,
        client_id: &str,
        mark: &str,
        rest: Duration,
        why: &str,
    ) -> Result<(), StoreError> {
        let now = self.store.now_ms().await?;
        let until = now.saturating_add_unsigned(ms(rest));
        let (stops, app) = (self.store.keys().stops(), format!("{issuer} {client_id}"));
        let mut set = redis::pipe();
        set.cmd("HSET").arg(&stops).arg(&app).arg(format!("{until} {mark} {why}"));
        set.cmd("HSETNX").arg(&stops).arg(format!("{SINCE}{app}")).arg(now);
        for answer in self.store.connection().values(&set).await? {
            answer.extract_error()?;
        }
        Ok(())
    }
}

/// The end of a stop (ms) and its reason, of `<until> <mark> <reason>`.
pub(crate) fn stop(text: &str) -> Option<(i64, &str)> {
    let mut parts = text.splitn(3, ' ');
    let until = parts.next()?.parse().ok()?;
    Some((until, parts.nth(1)?))
}
