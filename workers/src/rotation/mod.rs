//! Rotating a refresh token so that it cannot be lost.
//!
//! A refresh token works once. Presenting RT1 gets RT2 and spends RT1, so there
//! is a moment in which the only living token of an account exists in one reply
//! on one connection. Everything here is about that moment: that it comes about
//! once, that what it brings is kept, and that nobody who was late, stopped,
//! killed or cut off can undo it.
//!
//! **Zoom is the point where rotations are put in order, and RT1 is the fencing
//! token.** Of any number of processes that present RT1 one gets RT2; no lock of
//! ours can make that two. So the lease in Redis saves work and closes the gate,
//! and correctness rests on what may be written afterwards:
//!
//! * *P*: a new pair is stored iff its (epoch, generation) is greater than the
//!   stored one. Not whether the writer still has the lease (a fence would refuse
//!   the late holder's RT2, the only living token), not whether the store still
//!   holds what he read (a store that went back would refuse it too).
//! * *N*: an account is given up only when what Zoom refused was *exactly* what
//!   is stored, nobody else may hold its successor, and no other token is left.
//! * *F*: two living tokens of one epoch are both kept. *D*: what was removed
//!   stays removed. *I*: a grant is presented to the app and the Zoom it is of.
//!
//! [`rules`] says them as functions on values; a model explores those, and the
//! scripts are held to them. The rest of this folder is the way there:
//!
//! ```text
//! need ──▶ gate ─────────▶ preflight ────▶ exchange ──────▶ commit
//!          lease, wait     seal, Zoom,     one attempt,     rule P, until
//!          for calls in    journal,        staged before    Redis has it
//!          flight          intent          it is parsed
//!                             │                │  └──▶ refusal: candidates, rule N,
//!                             ▼                ▼              wrong credentials
//!                          abort: RT1       doubt: nobody presents RT1 until it
//!                          is unspent       is known whether it is spent
//! repair: every journal entry against the store, at start, on reconnect, every 30 s
//! ```
//!
//! What the order buys. The intent is on two disks before a byte leaves, so a
//! crash is never silent: whoever comes next finds it and asks its host, not
//! Zoom. The reply is on the disk before anybody parses it, so no bug in parsing
//! loses it. The gate (no request starts while there is a lease *or an intent*)
//! stays closed through a doubt, because a living access token may be dying. And
//! a doubt ends by an answer of the host's journal ("I hold no reply") plus one
//! probe, not by hope: presenting a spent token is what a Zoom that revokes
//! families punishes.
//!
//! Two windows nobody can close: a reply lost on the network, and the
//! microseconds between its arrival and the write. They are detected, counted
//! and named (`reply_lost`).

pub mod rules;
pub mod settings;
mod time;

mod commit;
mod doubt;
mod exchange;
mod gate;
mod hold;
mod late;
pub(crate) mod meter;
pub(crate) mod need;
pub(crate) mod ours;
mod outage;
mod preflight;
mod refusal;
mod refused;
mod repair;
mod stop;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use zoomd_store::StoreError;
use zoomd_store::encryption::Vault;
use zoomd_store::grants::{GrantKind, GrantVersion};
use zoomd_store::rotation::Rotations;
use zoomd_wire::AccountName;

use crate::failpoints;
use crate::journal::Journal;
use crate::problems::calls::ZoomCalls;
use crate::trace::{Tracer, timed};
use settings::RotationSettings;
use stop::Stop;

use commit::Fresh;
use gate::Lease;
pub use need::lead as refresh_lead;
use ours::Ours;

/// Prefix of the last error of a grant that this process' keys do not decrypt.
pub(crate) const NOT_OPENED: &str = "the grant does not open";

/// A request for one account.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) account: AccountName,
    /// Action to take.
    pub(crate) wish: Wish,
    /// Urgency.
    pub(crate) urge: Urge,
}

/// Urgency of a rotation, by the one who waits for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Urge {
    /// Nobody: the token is still good.
    None,
    /// The account's jobs: while nothing can be done they are not handed out.
    Jobs,
    /// Somebody asked; a rest after a bad rotation does not matter.
    Asked,
    /// A command asked: it is tried even where the journal cannot be written, so that the
    /// command learns the reason.
    Command,
}

/// Action to take.
#[derive(Debug, Clone)]
pub(crate) enum Wish {
    /// Replace this generation; another is left alone.
    Replace(GrantVersion),
    /// Find out what became of an open intent, if there still is one.
    Probe,
    /// Probe the intent with this id before it is due: somebody who knows the risk asked.
    ProbeNow(String),
    /// See whether the account's app is the configured one again.
    Reclaim,
}

/// Result of a rotation.
#[derive(Debug)]
pub(crate) enum Ended {
    /// A new pair is stored.
    Rotated(Box<Fresh>),
    /// Something else is stored by now: look again.
    Changed,
    /// Nothing can be done before; the gate is closed until then.
    Later {
        /// Time from now.
        wait: Duration,
        /// Reason, for the callers that wait.
        why: String,
    },
    /// Somebody must act: the account's state and why.
    Dead {
        state: String,
        /// Reason.
        why: Option<String>,
    },
    /// There is no such account, or it has no grant.
    NoAccount,
    /// Redis could not be asked.
    Store(StoreError),
}

/// Rotates. Clones share everything.
#[derive(Debug, Clone)]
pub(crate) struct Rotator(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    rotations: Rotations,
    ours: Ours,
    vault: Vault,
    daemon: Arc<str>,
    journal: Journal,
    settings: RotationSettings,
    tracer: Tracer,
    closing: watch::Sender<bool>,
    /// Intents whose exchange or commit is under way in this process, and whose.
    running: Mutex<HashMap<String, AccountName>>,
    /// Intents whose exchange is over in this process, while Redis may not know it.
    untold: Mutex<HashMap<String, AccountName>>,
    /// Accounts with a pair that Redis does not have yet.
    unpersisted: Mutex<HashSet<AccountName>>,
    /// Outages of the token endpoint.
    outage: Mutex<outage::Outage>,
    /// Apps that Zoom refuses, and grants that do not open.
    credentials: Mutex<refused::Credentials>,
    calls: ZoomCalls,
    /// Memory of the other processes.
    memory: Mutex<hold::Memory>,
    /// Journals are compared with the store by one task at a time. It holds the dead
    /// whose journals were taken over and are not compared yet.
    repairing: tokio::sync::Mutex<Vec<String>>,
    /// One beat is under way at a time.
    beating: tokio::sync::Mutex<()>,
}

/// Parts of a [`Rotator`].
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) rotations: Rotations,
    pub(crate) ours: Ours,
    pub(crate) vault: Vault,
    pub(crate) daemon: Arc<str>,
    pub(crate) journal: Journal,
    pub(crate) settings: RotationSettings,
    pub(crate) tracer: Tracer,
}

impl Rotator {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts { rotations, ours, vault, daemon, journal, settings, tracer } = parts;
        meter::unpersisted(0);
        Self(Arc::new(Inner {
            rotations,
            ours,
            vault,
            daemon,
            journal,
            settings,
            tracer,
            closing: watch::Sender::new(false),
            running: Mutex::default(),
            untold: Mutex::default(),
            unpersisted: Mutex::default(),
            outage: Mutex::default(),
            credentials: Mutex::default(),
            calls: ZoomCalls::default(),
            memory: Mutex::default(),
            repairing: tokio::sync::Mutex::default(),
            beating: tokio::sync::Mutex::default(),
        }))
    }

    /// The id of this process.
    pub(crate) fn name(&self) -> &str {
        &self.0.daemon
    }

    pub(crate) fn ours(&self) -> &Ours {
        &self.0.ours
    }

    pub(crate) fn settings(&self) -> &RotationSettings {
        &self.0.settings
    }

    pub(crate) fn journal(&self) -> &Journal {
        &self.0.journal
    }

    /// The calls to Zoom, as they go.
    pub(crate) fn zoom_calls(&self) -> &ZoomCalls {
        &self.0.calls
    }

    /// From now on nothing is sent that has not been; what has is finished.
    pub(crate) fn close(&self) {
        self.0.closing.send_replace(true);
    }

    pub(crate) fn is_closing(&self) -> bool {
        *self.0.closing.borrow()
    }

    /// True if a pair of the account waits for Redis: no job of it may run.
    pub(crate) fn is_unpersisted(&self, account: &AccountName) -> bool {
        lock(&self.0.unpersisted).contains(account)
    }

    /// The task that rotated `account` died: what it staged is the repair's.
    pub(crate) fn died(&self, account: &AccountName) {
        let ended: Vec<_> = lock(&self.0.running).extract_if(|_, whose| whose == account).collect();
        lock(&self.0.untold).extend(ended);
        lock(&self.0.unpersisted).remove(account);
    }

    /// The longest a token exchange can take, connecting included.
    fn exchange_cap(&self) -> Duration {
        let settings = self.0.ours.client.settings();
        settings.longest_token_call() + settings.connect_timeout
    }

    /// Steps 2 to 8, and 10 to 12 where it comes to that. Run it in a task that
    /// nobody drops. `gate` is told when the account's gate is closed.
    pub(crate) async fn rotate(&self, order: &Order, gate: &watch::Sender<bool>) -> Ended {
        let begun = Instant::now();
        let mut lease = match self.lease(order).await {
            Ok(lease) => lease,
            Err(ended) => return ended,
        };
        gate.send_replace(true);
        failpoints::at("leased");
        let trace = lease.trace.clone();
        let (outcome, failed, ended) = match self.in_lease(order, &mut lease, begun).await {
            Ok(fresh) => ("rotated", false, Ended::Rotated(Box::new(fresh))),
            Err(stop) => {
                let failed = !matches!(stop.ended, Ended::Changed);
                (stop.outcome, failed, self.stopped(lease, stop).await)
            }
        };
        if let Some(trace) = trace {
            trace.ended(order.account.as_str(), outcome, failed);
        }
        if let Ended::Rotated(_) = ended {
            meter::ended("rotated");
        }
        ended
    }

    /// Rotates, with the lease in hand.
    async fn in_lease(
        &self,
        order: &Order,
        lease: &mut Lease,
        begun: Instant,
    ) -> Result<Fresh, Stop> {
        self.identity(lease)?;
        self.still_needed(order, lease)?;
        let secrets = self.open(lease)?;
        timed(lease.trace.clone(), "drain calls", self.drained(lease)).await?;
        meter::lock_wait(begun.elapsed());
        failpoints::at("drained");
        if lease.held.account.kind == GrantKind::ServerToServer {
            return self.ask_again(lease, &secrets).await;
        }
        // The stored token first; a candidate only after Zoom refused the one before.
        let mut next = Some(self.first_token(lease, secrets)?);
        let mut last = None;
        while let Some(token) = next.take() {
            let trace = lease.trace.clone();
            let prepared = self.preflight(lease, &token, last.take());
            let intent = timed(trace.clone(), "preflight", prepared).await?;
            let sent = self.exchange(lease, &token, &intent);
            let exchanged = timed(trace.clone(), "exchange", sent).await?;
            let judged = self.judge(lease, &token, intent, exchanged);
            match timed(trace, "commit", judged).await? {
                refusal::Next::Stored(fresh) => return Ok(*fresh),
                refusal::Next::Try { token, refused } => {
                    (next, last) = (Some(*token), Some(refused))
                }
            }
        }
        Err(Stop::changed())
    }

    /// Gives back what the lease covered, as far as `stop` says.
    async fn stopped(&self, lease: Lease, stop: Stop) -> Ended {
        let Stop { ended, outcome, end } = stop;
        meter::ended(outcome);
        if let Some(end) = end {
            let account = lease.account();
            let aborted = self.0.rotations.abort(account, &lease.owner, &end).await;
            match (aborted, &end.intent) {
                (Ok(()), Some(id)) => self.settled(id),
                (Ok(()), None) => {}
                (Err(error), id) => {
                    // The lease ends by itself; for an intent the watch answers.
                    // While Redis is away it is told once a minute for all that use it.
                    let told = "token refresh: redis was not told that it was given up";
                    if error.is_transient() {
                        tracing::debug!(%account, %error, "{told}");
                    } else {
                        tracing::warn!(%account, %error, "{told}");
                    }
                    id.iter().for_each(|id| self.not_running(id));
                }
            }
        }
        ended
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
