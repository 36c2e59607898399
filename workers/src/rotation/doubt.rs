//! Step 10: an intent with no outcome.
//!
//! Whether RT1 was spent is known to Zoom and, if the reply arrived, to one
//! disk. So the host of the intent is asked first: it answers by itself, when
//! its exchange ends without a token, or when its successor reads its journal.
//! Its answer is one of the cases of [`Doubt`] and says when the token may be
//! presented again; both stand in the intent, for any process that probes. Only a host
//! that stays silent for long is given up.

use std::time::Duration;

use zoom_api::RefusalKind;
use zoomd_store::StoreError;
use zoomd_store::grants::Line;
use zoomd_store::rotation::{Doubt, Doubted, OpenIntent, Pauses};
use zoomd_wire::AccountName;

use super::gate::Lease;
use super::preflight::Intent;
use super::time::later;
use super::{Ended, Order, Rotator, Stop, Urge, Wish, lock};
use crate::failpoints;

/// Intents looked at in one go: those that may be probed first.
const AT_ONCE: usize = 256;

/// The outcome of a look at the open intents.
#[derive(Debug, Default)]
pub(crate) struct Watched {
    /// Accounts to be probed now.
    pub(crate) ripe: Vec<Order>,
    /// The time until the next will be.
    pub(crate) next: Option<Duration>,
}

impl Rotator {
    /// From a presentation until it is surely over.
    pub(super) fn exchange_over(&self) -> Duration {
        self.exchange_cap() + self.0.settings.doubt_margin
    }

    /// The time for which others wait for a host that says nothing.
    pub(super) fn silence(&self) -> Duration {
        self.0.settings.probe_after.max(self.exchange_over())
    }

    fn pauses(&self) -> Pauses {
        let settings = &self.0.settings;
        Pauses {
            exchange: self.exchange_over(),
            answered: settings.answered_pause,
            longest: settings.answered_longest,
        }
    }

    /// The time until an open intent may be probed; `Ok`: it may be now.
    pub(super) fn may_probe(&self, intent: &OpenIntent, now_ms: i64) -> Result<(), Duration> {
        let due = intent.due_ms.unwrap_or_else(|| {
            let patience = match intent.doubt {
                Some(_) => self.exchange_over(),
                None => self.silence(),
            };
            later(intent.at_ms, patience)
        });
        match u64::try_from(due.saturating_sub(now_ms)) {
            Ok(wait @ 1..) => Err(Duration::from_millis(wait)),
            _ => Ok(()),
        }
    }

    /// Answers for exchanges of this host that ended without Redis being told, looks at
    /// the open intents that may be probed first, and says which are to be.
    pub(crate) async fn watch_intents(&self) -> Result<Watched, StoreError> {
        self.tell_untold().await?;
        let rotations = &self.0.rotations;
        let now_ms = rotations.store().now_ms().await?;
        let mut watched = Watched::default();
        for intent in rotations.next_probes(AT_ONCE).await? {
            match self.may_probe(&intent, now_ms) {
                Ok(()) => {
                    let account = intent.account;
                    watched.ripe.push(Order { account, wish: Wish::Probe, urge: Urge::Asked });
                }
                Err(wait) => {
                    watched.next = Some(watched.next.map_or(wait, |next| next.min(wait)));
                }
            }
        }
        Ok(watched)
    }

    async fn tell_untold(&self) -> Result<(), StoreError> {
        let untold = lock(&self.0.untold).clone();
        for (id, account) in untold {
            // A staged reply is left to the repair.
            if self.0.journal.has_staged(&id) || self.tell_silence(&account, &id).await? {
                lock(&self.0.untold).remove(&id);
            }
        }
        Ok(())
    }

    /// Says that no reply is held for an intent. `false`: Redis refuses it for this
    /// account, which keeps no other waiting.
    async fn tell_silence(&self, account: &AccountName, id: &str) -> Result<bool, StoreError> {
        match self.tell_of(account, id, Doubt::Silence).await {
            // Redis has the answer: no room need be kept for a reply.
            Ok(_) => self.0.journal.discard(id),
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => {
                tracing::debug!(%account, %error, "token refresh: redis does not accept the result of an exchange");
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Answers for intents of this host that came back with an old state of the store:
    /// it neither runs their exchange nor has their reply.
    pub(super) async fn answer_for_own(&self) -> Result<(), StoreError> {
        let mut from = 0;
        loop {
            let (seen, open) = self.0.rotations.open_intents(from, AT_ONCE, self.silence()).await?;
            for intent in open.iter().filter(|intent| intent.doubt.is_none()) {
                if self.holds_nothing_for(intent) {
                    self.tell_silence(&intent.account, &intent.id).await?;
                }
            }
            if seen < AT_ONCE {
                return Ok(());
            }
            from += seen;
        }
    }

    /// True where this process is the intent's host, and neither runs its exchange
    /// nor has its reply.
    fn holds_nothing_for(&self, intent: &OpenIntent) -> bool {
        *intent.host == *self.0.daemon
            && !lock(&self.0.running).contains_key(&intent.id)
            && !self.0.journal.has_staged(&intent.id)
    }

    /// Says of an intent what a successor, or the host later, knows of it. Answers
    /// when it may be probed, if it still stands.
    pub(super) async fn tell_of(
        &self,
        account: &AccountName,
        id: &str,
        doubt: Doubt,
    ) -> Result<Option<i64>, StoreError> {
        let (pauses, owner) = (self.pauses(), None);
        let doubted = Doubted { account, owner, id, doubt, why: None, line: None, pauses };
        self.0.rotations.doubt(&doubted).await
    }

    /// Step 10 begins: the token may be spent, and no token came for it. The gate
    /// stays closed by the intent; the journal has said that it holds nothing.
    pub(super) async fn in_doubt(
        &self,
        lease: &Lease,
        intent: &Intent,
        doubt: Doubt,
        why: &str,
    ) -> Stop {
        let account = lease.account();
        let what = if doubt == Doubt::Early { "refused early" } else { "in doubt" };
        let line =
            Line::new(what).version(lease.held.grant.version).by(&*self.0.daemon).detail(why);
        let doubted = Doubted {
            account,
            owner: Some(&lease.owner),
            id: &intent.id,
            doubt,
            why: Some(why),
            line: Some(&line),
            pauses: self.pauses(),
        };
        let said = self.0.rotations.doubt(&doubted).await;
        failpoints::at("in-doubt");
        let due = match said {
            Ok(due) => {
                self.settled(&intent.id);
                due
            }
            Err(error) => {
                // Said again: from the journal what was staged, else by the watch.
                tracing::warn!(%account, %error, "token refresh: could not record an unresolved exchange in redis yet");
                self.not_running(&intent.id);
                None
            }
        };
        let left = due.map(|due| u64::try_from(due - lease.now_ms()).unwrap_or(0));
        let wait = left.map_or_else(|| self.exchange_over(), Duration::from_millis);
        tracing::warn!(
            %account, why, case = doubt.as_str(),
            "token refresh: the reply was lost or is an error; zoomd checks in {} s whether zoom \
             has invalidated the old refresh token",
            wait.as_secs()
        );
        let why = format!("a token refresh is unresolved: {why}");
        Stop::settled("in_doubt", Ended::Later { wait, why })
    }
}

/// The meaning of a reply without a token for the token that was presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Says {
    /// It is worth nothing: evidence for a verdict.
    Dead,
    /// Nothing: what became of it is to be found out.
    Unknown(Doubt),
    /// It is unspent: the app is not accepted.
    App,
    /// It is unspent: there were too many calls.
    Limited,
    /// It is unspent: refused for another reason.
    Refused,
}

/// The one reading of a refusal, however late. `early`: the presentation before may
/// not be over.
pub(super) fn says(kind: RefusalKind, early: bool) -> Says {
    match kind {
        RefusalKind::DeadGrant if early => Says::Unknown(Doubt::Early),
        RefusalKind::DeadGrant => Says::Dead,
        RefusalKind::Server => Says::Unknown(Doubt::Server),
        RefusalKind::Gateway => Says::Unknown(Doubt::Gateway),
        RefusalKind::Unreadable => Says::Unknown(Doubt::Silence),
        RefusalKind::App => Says::App,
        RefusalKind::RateLimited => Says::Limited,
        _ => Says::Refused,
    }
}
