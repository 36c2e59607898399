//! Settling: one script for a batch of ended leases, and a transaction around it
//! when there are many results (see `settle_tx`).

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use redis::Value;

use super::memory::Live;
use super::settle_args::{order, push_done, push_item, push_published, push_refusal};
use super::settle_tx::{self, Streams, Transacted};
use super::{Purpose, Queue, Refusal, Settled, Settlement, Then, Ticket};
use crate::StoreError;
use crate::clock::{DAY_MS, ms};
use crate::limits::{Classes, Label};
use crate::redis::script::Call;
use crate::redis::scripts::{SETTLE, SETTLE_GUARD};

/// Settlements with a number: sent again after a lost answer, they answer as
/// the first time.
#[derive(Debug)]
pub struct SettleBatch {
    number: u64,
    items: Vec<Settlement>,
    refusals: Vec<Refusal>,
    plan: Plan,
    /// True if it was sent before.
    sent: AtomicBool,
    /// True if its results are out, though their leases could not be ended.
    published: AtomicBool,
}

/// Assignment of items to the parts of the script's answer, in order. Made once: a repeated answer
/// must refer to the same items.
#[derive(Debug, Default)]
struct Plan {
    /// Through the script, with all there is to say.
    whole: Vec<usize>,
    /// Results without anything else to say, in the order of groups.
    plain: Vec<usize>,
}

/// Location of a batch's plain results when the script runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Results {
    /// Not published: it does that too.
    Open,
    /// Published by a transaction whose rest did not run.
    Out,
    /// Published by the transaction it runs in.
    Here,
}

impl SettleBatch {
    /// Number of the batch: later batches of a daemon have greater ones.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The settlements, in order.
    #[must_use]
    pub fn items(&self) -> &[Settlement] {
        &self.items
    }

    #[must_use]
    pub fn into_parts(self) -> (Vec<Settlement>, Vec<Refusal>) {
        (self.items, self.refusals)
    }

    /// The refusals, in order.
    #[must_use]
    pub fn refusals(&self) -> &[Refusal] {
        &self.refusals
    }

    fn plain(&self) -> Vec<&Settlement> {
        self.plan.plain.iter().map(|index| &self.items[*index]).collect()
    }

    /// The script's letters, given to the items they are about.
    fn read(&self, answer: Value) -> Result<Vec<Settled>, StoreError> {
        let letters: Vec<u8> = redis::from_redis_value(answer)?;
        let mut answers = vec![Settled::Broken; self.items.len() + self.refusals.len()];
        if letters.len() != answers.len() {
            return Err(StoreError::unexpected("settle"));
        }
        let refused = self.items.len()..answers.len();
        let order =
            self.plan.whole.iter().copied().chain(refused).chain(self.plan.plain.iter().copied());
        for (index, letter) in order.zip(letters) {
            answers[index] = match letter {
                b'D' => Settled::Done,
                b'S' => Settled::Stale,
                _ => Settled::Broken,
            };
        }
        Ok(answers)
    }
}

impl Queue {
    /// Makes a batch and numbers it. At most 64 batches of a daemon may be under way at once.
    #[must_use]
    pub fn settle_batch(&self, items: Vec<Settlement>, refusals: Vec<Refusal>) -> SettleBatch {
        SettleBatch {
            number: self.settles.fetch_add(1, Ordering::Relaxed),
            plan: self.plan(&items),
            items,
            refusals,
            sent: AtomicBool::new(false),
            published: AtomicBool::new(false),
        }
    }

    fn plan(&self, items: &[Settlement]) -> Plan {
        let now = Instant::now();
        let plain = |item: &Settlement| {
            matches!(item.then, Then::Done(_))
                && item.ticket.plain
                && item.ticket.aim.is_none()
                && !item.unsent
                && item.closes.is_empty()
                && item.ticket.is_same_day(now)
                && self.learnt.news(item).is_none()
        };
        let (mut sorted, mut whole): (Vec<_>, Vec<_>) =
            (0..items.len()).partition(|i| plain(&items[*i]));
        if !(settle_tx::LEAST..=settle_tx::MOST).contains(&sorted.len()) {
            whole = (0..items.len()).collect();
            sorted.clear();
        }
        sorted.sort_by(|a, b| order(&items[*a], &items[*b]));
        Plan { whole, plain: sorted }
    }

    /// Settles a batch; the answers are those of its settlements, then of its
    /// refusals. A refusal is stale when its entry is gone.
    ///
    /// # Errors
    /// On an error nothing was changed, or the answer was lost: send the same batch again.
    pub async fn settle(&self, batch: &SettleBatch) -> Result<Vec<Settled>, StoreError> {
        if batch.items.is_empty() && batch.refusals.is_empty() {
            return Ok(Vec::new());
        }
        let again = batch.sent.swap(true, Ordering::Relaxed);
        let answer = match self.quicker(batch, again).await? {
            Some(answer) => answer,
            None => self.ask(self.batch_call(batch, again, Results::Open)).await?,
        };
        let answers = batch.read(answer)?;
        for (item, answer) in batch.items.iter().zip(&answers) {
            if *answer == Settled::Done {
                self.learnt.note(item);
            }
        }
        Ok(answers)
    }

    /// Tries a quicker way than the whole script; `None`: there is none for this
    /// batch, or it did not run.
    async fn quicker(&self, batch: &SettleBatch, again: bool) -> Result<Option<Value>, StoreError> {
        if batch.published.load(Ordering::Relaxed) {
            return self.ask(self.batch_call(batch, true, Results::Out)).await.map(Some);
        }
        if again || batch.plan.plain.is_empty() {
            return Ok(None);
        }
        let plain = batch.plain();
        let mut lane = self.settle_tx.lock().await;
        let Some(since) = lane.ready([&SETTLE_GUARD, &SETTLE]).await else { return Ok(None) };
        if plain.iter().any(|item| item.ticket.granted_at < since) {
            return Ok(None);
        }
        let script = self.batch_call(batch, false, Results::Here).by_hash();
        match lane.run(&plain, &self.streams(), self.guard_call(), script).await {
            Transacted::Ran(answer) => Ok(Some(answer)),
            Transacted::Not => Ok(None),
            Transacted::Published => {
                batch.published.store(true, Ordering::Relaxed);
                drop(lane);
                self.ask(self.batch_call(batch, true, Results::Out)).await.map(Some)
            }
            Transacted::Unknown(error) => Err(error.into()),
        }
    }

    /// Begins to watch whether leases are taken from this daemon; see
    /// [`untaken_since`](Self::untaken_since).
    pub async fn watch_leases(&self) {
        self.settle_tx.lock().await.ready([&SETTLE_GUARD, &SETTLE]).await;
    }

    /// Time since which no lease was taken from this daemon, if known. A younger lease that is
    /// missing nevertheless was forgotten by Redis.
    pub async fn untaken_since(&self) -> Option<Instant> {
        self.settle_tx.lock().await.look().await
    }

    fn batch_call(&self, batch: &SettleBatch, again: bool, results: Results) -> Call<'static> {
        let plain = batch.plain();
        let whole = batch.plan.whole.len() + batch.refusals.len();
        let count = if results == Results::Here { whole } else { whole + plain.len() };
        let mut call = self.settle_call(batch.number, again, count);
        let mut push = |item: &Settlement| push_item(&mut call, item, self.learnt.news(item));
        batch.plan.whole.iter().for_each(|index| push(&batch.items[*index]));
        batch.refusals.iter().for_each(|refusal| push_refusal(&mut call, refusal));
        match results {
            Results::Open => plain.iter().for_each(|item| push_item(&mut call, item, None)),
            Results::Out => plain.iter().for_each(|item| push_done(&mut call, item)),
            Results::Here => {
                push_published(&mut call, &plain);
                return call;
            }
        }
        push_published(&mut call, &[]);
        call
    }

    fn guard_call(&self) -> redis::Cmd {
        let keys = self.store.keys();
        let call = SETTLE_GUARD
            .call()
            .key(keys.prefix())
            .key(keys.jobs())
            .key(keys.results())
            .key(keys.failures())
            .key(keys.events())
            .key(keys.taken(&self.boot));
        // A mark as those who take leases set it: a number that comes once.
        call.arg(rand::random_range(1_000_000_000_000_000_u64..9_000_000_000_000_000)).by_hash()
    }

    fn streams(&self) -> Streams {
        let keys = self.store.keys();
        Streams {
            store: keys.clone(),
            results: keys.results(),
            reply_prefix: keys.reply(""),
            reply_ms: ms(self.settings.reply_kept),
        }
    }

    /// Publishes failures of entries that never became live jobs, and drops the
    /// entries. One whose entry is gone was refused before.
    ///
    /// # Errors
    /// On an error some may not be done: send the same again.
    pub async fn refuse(&self, refusals: &[Refusal]) -> Result<(), StoreError> {
        for chunk in refusals.chunks(256) {
            let number = self.settles.fetch_add(1, Ordering::Relaxed);
            let mut call = self.settle_call(number, false, chunk.len());
            chunk.iter().for_each(|refusal| push_refusal(&mut call, refusal));
            push_published(&mut call, &[]);
            let letters: Vec<u8> = redis::from_redis_value(self.ask(call).await?)?;
            if letters.contains(&b'E') {
                let text = format!("{} is not a stream", self.store.keys().failures());
                return Err(StoreError::new(crate::ErrorKind::WrongType, text));
            }
        }
        Ok(())
    }

    /// Gives leases back without a call: no attempt is used, and charges are returned.
    pub async fn release(&self, tickets: Vec<Ticket>) -> Result<Vec<Settled>, StoreError> {
        let items = tickets.into_iter().map(Settlement::back).collect();
        self.settle(&self.settle_batch(items, Vec::new())).await
    }

    fn settle_call(&self, number: u64, again: bool, count: usize) -> Call<'static> {
        let (keys, settings) = (self.store.keys(), &self.settings);
        let mut call = SETTLE
            .call()
            .key(keys.prefix())
            .key(keys.jobs())
            .key(keys.results())
            .key(keys.failures())
            .key(keys.events());
        call.push(self.store.clock().ms())
            .push(&*self.boot)
            .push(number)
            .push(settings.budgets.classes.hosted().as_str())
            .push(settings.budgets.classes.lookup().as_str())
            .push(ms(settings.reply_kept))
            .push(settings.failures_kept.as_secs())
            .push(keys.reply(""))
            .push(u8::from(again))
            .push(count);
        call
    }
}

impl Settlement {
    /// A settlement with nothing but its end.
    #[must_use]
    pub fn new(ticket: Ticket, then: Then) -> Self {
        Self { ticket, then, unsent: false, closes: Vec::new(), learnt: None, meeting: None }
    }

    /// Back to its room, unsent and unspent.
    #[must_use]
    pub fn back(ticket: Ticket) -> Self {
        let then = Then::Room { purpose: ticket.purpose, record: None, nap: None };
        Self { unsent: true, ..Self::new(ticket, then) }
    }
}

impl Ticket {
    /// True if its call uses the day of a host.
    #[must_use]
    pub fn charges_host(&self) -> bool {
        Label::of_room(&self.host).is_none()
    }

    /// The rate-limit class of its call.
    #[must_use]
    pub fn class(&self, classes: &Classes) -> Label {
        Label::of_room(&self.host).unwrap_or_else(|| classes.hosted())
    }

    /// The id a failure of this run has in the index: `<job id>#<run>`.
    #[must_use]
    pub fn failure_id(&self) -> String {
        format!("{}#{}", self.job_id, self.run)
    }

    /// True if it is settled on the UTC day it was granted on, by which it is charged.
    fn is_same_day(&self, now: Instant) -> bool {
        self.granted_ms / DAY_MS == self.now_ms(now) / DAY_MS
    }

    /// Time by the clock of Redis at `now`, as estimated by this process.
    pub(super) fn now_ms(&self, now: Instant) -> i64 {
        let since = now.saturating_duration_since(self.granted_at).as_millis();
        self.granted_ms + i64::try_from(since).unwrap_or(0)
    }

    pub(super) fn live(&self, purpose: Purpose) -> Live {
        Live {
            run: self.run,
            entry: self.entry.clone(),
            digest: self.id_given.then_some(self.digest),
            purpose,
            priority: self.priority,
            sweeps: 0,
            recoverable: self.recoverable,
            sent_ms: 0,
            deadline_ms: self.deadline_ms,
            account: self.account.clone(),
            host: self.host.clone(),
            other_host: self.other_host.clone(),
            aim: self.aim.clone(),
        }
    }
}
