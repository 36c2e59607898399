//! Facts by which the state of a namespace is judged, read in few round trips.
//!
//! Writes nothing, and every read has a bound. What the user of Redis may not read
//! counts as not known: only a Redis that cannot be asked is an error.

mod accounts;
mod capped;
mod days;
mod held;
mod parse;
mod ready;
mod recent;

use std::collections::BTreeMap;

use redis::{Value, from_redis_value};

use super::presence::LEFT;
use super::{DaemonLine, Left, Ops, Paused, Refusal};
use crate::accounts::rotation::OpenIntent;
use crate::probe::{self, ServerFacts};
use crate::{StoreError, layout};

pub use accounts::AccountVitals;
pub use days::{DayNearEnd, is_low};
pub use held::Held;
use parse::{Group, HandCount};
pub use ready::Ready;
pub use recent::RecentFailure;

/// Open intents that are read.
const MOST_INTENTS: usize = 20;
/// Leases that are counted by daemon.
const MOST_LEASES: u64 = 10_000;
/// Daemons that are read.
const MOST_DAEMONS: usize = 100;

/// An app whose credentials Zoom rejected, and of which no token has been refreshed
/// since.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AppStop {
    /// The token server.
    pub issuer: String,
    pub client_id: String,
    /// The first rejection, ms; `None`: an earlier version wrote it.
    pub since_ms: Option<i64>,
    /// The time of the next try, ms; it may be over.
    pub until_ms: i64,
    /// True when many of its accounts lost their authorization at once, which ends with
    /// `until_ms`.
    pub mass: bool,
    /// Zoom's words.
    pub why: String,
}

/// Facts of one namespace and its Redis.
#[derive(Debug, Clone, Default)]
pub struct Vitals {
    /// The clock of Redis.
    pub now_ms: i64,
    pub server: ServerFacts,
    /// Reason why it takes no writes, if so.
    pub refusal: Option<Refusal>,
    /// True when a daemon has opened the namespace once.
    pub used: bool,
    /// The pause of everything.
    pub paused: Option<Paused>,
    /// The time at which a changed run id of Redis was noticed; 0: never.
    pub run_at_ms: i64,
    /// True when the daemons have reported after that change.
    pub hold_over: bool,
    /// True when a replica was attached once.
    pub replica_seen: bool,
    /// Daemons heard of within a day, the latest first.
    pub daemons: Vec<DaemonLine>,
    /// The daemon that ended last of those that said so.
    pub left: Option<Left>,
    /// Jobs in the hands of each daemon, alive or not.
    pub in_hand: BTreeMap<String, u64>,
    /// Entries in the stream of jobs.
    pub stream: u64,
    /// Entries that no daemon has read.
    pub unread: u64,
    /// The time of the oldest of them.
    pub oldest_unread_ms: Option<i64>,
    /// The time at which the first sleeping job was due, or will be.
    pub first_due_ms: Option<i64>,
    /// The time at which the first lease ends.
    pub first_lease_ms: Option<i64>,
    /// Apps that Zoom rejected.
    pub stops: Vec<AppStop>,
    /// Token refreshes under way or in doubt.
    pub intents: u64,
    /// The oldest of them.
    pub open: Vec<OpenIntent>,
    /// The latest failures, newest first.
    pub failures: Vec<RecentFailure>,
}

impl Ops {
    /// Reads the facts that do not depend on the number of accounts.
    pub async fn vitals(&self) -> Result<Vitals, StoreError> {
        let (keys, conn) = (self.store.keys(), self.store.connection());
        let mut ask = redis::pipe();
        ask.cmd("TIME");
        probe::ask_server(&mut ask);
        let fields = ["layout", "paused", "paused_at", "run_at", "replicas", LEFT];
        ask.cmd("HMGET").arg(keys.meta()).arg(&fields).cmd("HGET").arg(keys.hold()).arg("over");
        ask.cmd("ZREVRANGE").arg(keys.daemons()).arg(0).arg(MOST_DAEMONS - 1).arg("WITHSCORES");
        ask.cmd("XLEN").arg(keys.jobs()).cmd("XINFO").arg("GROUPS").arg(keys.jobs());
        ask.cmd("HLEN").arg(keys.own());
        ask.cmd("ZRANGE").arg(keys.due()).arg(0).arg(0).arg("WITHSCORES");
        ask.cmd("ZRANGE").arg(keys.lease()).arg(0).arg(0).arg("WITHSCORES");
        ask.cmd("HGETALL").arg(keys.stops()).cmd("ZCARD").arg(keys.intents());
        ask.cmd("ZRANGE").arg(keys.intents()).arg(0).arg(MOST_INTENTS - 1);
        recent::ask(&mut ask, keys);
        let mut answers = conn.values(&ask).await?.into_iter();
        let now_ms = self.clock_ms(answers.next())?;
        let server = probe::server_facts(&mut answers);
        let mut next = || answers.next().unwrap_or(Value::Nil);
        let [layout, paused, paused_at, run_at, replicas, left]: [Option<String>; 6] = read(next());
        layout::check(keys, layout.as_deref())?;
        let hold_over = read::<Option<String>>(next()).is_some();
        let seen: Vec<(String, f64)> = read(next());
        let stream: u64 = read(next());
        let group = Group::of(next(), stream);
        let running: u64 = read(next());
        let [first_due_ms, first_lease_ms] = [first_score(next()), first_score(next())];
        let stops = parse::stops(read(next()));
        let intents = read(next());
        let in_doubt: Vec<String> = read(next());
        let failed = recent::within(read(next()), now_ms);
        let mut vitals = Vitals {
            now_ms,
            server,
            used: layout.is_some(),
            paused: paused.map(|reason| Paused { reason, since_ms: number(paused_at) }),
            run_at_ms: number(run_at).unwrap_or(0),
            hold_over,
            replica_seen: replicas.is_some(),
            left: left.as_deref().and_then(Left::read),
            stream,
            unread: group.unread,
            first_due_ms,
            first_lease_ms,
            stops,
            intents,
            ..Vitals::default()
        };
        self.details(&mut vitals, &group, running, &in_doubt, &failed).await?;
        vitals.daemons = self.daemon_lines(seen, now_ms).await?;
        let refusal = vitals.server.refusal.clone();
        vitals.refusal = refusal
            .and_then(|refusal| refusal.unless_written(DaemonLine::any_alive(&vitals.daemons)));
        Ok(vitals)
    }

    /// Reads what the first answers point at.
    async fn details(
        &self,
        vitals: &mut Vitals,
        group: &Group,
        running: u64,
        in_doubt: &[String],
        failed: &[String],
    ) -> Result<(), StoreError> {
        let keys = self.store.keys();
        let mut ask = redis::pipe();
        ask.cmd("XRANGE").arg(keys.jobs()).arg(&group.after).arg("+").arg("COUNT").arg(1);
        if running <= MOST_LEASES {
            ask.cmd("HVALS").arg(keys.own());
        } else {
            // An answer in its place, which names no job.
            ask.cmd("HGET").arg(keys.own()).arg("");
        }
        for account in in_doubt {
            ask.cmd("HGETALL").arg(keys.intent(account));
        }
        recent::ask_details(&mut ask, keys, failed);
        let mut answers = self.store.connection().values(&ask).await?.into_iter();
        let mut next = || answers.next().unwrap_or(Value::Nil);
        vitals.oldest_unread_ms = parse::entry_ms(next());
        vitals.in_hand = HandCount::of(&read::<Vec<String>>(next())).0;
        vitals.open = in_doubt.iter().filter_map(|name| parse::intent(name, next())).collect();
        vitals.failures = failed.iter().filter_map(|_| recent::failure(next())).collect();
        Ok(())
    }

    /// The answer to `TIME`, as [`crate::Store::now_ms`] reckons.
    fn clock_ms(&self, answer: Option<Value>) -> Result<i64, StoreError> {
        if let Some(stopped) = self.store.clock().stopped_at_ms() {
            return Ok(stopped);
        }
        let answer = crate::redis::conn::refusal(answer.unwrap_or(Value::Nil))?;
        let (seconds, micros): (i64, i64) = from_redis_value(answer)?;
        Ok(seconds * 1000 + micros / 1000 + self.store.clock().ms())
    }
}

/// An answer, or nothing where Redis refused it or a key is of another type.
fn read<T: redis::FromRedisValue + Default>(answer: Value) -> T {
    from_redis_value(answer).unwrap_or_default()
}

fn number<T: std::str::FromStr>(text: Option<String>) -> Option<T> {
    text.and_then(|text| text.parse().ok())
}

fn first_score(answer: Value) -> Option<i64> {
    let first: Vec<(String, f64)> = read(answer);
    first.first().map(|(_, score)| *score as i64)
}
