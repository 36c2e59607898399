//! Reads what waits in an account, and the budgets it waits for.
//!
//! Everything is bounded; of what is more, the forecast knows nothing.

use std::collections::BTreeMap;

use redis::from_redis_value;

use super::Ops;
use super::account::Names;
use crate::StoreError;
use crate::budget::SECOND_MS;
use crate::budget::forecast::{Day, Line, Pace, Room};
use crate::clock::day_name;

/// Rooms, and accounts of the same Zoom account, that are read.
const MOST_ROOMS: usize = 1_000;
const MOST_SHARERS: usize = 1_000;
/// Steps of the search for sleeping rooms.
const MOST_STEPS: usize = 20;

/// The account whose line is read.
pub(super) struct Whose<'a> {
    pub(super) account: &'a str,
    pub(super) zoom: &'a str,
    pub(super) plan: &'a str,
    pub(super) user: Option<&'a str>,
    pub(super) mails: Option<&'a str>,
    pub(super) now_ms: i64,
}

impl Ops {
    /// The line of an account, with a room for each of `hosts` whether jobs wait
    /// in it or not: these come first, in this order.
    pub(super) async fn line(&self, whose: &Whose<'_>, hosts: &[&str]) -> Result<Line, StoreError> {
        let asleep = self.sleeping_rooms(whose.account).await?;
        let mut page = redis::cmd("ZRANGE");
        page.arg(self.store.keys().rooms(whose.account)).arg(0).arg(MOST_ROOMS - 1);
        let ready: Vec<String> = from_redis_value(self.store.connection().value(&page).await?)?;
        let mut rooms: Vec<Room> = Vec::with_capacity(hosts.len() + ready.len() + asleep.len());
        let mut known = std::collections::HashSet::new();
        let more = ready.into_iter().chain(asleep.keys().cloned());
        for host in hosts.iter().map(|host| (*host).to_owned()).chain(more) {
            if known.insert(host.clone()) {
                let wakes_ms = asleep.get(&host).copied().unwrap_or(0);
                rooms.push(Room { host, wakes_ms, ..Room::default() });
            }
        }
        let (account, zoom) = (whose.account.to_owned(), whose.zoom.to_owned());
        let mut line = Line { account, zoom, now_ms: whose.now_ms, rooms, ..Line::default() };
        self.fill(whose, &mut line).await?;
        line.sharers = self.sharers(whose).await?;
        Ok(line)
    }

    /// Counts, gates and grants.
    async fn fill(&self, whose: &Whose<'_>, line: &mut Line) -> Result<(), StoreError> {
        let (keys, conn, budgets) = (self.store.keys(), self.store.connection(), self.budgets());
        let aliases: Vec<String> =
            line.rooms.iter().map(|room| whose.names(&room.host).alias()).collect();
        let mut reads = redis::pipe();
        // An HMGET of nothing is an error.
        reads.cmd("HMGET").arg(keys.aliases(whose.zoom)).arg("").arg(&aliases);
        for room in &line.rooms {
            reads.cmd("ZCARD").arg(keys.room(whose.account, &room.host));
        }
        let mut values = conn.values(&reads).await?.into_iter();
        let mut next = || values.next().unwrap_or(redis::Value::Nil);
        let known: Vec<Option<String>> = from_redis_value(next())?;
        let mut fields = Vec::with_capacity(line.rooms.len());
        for ((room, alias), known) in line.rooms.iter_mut().zip(&aliases).zip(known.iter().skip(1))
        {
            room.waiting = from_redis_value(next())?;
            let names = whose.names(&room.host);
            let counted_as = names.canonical(known.as_deref(), alias).to_owned();
            fields.push(format!("h:{counted_as}"));
            room.counted_as = counted_as;
        }
        let label = budgets.create;
        let (word, limits) = (label.as_str(), budgets.plan(whose.plan));
        let rate = budgets.granted_per_second(limits.of(label));
        let mut reads = redis::pipe();
        let gates = [word.to_owned(), format!("day:{word}")];
        reads.cmd("HGET").arg(keys.gates(whose.zoom)).arg(format!("rate:{word}"));
        reads.cmd("LRANGE").arg(keys.window(whose.zoom, word)).arg(0).arg(i64::from(rate) - 1);
        reads.cmd("HMGET").arg(keys.gates(whose.zoom)).arg(&gates).arg(&fields);
        let ledger = keys.ledger(&day_name(whose.now_ms), whose.zoom);
        reads.cmd("HMGET").arg(ledger).arg(format!("l:{word}")).arg(&fields);
        let mut values = conn.values(&reads).await?.into_iter();
        let mut next = || values.next().unwrap_or(redis::Value::Nil);
        let lowered: Option<String> = from_redis_value(next())?;
        let grants: Vec<i64> = if rate > 0 {
            from_redis_value(next())?
        } else {
            next();
            Vec::new()
        };
        let closed: Vec<Option<i64>> = from_redis_value(next())?;
        let used: Vec<Option<u64>> = from_redis_value(next())?;
        let fresh = grants.into_iter().rev().filter(|at| at + SECOND_MS > whose.now_ms).collect();
        let lowered = lowered.and_then(|text| {
            let (part, since) = text.split_once('|')?;
            Some((part.parse().ok()?, since.parse().ok()?))
        });
        line.pace = Pace { rate: rate.into(), lowered, fresh };
        line.closed_ms = closed.iter().take(2).copied().flatten().max().unwrap_or(0);
        let day = |used: Option<&Option<u64>>, most: u32| Day {
            used: used.copied().flatten().unwrap_or(0),
            most: most.into(),
        };
        line.label = day(used.first(), limits.of(label).per_day);
        for (index, room) in line.rooms.iter_mut().enumerate() {
            room.closed_ms = closed.get(index + 2).copied().flatten().unwrap_or(0);
            room.day = day(used.get(index + 1), limits.host_day);
        }
        Ok(())
    }

    /// Rooms of the account that sleep, and until when.
    async fn sleeping_rooms(&self, account: &str) -> Result<BTreeMap<String, i64>, StoreError> {
        let (mut found, mut cursor) = (BTreeMap::new(), "0".to_owned());
        for _ in 0..MOST_STEPS {
            let mut scan = redis::cmd("ZSCAN");
            scan.arg(self.store.keys().asleep()).arg(&cursor);
            // Names of accounts hold nothing that a pattern would take for more.
            scan.arg("MATCH").arg(format!("{account}|*")).arg("COUNT").arg(1_000);
            let (next, pairs): (String, Vec<(String, f64)>) =
                from_redis_value(self.store.connection().value(&scan).await?)?;
            for (member, wakes) in pairs {
                if let Some((_, host)) = member.split_once('|') {
                    found.insert(host.to_owned(), wakes as i64);
                }
            }
            if next == "0" || found.len() >= MOST_ROOMS {
                break;
            }
            cursor = next;
        }
        Ok(found)
    }

    /// How many jobs wait in each other account of the same Zoom account.
    async fn sharers(&self, whose: &Whose<'_>) -> Result<Vec<u64>, StoreError> {
        if whose.zoom.starts_with('~') {
            return Ok(Vec::new());
        }
        let (keys, conn) = (self.store.keys(), self.store.connection());
        let mut reads = redis::pipe();
        for key in [keys.ring(), keys.asleep()] {
            reads.cmd("ZRANGE").arg(key).arg(0).arg(MOST_SHARERS - 1);
        }
        let mut names = Vec::new();
        for page in conn.values(&reads).await? {
            let page: Vec<String> = from_redis_value(page)?;
            let other = |name: &String| !name.contains(['|', '?']) && name != whose.account;
            names.extend(page.into_iter().filter(other));
        }
        names.sort_unstable();
        names.dedup();
        let mut reads = redis::pipe();
        for name in &names {
            reads.cmd("HGET").arg(keys.account(name)).arg("z");
            reads.cmd("HLEN").arg(keys.payloads(name));
        }
        let values = if names.is_empty() { Vec::new() } else { conn.values(&reads).await? };
        let mut waiting = Vec::new();
        for pair in values.chunks_exact(2) {
            let zoom: Option<String> = from_redis_value(pair[0].clone())?;
            let count: u64 = from_redis_value(pair[1].clone())?;
            if zoom.as_deref() == Some(whose.zoom) && count > 0 {
                waiting.push(count);
            }
        }
        Ok(waiting)
    }
}

impl Whose<'_> {
    fn names<'a>(&'a self, host: &'a str) -> Names<'a> {
        Names { account: self.account, host, user: self.user, mails: self.mails }
    }
}
