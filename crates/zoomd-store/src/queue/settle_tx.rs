//! Settling of many results in one transaction.
//!
//! Lua in Redis scans every byte of every argument, so long results are expensive as script
//! arguments. Here `MULTI … EXEC` adds them to the stream with `XADD`, and the script ends
//! the leases in the same transaction. The leases must still be valid at that point. A
//! `WATCH` on a marker key checks this: every process that takes over a lease of this daemon
//! changes the key, so `EXEC` runs only if no lease was taken over since the `WATCH`. Only
//! leases younger than the last change of the key are settled this way. All others, and all
//! errors, go through the script alone.
//!
//! Invariant: a result is published here only under a valid lease.

use std::time::Instant;

use redis::{Cmd, ErrorKind, Pipeline, ServerErrorKind, Value};

use super::{Outcome, Settlement, Then, Ticket};
use crate::meetings::MeetingEntry;
use crate::redis::conn::Conn;
use crate::{Keys, Script};

/// Fewer are settled by the script alone: the transaction's own commands cost more
/// than the bytes that Lua reads.
pub(super) const LEAST: usize = 8;
/// More do not go into one: their ids are arguments of single commands.
pub(super) const MOST: usize = 1000;

/// One connection, used by one settle at a time.
#[derive(Debug)]
pub(super) struct WatchedTransaction {
    conn: Conn,
    key: String,
    watch: Option<Watch>,
    /// Since when the mark has its value.
    seen: Option<(Value, Instant)>,
}

#[derive(Debug)]
struct Watch {
    /// The connection it stands on.
    number: u64,
}

/// Result of a transaction.
#[derive(Debug)]
pub(super) enum Transacted {
    /// It ran; this is the script's answer.
    Ran(Value),
    /// It did not run: nothing was changed.
    Not,
    /// The results are published, but the script did not run: run it alone.
    Published,
    /// It may have run.
    Unknown(redis::RedisError),
}

impl WatchedTransaction {
    pub(super) fn new(conn: Conn, key: String) -> Self {
        Self { conn, key, watch: None, seen: None }
    }

    /// Sets up the watch. Returns the time since which no lease was taken from this daemon; `None`
    /// if unknown.
    pub(super) async fn ready(&mut self, scripts: [&Script; 2]) -> Option<Instant> {
        if self.watch.as_ref().is_none_or(|watch| watch.number != self.conn.number()) {
            self.watch = None;
            let mut ask = redis::pipe();
            for script in scripts {
                ask.cmd("SCRIPT").arg("LOAD").arg(script.text());
            }
            push_watch(&mut ask, &self.key);
            let mut answers = self.conn.values(&ask).await.ok()?;
            // A new connection may have lost any number of changes.
            self.seen = None;
            self.watching(answers.pop()?);
        }
        self.seen.as_ref().map(|(_, since)| *since)
    }

    /// Reads again since when no lease was taken from this daemon; `None` if unknown.
    pub(super) async fn look(&mut self) -> Option<Instant> {
        let number = self.watch.as_ref()?.number;
        let mut ask = redis::pipe();
        push_watch(&mut ask, &self.key);
        // A new connection may have missed any number of changes.
        let mark = self.conn.values_over(number, &ask).await.ok()?.pop()?;
        self.watching(mark);
        self.seen.as_ref().map(|(_, since)| *since)
    }

    /// Publishes results and runs `script` in one transaction, then watches again.
    /// `guard` goes before it: it ends the watch where the script would be refused.
    pub(super) async fn run(
        &mut self,
        results: &[&Settlement],
        keys: &Streams,
        guard: Cmd,
        script: Cmd,
    ) -> Transacted {
        let mut all = redis::pipe();
        all.add_command(guard).cmd("MULTI");
        for item in results {
            if let Then::Done(outcome) = &item.then {
                publish(&mut all, keys, &item.ticket, outcome);
            }
        }
        register(&mut all, &keys.store, results);
        all.add_command(script).cmd("EXEC");
        let exec = all.len() - 1;
        push_watch(&mut all, &self.key);
        // Over another connection it would run without the watch.
        let over = self.watch.take().map_or(0, |watch| watch.number);
        match self.conn.values_over(over, &all).await {
            Ok(mut answers) => {
                let mark = answers.pop().unwrap_or(Value::Nil);
                let exec = answers.swap_remove(exec);
                if exec == Value::Nil {
                    // Something was taken, so the start of the idle time is unknown.
                    self.seen = None;
                }
                self.watching(mark);
                judge(exec)
            }
            // Refused as it was queued (a full Redis): EXEC then ran nothing.
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::ExecAbort) => {
                Transacted::Not
            }
            Err(error) => Transacted::Unknown(error),
        }
    }

    /// Takes note of the mark, which was read before this moment: what was
    /// taken until then is in it, and cannot be told from it.
    fn watching(&mut self, mark: Value) {
        if matches!(mark, Value::ServerError(_)) {
            return;
        }
        if self.seen.as_ref().is_none_or(|(known, _)| *known != mark) {
            self.seen = Some((mark, Instant::now()));
        }
        self.watch = Some(Watch { number: self.conn.number() });
    }
}

/// The streams and lists results go to.
#[derive(Debug)]
pub(super) struct Streams {
    pub(super) store: Keys,
    pub(super) results: String,
    pub(super) reply_prefix: String,
    pub(super) reply_ms: u64,
}

fn push_watch(pipeline: &mut Pipeline, key: &str) {
    pipeline.cmd("WATCH").arg(key).cmd("GET").arg(key);
}

fn publish(pipeline: &mut Pipeline, keys: &Streams, ticket: &Ticket, outcome: &Outcome) {
    let size = 128 + keys.results.len() + ticket.account.len() + outcome.json.len();
    let story = outcome.story.as_deref();
    let (fields, size) = story.map_or((11, size), |story| (13, size + story.len()));
    let mut add = Cmd::with_capacity(fields, size);
    add.arg("XADD").arg(&keys.results).arg("*");
    add.arg("job_id").arg(&*ticket.job_id).arg("account").arg(&*ticket.account);
    add.arg("kind").arg(outcome.kind).arg("result").arg(&outcome.json[..]);
    if let Some(story) = story {
        add.arg("story").arg(story);
    }
    pipeline.add_command(add);
    if outcome.reply {
        let list = format!("{}{}", keys.reply_prefix, ticket.job_id);
        pipeline.cmd("RPUSH").arg(&list).arg(&outcome.json[..]);
        pipeline.cmd("PEXPIRE").arg(&list).arg(keys.reply_ms);
    }
}

/// Writes meetings into the register, in as few commands as there are accounts and months.
fn register(pipeline: &mut Pipeline, keys: &Keys, results: &[&Settlement]) {
    let mut lists: Vec<(String, Vec<u64>)> = Vec::new();
    for group in results.chunk_by(|a, b| a.ticket.account == b.ticket.account) {
        let account = &*group[0].ticket.account;
        let meetings = || group.iter().filter_map(|item| item.meeting.as_ref());
        if meetings().next().is_none() {
            continue;
        }
        let set = pipeline.cmd("HSET").arg(keys.meeting(account));
        meetings().for_each(|meeting| {
            set.arg(meeting.number).arg(&*meeting.text);
        });
        let first = lists.len();
        for MeetingEntry { number, month, .. } in meetings() {
            let Some(month) = month else { continue };
            let name = format!("{account}|{month}");
            match lists[first..].iter_mut().find(|(list, _)| *list == name) {
                Some((_, numbers)) => numbers.push(*number),
                None => lists.push((name, vec![*number])),
            }
        }
    }
    if lists.is_empty() {
        return;
    }
    for (list, numbers) in &lists {
        pipeline.cmd("RPUSH").arg(keys.meeting_month(list)).arg(numbers);
    }
    let months = pipeline.cmd("ZADD").arg(keys.meeting_months());
    lists.iter().for_each(|(list, _)| {
        months.arg(0).arg(list);
    });
}

/// The answer of `EXEC`: nil when the watched mark had changed.
fn judge(exec: Value) -> Transacted {
    match exec {
        Value::Array(mut answers) => match answers.pop() {
            // Neither is a result out: their stream is none.
            Some(Value::ServerError(_))
                if matches!(answers.first(), Some(Value::ServerError(_))) =>
            {
                Transacted::Not
            }
            // The results are published, even if the script failed.
            Some(Value::ServerError(_)) => Transacted::Published,
            Some(answer) => Transacted::Ran(answer),
            None => Transacted::Not,
        },
        _ => Transacted::Not,
    }
}
