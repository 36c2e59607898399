//! Step 5: everything that can fail is tried while nothing is spent yet.

use std::time::{Duration, Instant};

use secrecy::SecretString;
use zoom_api::{App, TransportKind};
use zoomd_store::encryption::Fingerprint;
use zoomd_store::grants::{GrantSecrets, GrantVersion, Grants, Line};
use zoomd_store::rotation::{Intended, Intending};

use super::gate::Lease;
use super::time::later;
use super::{Ended, Rotator, Stop, lock};
use crate::failpoints;
use crate::shortage;

/// A connection to Zoom made longer ago than this proves nothing.
const CONNECTED_WITHIN: Duration = Duration::from_secs(1);

/// A refresh token about to be presented.
#[derive(Debug)]
pub(super) struct Presented {
    pub(super) refresh_token: SecretString,
    pub(super) fp: Fingerprint,
    /// Own version; the stored one's, unless it is a candidate.
    pub(super) version: GrantVersion,
    /// Fingerprints of its ancestors, newest first.
    pub(super) lineage: Vec<Fingerprint>,
    pub(super) app: App,
}

/// An intent that is on both disks.
#[derive(Debug)]
pub(super) struct Intent {
    pub(super) id: String,
    /// Time at which it was written, by the clock of Redis.
    pub(super) at_ms: i64,
    /// Time by which the presentation that this one asks about is surely over; 0 when it asks
    /// about none.
    pub(super) settles_ms: i64,
    pub(super) written: Instant,
    /// The end of the lease it was written with.
    pub(super) lease: Duration,
}

impl Rotator {
    /// The token to present first: the stored one, unless Zoom refused it before and a
    /// candidate is left.
    pub(super) fn first_token(
        &self,
        lease: &Lease,
        secrets: GrantSecrets,
    ) -> Result<Presented, Stop> {
        let grant = &lease.held.grant;
        let rest = Duration::from_secs(60);
        if grant.refused.contains(&grant.fp)
            && let Some(candidate) = self.candidate(lease, &grant.refused)
        {
            return candidate;
        }
        let app = self.0.ours.app.clone();
        let (Some(refresh_token), Some(app)) = (secrets.refresh_token, app) else {
            return Err(Stop::later("sealed", rest, "the grant has no refresh token"));
        };
        let lineage = grant.parent_fp.iter().chain(&grant.ancestors).copied().collect();
        Ok(Presented { refresh_token, fp: grant.fp, version: grant.version, lineage, app })
    }

    /// The next forked token that Zoom has not refused.
    pub(super) fn candidate(
        &self,
        lease: &Lease,
        refused: &[Fingerprint],
    ) -> Option<Result<Presented, Stop>> {
        let grant = &lease.held.grant;
        let next = grant.candidates.iter().find(|candidate| !refused.contains(&candidate.fp))?;
        let store = self.0.rotations.store().clone();
        let grants = Grants::new(store, self.0.vault.clone());
        let opened = grants.open_candidate(lease.account(), next);
        let app = self.0.ours.app.clone();
        let refresh_token = opened.ok().and_then(|secrets| secrets.refresh_token);
        let (Some(refresh_token), Some(app)) = (refresh_token, app) else {
            let why = "a candidate does not open";
            return Some(Err(Stop::later("sealed", Duration::from_secs(60), why)));
        };
        let (fp, version, lineage) = (next.fp, next.version, vec![next.parent_fp]);
        Some(Ok(Presented { refresh_token, fp, version, lineage, app }))
    }

    /// Seal, Zoom, journal, Redis, in this order; any failure leaves the token
    /// unspent. `after` is this rotation's own intent, when Zoom refused the
    /// token that was presented under it.
    pub(super) async fn preflight(
        &self,
        lease: &Lease,
        token: &Presented,
        after: Option<Intent>,
    ) -> Result<Intent, Stop> {
        let own = after.as_ref().map(|intent| intent.id.clone());
        let unsent = |outcome, why: String| {
            let stop = Stop::later(outcome, self.0.settings.rest, why);
            match &own {
                Some(id) => stop.with_intent(id),
                None => stop,
            }
        };
        if self.is_closing() {
            return Err(unsent("closing", "the daemon is stopping".to_owned()));
        }
        let account = lease.account();
        self.0.vault.ring().self_test().map_err(|error| unsent("sealed", error.to_string()))?;
        let mut connected =
            self.reach_zoom().await.map_err(|(outcome, why)| unsent(outcome, why))?;

        let id = format!("{}-{:016x}", self.0.daemon, rand::random::<u64>());
        let noted = self.0.journal.intend(account, &id).await;
        noted.map_err(|error| unsent("journal", error.to_string()))?;
        failpoints::at("journalled");
        if connected.elapsed() > CONNECTED_WITHIN {
            connected = self.reach_zoom().await.map_err(|(outcome, why)| {
                self.settled(&id);
                unsent(outcome, why)
            })?;
        }
        lock(&self.0.running).insert(id.clone(), account.clone());
        let intent = self.intend(lease, token, &id, own.as_deref()).await?;
        if let Some(own) = own {
            self.settled(&own);
        }
        failpoints::at("intended");
        tracing::debug!(%account, ago = ?connected.elapsed(), "zoom was reached, the intent is written");
        Ok(intent)
    }

    /// Connects as the exchange will; a lack of files here is not Zoom's trouble.
    async fn reach_zoom(&self) -> Result<Instant, (&'static str, String)> {
        let reached = self.0.ours.client.preflight().await;
        reached.map(|_| Instant::now()).map_err(|error| {
            let why = error.to_string();
            if error.kind == TransportKind::Local {
                shortage::tell(&error, Instant::now());
                return ("local", why);
            }
            self.endpoint_failed(&error);
            ("unreachable", why)
        })
    }

    async fn intend(
        &self,
        lease: &Lease,
        token: &Presented,
        id: &str,
        own: Option<&str>,
    ) -> Result<Intent, Stop> {
        let lasts = self.exchange_over();
        let doubt = lease.doubt().map(|intent| intent.id.as_str());
        let mut line = Line::new(if doubt.is_some() { "probing" } else { "rotating" })
            .version(lease.held.grant.version)
            .fingerprint(token.fp)
            .by(&*self.0.daemon);
        line.detail.clone_from(&lease.waited);
        let intending = Intending {
            account: lease.account(),
            owner: &lease.owner,
            lease: lasts,
            id,
            host: &self.0.daemon,
            stored: lease.stored(),
            presented: token.fp,
            instead_of: own.or(doubt),
            silence: self.silence(),
            line,
        };
        let written = Instant::now();
        let stop = match self.0.rotations.intend(&intending).await {
            Ok(Intended::Written { at_ms, since_ms }) => {
                let again = since_ms < at_ms;
                let settles_ms = if again { later(since_ms, self.exchange_over()) } else { 0 };
                let id = id.to_owned();
                return Ok(Intent { id, at_ms, settles_ms, written, lease: lasts });
            }
            Ok(Intended::LeaseLost | Intended::Moved | Intended::Another) => Stop::changed(),
            Ok(Intended::Busy) => {
                Stop::later("busy", Duration::from_millis(50), "requests are in flight")
            }
            // It may have been written: nothing is sent, and abort removes it.
            Err(error) => {
                let why = format!("redis took no intent: {error}");
                let mut stop = Stop::later("store_error", self.0.settings.rest, why);
                stop.ended = Ended::Store(error);
                stop
            }
        };
        Err(stop.with_intent(id))
    }

    /// Intent `id` is over: Redis knows, and the journal need not.
    pub(super) fn settled(&self, id: &str) {
        self.0.journal.discard(id);
        lock(&self.0.running).remove(id);
    }

    /// The exchange of intent `id` is over. Unless something is staged for it, the
    /// watch answers for it.
    pub(super) fn not_running(&self, id: &str) {
        let ended = lock(&self.0.running).remove_entry(id);
        lock(&self.0.untold).extend(ended);
    }
}
