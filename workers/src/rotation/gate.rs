//! Steps 2 and 4: the lease, and the wait for requests in flight.
//!
//! The lease closes the gate: no admission of the account succeeds while it
//! stands. What was admitted before has an entry in flight, which covers one
//! HTTP exchange and is over by itself, so this wait is bounded.

use std::sync::Arc;
use std::time::{Duration, Instant};

use zoomd_store::grants::{AccountState, GrantSecrets};
use zoomd_store::rotation::{Acquired, Ask, End, Held, NewState, OpenIntent, Stored};
use zoomd_wire::AccountName;

use crate::trace::RotationTrace;

use super::{Ended, NOT_OPENED, Order, Rotator, Stop, Urge, Wish, meter};

/// Between two looks at what is in flight: soon at first.
const LOOKS_MS: [u64; 5] = [1, 2, 5, 10, 20];

/// The lease of one account, and what was read when it was taken.
#[derive(Debug)]
pub(super) struct Lease {
    pub(super) owner: String,
    pub(super) held: Box<Held>,
    /// Time at which Redis' clock was read.
    pub(super) read: Instant,
    /// Delay of the rotation in words, for the timeline.
    pub(super) waited: Option<String>,
    /// Trace of the rotation, if it is recorded.
    pub(super) trace: Option<Arc<RotationTrace>>,
}

impl Lease {
    pub(super) fn account(&self) -> &AccountName {
        &self.held.account.name
    }

    /// The stored token: a commit follows it and a verdict must match it.
    pub(super) fn stored(&self) -> Stored {
        Stored { version: self.held.grant.version, fp: self.held.grant.fp }
    }

    /// The time of Redis, as far as this process can tell.
    pub(super) fn now_ms(&self) -> i64 {
        let since = i64::try_from(self.read.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.held.now_ms.saturating_add(since)
    }

    /// The open intent this rotation probes, where there was one.
    pub(super) fn doubt(&self) -> Option<&OpenIntent> {
        self.held.intent.as_ref()
    }
}

impl Rotator {
    /// Asks for the lease. Held by another, or an error of the store: nobody
    /// rotates without it.
    pub(super) async fn lease(&self, order: &Order) -> Result<Lease, Ended> {
        let owner = format!("{:032x}", rand::random::<u128>());
        let settings = &self.0.settings;
        let ask = Ask {
            account: &order.account,
            owner: &owner,
            lease: settings.lease,
            hurry: matches!(order.urge, Urge::Asked | Urge::Command),
            settle: settings.settle_after_restart,
            mark: &self.mark(),
            run_id: &self.run_heard(),
        };
        let read = Instant::now();
        let acquired = self.0.rotations.acquire(&ask).await.map_err(|error| {
            meter::ended("store_error");
            Ended::Store(error)
        })?;
        let (until_ms, why, closed) = match acquired {
            Acquired::Got(held) => {
                let trace = self.0.tracer.rotation();
                return Ok(Lease { owner, held, read, waited: None, trace });
            }
            Acquired::HeldBy { until_ms } => {
                meter::ended("held");
                (until_ms, "another token refresh is in progress".to_owned(), true)
            }
            Acquired::Resting { until_ms } => {
                (until_ms, "the last token refresh failed".to_owned(), true)
            }
            Acquired::Stopped { until_ms, why } => {
                meter::ended("app_stopped");
                (until_ms, format!("token refreshes of the app are stopped: {why}"), false)
            }
            Acquired::Settling { until_ms } => {
                meter::ended("settling");
                (until_ms, "redis restarted; journals are committed first".to_owned(), false)
            }
            Acquired::State { state, why } => return Err(Ended::Dead { state, why }),
            Acquired::NoAccount => return Err(Ended::NoAccount),
        };
        let now_ms = self.0.rotations.store().now_ms().await.map_err(Ended::Store)?;
        let wait = u64::try_from(until_ms.saturating_sub(now_ms)).unwrap_or(0);
        let wait = Duration::from_millis(wait.max(1));
        if !closed && order.urge == Urge::Jobs {
            // Jobs that need a token would be handed out in vain until then.
            self.0.rotations.rest(&order.account, wait).await.map_err(Ended::Store)?;
        }
        Err(Ended::Later { wait, why })
    }

    /// Checks that something is left to do: an open intent may be probed by now, or the
    /// generation to be replaced is still the stored one.
    pub(super) fn still_needed(&self, order: &Order, lease: &Lease) -> Result<(), Stop> {
        let asked =
            |intent: &OpenIntent| matches!(&order.wish, Wish::ProbeNow(id) if *id == intent.id);
        if let Some(intent) = lease.doubt().filter(|intent| !asked(intent)) {
            return self.may_probe(intent, lease.now_ms()).map_err(|wait| {
                let why = "an earlier token refresh is unresolved".to_owned();
                let mut stop = Stop::settled("in_doubt", Ended::Later { wait, why });
                // The intent keeps the gate closed; only the lease is given back.
                stop.end = Some(Box::default());
                stop
            });
        }
        match order.wish {
            Wish::Replace(version) if version == lease.held.grant.version => Ok(()),
            Wish::ProbeNow(_) if lease.doubt().is_some() => Ok(()),
            _ => Err(Stop::changed()),
        }
    }

    /// Rule I: a grant is presented to the app and the Zoom that made it.
    pub(super) fn identity(&self, lease: &Lease) -> Result<(), Stop> {
        let (account, grant) = (&lease.held.account, &lease.held.grant);
        let (state, ended) = if self.0.ours.made(account.kind, grant) {
            if account.state == AccountState::Active {
                return Ok(());
            }
            tracing::info!(account = %account.name, "the account's app is the configured one again");
            (NewState::Active, Ended::Changed)
        } else {
            let why = format!("made by app {} at {}", grant.client_id, grant.issuer);
            tracing::error!(account = %account.name, "wrong app: the grant was {why}, which is not configured; jobs of the account wait");
            let ended = Ended::Dead { state: "wrong_app".to_owned(), why: Some(why.clone()) };
            (NewState::WrongApp(why), ended)
        };
        let end = End { state: Some(state), ..End::default() };
        Err(Stop { ended, outcome: "wrong_app", end: Some(Box::new(end)) })
    }

    pub(super) fn open(&self, lease: &Lease) -> Result<GrantSecrets, Stop> {
        let (account, grant) = (lease.account(), &lease.held.grant);
        let opened = self.0.vault.open_grant(account.as_str(), grant.version, &grant.sealed);
        self.opened(account, opened.as_ref().err().map(ToString::to_string).as_deref());
        opened.map_err(|error| {
            Stop::later("sealed", Duration::from_secs(60), format!("{NOT_OPENED}: {error}"))
        })
    }

    /// Waits until nothing is in flight on the account's access token, keeping
    /// the lease.
    pub(super) async fn drained(&self, lease: &mut Lease) -> Result<(), Stop> {
        let begun = Instant::now();
        let mut looks = LOOKS_MS.into_iter();
        let mut in_flight = lease.held.in_flight;
        while in_flight > 0 {
            if begun.elapsed() > self.0.settings.drain {
                let why = format!("{in_flight} requests do not finish in time");
                return Err(Stop::later("busy", self.0.settings.rest, why));
            }
            if self.is_closing() {
                return Err(Stop::changed());
            }
            tokio::time::sleep(Duration::from_millis(looks.next().unwrap_or(25))).await;
            let lasts = self.0.settings.lease;
            match self.0.rotations.renew(lease.account(), &lease.owner, lasts).await {
                Ok(Some(now)) => in_flight = now,
                Ok(None) => return Err(Stop::changed()),
                Err(error) => {
                    let mut stop = Stop::settled("store_error", Ended::Store(error));
                    stop.end = Some(Box::default());
                    return Err(stop);
                }
            }
        }
        if lease.held.in_flight > 0 {
            let (calls, ms) = (lease.held.in_flight, begun.elapsed().as_millis());
            lease.waited = Some(format!("waited {ms} ms for {calls} requests in flight"));
        }
        Ok(())
    }
}
