//! Steps 6 and 7: one attempt, and its reply on the disk before it is read.

use std::sync::Arc;
use std::time::Instant;

use zoom_api::{RawTokenReply, Sent, TransportError};
use zoomd_store::encryption::Fingerprint;
use zoomd_store::grants::{GrantKind, GrantVersion};
use zoomd_store::rotation::Doubt;

use super::gate::Lease;
use super::preflight::{Intent, Presented};
use super::{Rotator, Stop, meter, rules};
use crate::failpoints;
use crate::journal::{Reply, Staged};
use crate::trace::{HttpCall, names};

/// A reply in hand.
#[derive(Debug)]
pub(super) struct Exchanged {
    pub(super) raw: RawTokenReply,
    /// The journal's entry for it.
    pub(super) staged: Staged,
    /// True if the journal took it.
    pub(super) on_disk: bool,
    pub(super) arrived: Instant,
}

impl Rotator {
    /// Presents the token, once, and stages what comes back.
    pub(super) async fn exchange(
        &self,
        lease: &Lease,
        token: &Presented,
        intent: &Intent,
    ) -> Result<Exchanged, Stop> {
        // The last look at the lease: a process that was stopped until now must
        // not send what another may have probed meanwhile.
        let left = intent.lease.saturating_sub(intent.written.elapsed());
        if left < self.exchange_cap() {
            let why = "this process was stopped before it could send";
            return Err(Stop::later("late", self.0.settings.rest, why).with_intent(&intent.id));
        }
        if self.is_closing() {
            return Err(Stop::changed().with_intent(&intent.id));
        }
        failpoints::at("before-send");
        let staged = self.entry(lease, token, intent);
        let call = self.0.ours.client.refresh(&token.app, &token.refresh_token);
        let begun = Instant::now();
        let answered = self.call_endpoint(call).await;
        let arrived = Instant::now();
        if let Some(trace) = &lease.trace {
            trace.call(&HttpCall {
                endpoint: names::TOKEN_ENDPOINT,
                server: &self.oauth_host(),
                begun,
                ended: arrived,
                answer: answered
                    .as_ref()
                    .map(|raw| raw.status)
                    .map_err(|error| error.kind.as_str()),
                resends: 0,
            });
        }
        failpoints::at("replied");
        let raw = match answered {
            Ok(raw) => raw,
            Err(error) if error.sent == Sent::No => {
                let stop = Stop::later("unreachable", self.0.settings.rest, error.to_string());
                return Err(stop.with_intent(&intent.id));
            }
            Err(error) => {
                let why = describe(&error);
                return Err(self.in_doubt(lease, intent, Doubt::Silence, &why).await);
            }
        };
        let on_disk = self.stage(&staged, token, &raw, arrived).await;
        failpoints::at("staged");
        Ok(Exchanged { raw, staged, on_disk, arrived })
    }

    fn oauth_host(&self) -> Arc<str> {
        let oauth = self.0.ours.client.settings().endpoints.oauth();
        oauth.host_str().unwrap_or_default().into()
    }

    /// Writes the reply to the journal. One that is not taken lives in memory:
    /// the commit is then all there is, and is not delayed.
    async fn stage(
        &self,
        staged: &Staged,
        token: &Presented,
        raw: &RawTokenReply,
        arrived: Instant,
    ) -> bool {
        let reply = Reply::of(raw, Some(token.refresh_token.clone()));
        let written = self.0.journal.stage(staged, &reply);
        meter::staged(arrived.elapsed());
        let flushed = match written {
            Ok(()) => self.0.journal.sync().await,
            Err(error) => Err(error),
        };
        if let Err(error) = &flushed {
            let account = &staged.account;
            tracing::error!(%account, %error, "rotation journal: a token reply could not be written and is only in memory");
        }
        flushed.is_ok()
    }

    /// The journal's entry beside the reply: all that a commit needs.
    fn entry(&self, lease: &Lease, token: &Presented, intent: &Intent) -> Staged {
        let (account, grant) = (&lease.held.account, &lease.held.grant);
        let sent = i64::try_from(intent.written.elapsed().as_millis()).unwrap_or(0);
        Staged {
            id: intent.id.clone(),
            account: account.name.clone(),
            kind: GrantKind::Oauth.as_str().to_owned(),
            version: self.child_version(lease, token),
            lineage: lineage(lease, token),
            issuer: grant.issuer.clone(),
            client_id: grant.client_id.clone(),
            sent_ms: intent.at_ms.saturating_add(sent),
            probe: lease.doubt().is_some(),
            settles_ms: intent.settles_ms,
            plan: Some(account.plan.as_str().to_owned()),
            zoom_account: account.zoom_account.clone(),
            zoom_user: account.zoom_user.clone(),
            aliases: account.aliases.clone(),
        }
    }

    fn child_version(&self, lease: &Lease, token: &Presented) -> GrantVersion {
        lease.held.grant.version.max(token.version).next()
    }
}

/// Ancestors of the new token. Where a candidate is presented, the stored token (refused by
/// then) and its ancestors count too.
fn lineage(lease: &Lease, token: &Presented) -> Vec<Fingerprint> {
    let grant = &lease.held.grant;
    let stored = std::iter::once(&grant.fp).chain(&grant.parent_fp).chain(&grant.ancestors);
    let mut all = Vec::new();
    for fp in std::iter::once(&token.fp).chain(&token.lineage).chain(stored) {
        if !all.contains(fp) {
            all.push(*fp);
        }
    }
    all.truncate(rules::LINEAGE);
    all
}

fn describe(error: &TransportError) -> String {
    match error.status {
        Some(status) => format!("{error} (status {status})"),
        None => error.to_string(),
    }
}
