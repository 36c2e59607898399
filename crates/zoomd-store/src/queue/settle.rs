//! Settling: one script for a batch of ended leases.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

use super::admit::ms;
use super::parse::{Live, host_name};
use super::{Close, Mode, Outcome, Queue, Record, Refusal, Settled, Settlement, Then, Ticket};
use crate::script::Call;
use crate::{Script, StoreError};

static SETTLE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&[
        include_str!("../lua/lib/base.lua"),
        include_str!("../lua/lib/recount.lua"),
        include_str!("../lua/settle.lua"),
    ])
});

/// Settlements with a number: sent again after a lost answer, they answer as
/// the first time.
#[derive(Debug)]
pub struct SettleBatch {
    number: u64,
    sent: AtomicBool,
    items: Vec<Settlement>,
    refusals: Vec<Refusal>,
}

impl SettleBatch {
    /// Its number: later batches of a daemon have greater ones.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The settlements, in order.
    #[must_use]
    pub fn items(&self) -> &[Settlement] {
        &self.items
    }

    /// The refusals, in order.
    #[must_use]
    pub fn refusals(&self) -> &[Refusal] {
        &self.refusals
    }
}

impl Queue {
    /// Numbers a batch. At most 64 batches of a daemon may be under way at once.
    #[must_use]
    pub fn settle_batch(&self, items: Vec<Settlement>, refusals: Vec<Refusal>) -> SettleBatch {
        SettleBatch {
            number: self.settles.fetch_add(1, Ordering::Relaxed),
            sent: AtomicBool::new(false),
            items,
            refusals,
        }
    }

    /// Settles a batch; the answers are those of its settlements, then of its
    /// refusals. A refusal is stale when its entry is gone.
    ///
    /// # Errors
    /// Nothing was changed, or the answer was lost: send the same batch again.
    pub async fn settle(&self, batch: &SettleBatch) -> Result<Vec<Settled>, StoreError> {
        let count = batch.items.len() + batch.refusals.len();
        if count == 0 {
            return Ok(Vec::new());
        }
        let again = batch.sent.swap(true, Ordering::Relaxed);
        let mut call = self.settle_call(batch.number, again, count);
        batch.items.iter().for_each(|item| self.push_item(&mut call, item));
        batch.refusals.iter().for_each(|refusal| push_refusal(&mut call, refusal));
        let letters: Vec<u8> = redis::from_redis_value(self.ask(call).await?)?;
        if letters.len() != count {
            return Err(StoreError::unexpected("settle"));
        }
        Ok(letters
            .iter()
            .map(|letter| match letter {
                b'D' => Settled::Done,
                b'S' => Settled::Stale,
                _ => Settled::Broken,
            })
            .collect())
    }

    /// Publishes failures of entries that never became live jobs, and drops the
    /// entries. One whose entry is gone was refused before.
    ///
    /// # Errors
    /// Not all is known to be done: send the same again.
    pub async fn refuse(&self, refusals: &[Refusal]) -> Result<(), StoreError> {
        for chunk in refusals.chunks(256) {
            let number = self.settles.fetch_add(1, Ordering::Relaxed);
            let mut call = self.settle_call(number, false, chunk.len());
            chunk.iter().for_each(|refusal| push_refusal(&mut call, refusal));
            let letters: Vec<u8> = redis::from_redis_value(self.ask(call).await?)?;
            if letters.contains(&b'E') {
                let text = format!("{} is not a stream", self.store.keys().failures());
                return Err(StoreError::new(crate::ErrorKind::WrongType, text));
            }
        }
        Ok(())
    }

    /// Gives leases back without a call made: no attempt is spent, what was
    /// charged is given back.
    ///
    /// # Errors
    /// As [`settle`](Self::settle).
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
            .push(ms(settings.send_within))
            .push(settings.budgets.create.as_str())
            .push(settings.budgets.list.as_str())
            .push(ms(settings.reply_kept))
            .push(settings.failures_kept.as_secs())
            .push(keys.reply(""))
            .push(u8::from(again))
            .push(count);
        call
    }

    fn push_item(&self, call: &mut Call<'_>, item: &Settlement) {
        let ticket = &item.ticket;
        let letter = match &item.then {
            Then::Done(_) => "D",
            Then::Failed { holds_id: true, .. } => "U",
            Then::Failed { .. } => "F",
            Then::Sleep { .. } => "S",
            Then::Room { .. } => "R",
        };
        call.push(letter)
            .push(&*ticket.job_id)
            .push(ticket.fence.as_str())
            .push(&*ticket.account)
            .push(&*host_name(&ticket.host))
            .push(&*host_name(ticket.other_host.as_deref().unwrap_or("")))
            .push(&*ticket.entry)
            .push(memory(item));
        match &item.then {
            Then::Done(outcome) => push_outcome(call, outcome),
            Then::Failed { code, outcome, record, .. } => {
                push_outcome(call, outcome);
                call.push(code).push(json(record.as_ref())).push(ticket.failure_id());
            }
            Then::Sleep { until_ms, record, event, .. } => {
                call.push(until_ms).push(json(Some(record)));
                let event = event.as_ref();
                call.push(event.map_or("", |e| e.name)).push(event.map_or("", |e| &e.json));
            }
            Then::Room { record, .. } => {
                call.push(json(record.as_ref()));
            }
        }
        let learnt = item.learnt.as_ref();
        call.push(u8::from(item.unsent))
            .push(learnt.map_or("", |l| &l.host_id))
            .push(learnt.and_then(|l| l.email.as_deref()).unwrap_or(""))
            .push(item.closes.len());
        for close in &item.closes {
            let (field, until_ms) = gate(close);
            call.push(field).push(until_ms);
        }
    }
}

impl Settlement {
    /// A settlement with nothing but its end.
    #[must_use]
    pub fn new(ticket: Ticket, then: Then) -> Self {
        Self { ticket, then, unsent: false, closes: Vec::new(), learnt: None }
    }

    /// Back to its room, unsent and unspent.
    #[must_use]
    pub fn back(ticket: Ticket) -> Self {
        let then = Then::Room { mode: ticket.mode, record: None };
        Self { unsent: true, ..Self::new(ticket, then) }
    }
}

impl Ticket {
    /// The id a failure of this run has in the index: `<job id>#<run>`.
    #[must_use]
    pub fn failure_id(&self) -> String {
        format!("{}#{}", self.job_id, self.run)
    }

    pub(super) fn live(&self, mode: Mode) -> Live {
        Live {
            run: self.run,
            entry: self.entry.clone(),
            digest: self.id_given.then_some(self.digest),
            mode,
            priority: self.priority,
            sweeps: 0,
            reconcilable: self.reconcilable,
            sent_ms: 0,
            deadline_ms: self.deadline_ms,
            account: self.account.clone(),
            host: host_name(&self.host).into(),
            other_host: self.other_host.as_deref().map(|host| host_name(host).into()),
        }
    }
}

/// What `ids` holds after the settle; `""`: nothing. The finish time is added
/// by the script.
fn memory(item: &Settlement) -> String {
    let ticket = &item.ticket;
    let finished =
        |state: &str| format!("{state} {} {} {:016x}", ticket.run, ticket.entry, ticket.digest);
    match &item.then {
        Then::Done(_) if ticket.id_given => finished("D"),
        Then::Failed { holds_id: true, .. } if ticket.id_given => finished("U"),
        Then::Done(_) | Then::Failed { .. } => String::new(),
        Then::Sleep { mode, .. } | Then::Room { mode, .. } => ticket.live(*mode).write(),
    }
}

fn push_outcome(call: &mut Call<'_>, outcome: &Outcome) {
    call.push(outcome.kind).push(&outcome.json[..]).push(u8::from(outcome.reply));
}

fn push_refusal(call: &mut Call<'_>, refusal: &Refusal) {
    call.push("N").push(&*refusal.job_id).push("").push(&*refusal.account);
    call.push("").push("").push(&*refusal.entry).push("");
    push_outcome(call, &refusal.outcome);
    // Its id may be another job's, so the index knows it by its entry.
    call.push(refusal.code).push("").push(format!("{}#1", refusal.entry));
    call.push(0).push("").push("").push(0);
}

fn json(record: Option<&Record>) -> String {
    record.and_then(|record| serde_json::to_string(record).ok()).unwrap_or_default()
}

fn gate(close: &Close) -> (String, i64) {
    match close {
        Close::Second { label, until_ms } => ((*label).to_owned(), *until_ms),
        Close::LabelDay { label, until_ms } => (format!("day:{label}"), *until_ms),
        Close::HostDay { until_ms } => ("@".to_owned(), *until_ms),
    }
}
