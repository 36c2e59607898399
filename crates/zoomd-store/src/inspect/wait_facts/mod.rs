//! Reads the waiting jobs of an account, and the budgets that they wait for.
//!
//! All reads are bounded; the forecast ignores the rest.

pub(super) mod budget_names;
pub(super) mod hosts;
mod peers;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use redis::from_redis_value;

use crate::StoreError;
use crate::clock::{DAY_MS, day_name};
use crate::eta::{Backlog, Day, RateWindow, Room};
use crate::inspect::Ops;
use crate::limits::{Label, SECOND_MS};
use budget_names::{Asleep, MOST_ROOMS, Whose};
use peers::Others;

/// Steps of the search for sleeping rooms.
const MOST_STEPS: usize = 20;

impl Ops {
    /// The line of an account, with a room for each of `hosts` whether jobs wait
    /// in it or not: these come first, in this order.
    pub(in crate::inspect) async fn line(
        &self,
        whose: &Whose<'_>,
        hosts: &[&str],
        asleep: Option<&Asleep>,
    ) -> Result<Backlog, StoreError> {
        let others = Others::of(self, whose).await?;
        let read = match asleep {
            Some(_) => Asleep::new(),
            None => {
                let names = others.names().chain([whose.account]).collect();
                self.sleeping_rooms(&names).await?
            }
        };
        let asleep = asleep.unwrap_or(&read);
        let (account, zoom) = (whose.account.to_owned(), whose.zoom.to_owned());
        let rooms = self.rooms(whose, hosts, asleep, MOST_ROOMS).await?;
        let mut line = Backlog { account, zoom, now_ms: whose.now_ms, rooms, ..Backlog::default() };
        self.fill(whose, &mut line).await?;
        others.read(self, whose, asleep, &mut line).await?;
        Ok(line)
    }

    /// The rooms of an account, what waits in them, and the days of their hosts.
    pub(in crate::inspect) async fn rooms(
        &self,
        whose: &Whose<'_>,
        hosts: &[&str],
        asleep: &Asleep,
        most: usize,
    ) -> Result<Vec<Room>, StoreError> {
        let mut page = redis::cmd("ZRANGE");
        page.arg(self.store.keys().rooms(whose.account)).arg(0).arg(most.saturating_sub(1));
        let ready: Vec<String> = from_redis_value(self.store.connection().value(&page).await?)?;
        let turns: HashMap<&str, u64> = ready.iter().map(String::as_str).zip(0..).collect();
        let nobody = BTreeMap::new();
        let asleep = asleep.get(whose.account).unwrap_or(&nobody);
        let (mut rooms, mut known) = (Vec::new(), HashSet::new());
        let more = ready.iter().map(String::as_str).chain(asleep.keys().map(String::as_str));
        // Rooms of classes are listed nowhere; one without jobs is no room.
        let classes = Label::ALL.map(Label::room);
        for host in hosts.iter().copied().chain(more).chain(classes) {
            if rooms.len() < most.max(hosts.len()) && known.insert(host) {
                let wakes_ms = asleep.get(host).copied().unwrap_or(0);
                let turn = turns.get(host).copied().unwrap_or(u64::MAX);
                rooms.push(Room { host: host.to_owned(), wakes_ms, turn, ..Room::default() });
            }
        }
        if !rooms.is_empty() {
            self.count(whose, &mut rooms).await?;
        }
        let is_there = |room: &Room| {
            room.waiting > 0 || hosts.contains(&&*room.host) || Label::of_room(&room.host).is_none()
        };
        rooms.retain(is_there);
        Ok(rooms)
    }

    /// Counts the jobs in each room, and the used part of its host's daily limits.
    async fn count(&self, whose: &Whose<'_>, rooms: &mut [Room]) -> Result<(), StoreError> {
        let (keys, conn) = (self.store.keys(), self.store.connection());
        let aliases: Vec<String> =
            rooms.iter().map(|room| whose.names(&room.host).alias()).collect();
        let mut reads = redis::pipe();
        reads.cmd("HMGET").arg(keys.aliases(whose.zoom)).arg(&aliases);
        for room in rooms.iter() {
            reads.cmd("ZCARD").arg(keys.room(whose.account, &room.host));
        }
        let mut values = conn.values(&reads).await?.into_iter();
        let mut next = || values.next().unwrap_or(redis::Value::Nil);
        let known: Vec<Option<String>> = from_redis_value(next())?;
        let mut fields = Vec::with_capacity(rooms.len());
        for ((room, alias), known) in rooms.iter_mut().zip(&aliases).zip(&known) {
            room.waiting = from_redis_value(next())?;
            let names = whose.names(&room.host);
            room.counted_as = names.canonical(known.as_deref(), alias).to_owned();
            fields.push(format!("h:{}", room.counted_as));
        }
        let mut reads = redis::pipe();
        reads.cmd("HMGET").arg(keys.gates(whose.zoom)).arg(&fields);
        for after in [0, DAY_MS] {
            let ledger = keys.ledger(&day_name(whose.now_ms + after), whose.zoom);
            reads.cmd("HMGET").arg(ledger).arg(&fields);
        }
        let mut values = conn.values(&reads).await?.into_iter();
        let mut next = || values.next().unwrap_or(redis::Value::Nil);
        let closed: Vec<Option<i64>> = from_redis_value(next())?;
        let days = (from_redis_value(next())?, from_redis_value(next())?);
        let most = self.budgets().plan(whose.plan).host_day;
        for (index, room) in rooms.iter_mut().enumerate() {
            room.closed_ms = closed.get(index).copied().flatten().unwrap_or(0);
            // A room whose jobs use no host's daily limit has none.
            let most = if Label::of_room(&room.host).is_some() { 0 } else { most };
            room.day = day(&days, index, most);
        }
        Ok(())
    }

    /// The gates, grants and day of the label.
    async fn fill(&self, whose: &Whose<'_>, line: &mut Backlog) -> Result<(), StoreError> {
        let (keys, conn, budgets) = (self.store.keys(), self.store.connection(), self.budgets());
        let (word, limits) = (budgets.classes.hosted().as_str(), budgets.plan(whose.plan));
        let rate = budgets.granted_per_second(limits.of(budgets.classes.hosted()));
        let mut reads = redis::pipe();
        reads.cmd("HGET").arg(keys.gates(whose.zoom)).arg(format!("rate:{word}"));
        reads.cmd("LRANGE").arg(keys.window(whose.zoom, word)).arg(0).arg(i64::from(rate) - 1);
        reads.cmd("HMGET").arg(keys.gates(whose.zoom)).arg(word).arg(format!("day:{word}"));
        for after in [0, DAY_MS] {
            let ledger = keys.ledger(&day_name(whose.now_ms + after), whose.zoom);
            reads.cmd("HMGET").arg(ledger).arg(format!("l:{word}"));
        }
        let mut values = conn.values(&reads).await?.into_iter();
        let mut next = || values.next().unwrap_or(redis::Value::Nil);
        let lowered: Option<String> = from_redis_value(next())?;
        let grants: Vec<i64> = from_redis_value(next())?;
        let closed: Vec<Option<i64>> = from_redis_value(next())?;
        let days = (from_redis_value(next())?, from_redis_value(next())?);
        let known = grants.into_iter().take(rate as usize).rev();
        let fresh = known.filter(|at| at + SECOND_MS > whose.now_ms).collect();
        let lowered = lowered.and_then(|text| {
            let (part, since) = text.split_once('|')?;
            Some((part.parse().ok()?, since.parse().ok()?))
        });
        line.window = RateWindow { rate: rate.into(), lowered, fresh };
        line.closed_ms = closed.into_iter().flatten().max().unwrap_or(0);
        line.label = day(&days, 0, limits.of(budgets.classes.hosted()).per_day);
        Ok(())
    }

    /// Rooms of these accounts that sleep.
    pub(in crate::inspect) async fn sleeping_rooms(
        &self,
        accounts: &BTreeSet<&str>,
    ) -> Result<Asleep, StoreError> {
        let (mut found, mut cursor, mut many) = (Asleep::new(), "0".to_owned(), 0);
        for _ in 0..MOST_STEPS {
            let mut scan = redis::cmd("ZSCAN");
            scan.arg(self.store.keys().asleep()).arg(&cursor);
            // Names of accounts hold nothing that a pattern would take for more.
            if let (1, Some(account)) = (accounts.len(), accounts.first()) {
                scan.arg("MATCH").arg(format!("{account}|*"));
            }
            scan.arg("COUNT").arg(1_000);
            let (next, pairs): (String, Vec<(String, f64)>) =
                from_redis_value(self.store.connection().value(&scan).await?)?;
            for (member, wakes) in pairs {
                let named =
                    member.split_once('|').filter(|(account, _)| accounts.contains(account));
                if let Some((account, host)) = named {
                    found
                        .entry(account.to_owned())
                        .or_default()
                        .insert(host.to_owned(), wakes as i64);
                    many += 1;
                }
            }
            if next == "0" || many >= MOST_ROOMS {
                break;
            }
            cursor = next;
        }
        Ok(found)
    }
}

/// A day's limit and what is used of it, today and of tomorrow.
fn day(used: &(Vec<Option<u64>>, Vec<Option<u64>>), index: usize, most: u32) -> Day {
    let of = |used: &[Option<u64>]| used.get(index).copied().flatten().unwrap_or(0);
    Day { used: of(&used.0), tomorrow: of(&used.1), most: most.into() }
}
