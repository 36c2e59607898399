//! Step 10: an intent with no outcome.
//!
//! Whether RT1 was spent is known to Zoom and, if the reply arrived, to one
//! disk. So the host of the intent is asked first: it answers by itself, when
//! its exchange ends without a reply, or when its successor reads its journal.
//! Only a host that stays silent for long is given up.

use std::time::Duration;

use zoomd_store::rotation::OpenIntent;

use super::{Order, Rotator, Wish, lock, meter};

/// Intents looked at in one go.
const AT_ONCE: usize = 256;

impl Rotator {
    /// Whether an open intent may be probed now, else how long it takes.
    pub(super) fn may_probe(&self, intent: &OpenIntent, now_ms: i64) -> Result<(), Duration> {
        let age = u64::try_from(now_ms.saturating_sub(intent.at_ms)).unwrap_or(0);
        let age = Duration::from_millis(age);
        let settings = &self.0.settings;
        let patience = self.exchange_cap() + settings.doubt_margin;
        let patience = if intent.no_reply { patience } else { settings.probe_after.max(patience) };
        if age >= patience { Ok(()) } else { Err(patience - age) }
    }

    /// Looks at every open intent: answers for those of this host, and says which
    /// accounts are to be probed.
    pub(crate) async fn watch_intents(&self) -> Result<Vec<Order>, zoomd_store::StoreError> {
        let rotations = &self.0.rotations;
        let now_ms = rotations.store().now_ms().await?;
        let open = rotations.open_intents(now_ms, AT_ONCE).await?;
        let cap = i64::try_from(self.exchange_cap().as_millis()).unwrap_or(i64::MAX);
        meter::in_doubt(open.iter().filter(|i| now_ms.saturating_sub(i.at_ms) > cap).count());
        let mut orders = Vec::new();
        for mut intent in open {
            if !intent.no_reply && self.holds_nothing_for(&intent) {
                let account = &intent.account;
                intent.no_reply = rotations.no_reply(account, None, &intent.id, None, None).await?;
                // Redis has the answer: no room need be kept for a reply.
                self.0.journal.discard(&intent.id);
            }
            if self.may_probe(&intent, now_ms).is_ok() {
                let account = intent.account;
                orders.push(Order { account, wish: Wish::Probe, hurry: true });
            }
        }
        Ok(orders)
    }

    /// Whether this process is the intent's host, and neither runs its exchange
    /// nor has its reply.
    fn holds_nothing_for(&self, intent: &OpenIntent) -> bool {
        *intent.host == *self.0.daemon
            && !lock(&self.0.running).contains_key(&intent.id)
            && !self.0.journal.has_staged(&intent.id)
    }
}
