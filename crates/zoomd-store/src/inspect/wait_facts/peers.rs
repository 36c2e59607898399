//! Other accounts of the same Zoom account, which use the same budgets.

use std::collections::BTreeSet;

use redis::from_redis_value;

use super::budget_names::{Asleep, MOST_ROOMS, Whose};
use crate::StoreError;
use crate::eta::{Backlog, Room, Sharer};
use crate::inspect::Ops;

/// Names that are looked at in each place where they may stand.
const MOST_NAMES: usize = 1_000;
/// Maximum number of accounts whose rooms are read; of others only the number of waiting jobs.
const MOST_READ: usize = 20;

/// One of them.
struct Other {
    name: String,
    user: Option<String>,
    mails: Option<String>,
    waiting: u64,
    wakes_ms: i64,
}

/// Other accounts with waiting jobs.
#[derive(Default)]
pub(in crate::inspect) struct Others {
    all: Vec<Other>,
    /// Accounts that have a turn, and those in line for the budget; includes the others.
    ring: Vec<String>,
    lined: Vec<String>,
}

/// The account of a lane, of a lane of looks, or of a room.
fn account_of(name: &str) -> &str {
    name.split(['|', '?']).next().unwrap_or(name)
}

impl Others {
    pub(in crate::inspect) async fn of(ops: &Ops, whose: &Whose<'_>) -> Result<Self, StoreError> {
        if whose.zoom.starts_with('~') {
            return Ok(Self::default());
        }
        let (keys, conn) = (ops.store.keys(), ops.store.connection());
        let mut reads = redis::pipe();
        let line =
            keys.line(&format!("{}:{}", whose.zoom, ops.budgets().classes.hosted().as_str()));
        for key in [line, keys.ring(), keys.asleep()] {
            reads.cmd("ZRANGE").arg(key).arg(0).arg(MOST_NAMES - 1);
        }
        let mut pages = Vec::new();
        for page in conn.values(&reads).await? {
            pages.push(from_redis_value::<Vec<String>>(page)?);
        }
        let names = pages.iter().flatten().map(|name| account_of(name));
        let names: BTreeSet<_> = names.filter(|name| *name != whose.account).collect();
        let mut pages = pages.iter();
        let mut page = || pages.next().cloned().unwrap_or_default();
        let mut found = Self { lined: page(), ring: page(), ..Self::default() };
        if names.is_empty() {
            return Ok(found);
        }
        let mut reads = redis::pipe();
        for name in &names {
            reads.cmd("HMGET").arg(keys.account(name)).arg(&["z", "uid", "em", "st", "paused"]);
            reads.cmd("HLEN").arg(keys.payloads(name));
            reads.cmd("ZSCORE").arg(keys.asleep()).arg(*name);
        }
        let values = conn.values(&reads).await?;
        for (name, pair) in names.into_iter().zip(values.chunks_exact(3)) {
            let fields: [Option<String>; 5] = from_redis_value(pair[0].clone())?;
            let waiting = from_redis_value(pair[1].clone())?;
            let wakes: Option<f64> = from_redis_value(pair[2].clone())?;
            let [zoom, user, mails, state, paused] = fields;
            let runs = state.as_deref() == Some("active") && paused.is_none();
            if runs && zoom.as_deref() == Some(whose.zoom) && waiting > 0 {
                let (name, wakes_ms) = (name.to_owned(), wakes.map_or(0, |wakes| wakes as i64));
                found.all.push(Other { name, user, mails, waiting, wakes_ms });
            }
        }
        Ok(found)
    }

    pub(in crate::inspect) fn names(&self) -> impl Iterator<Item = &str> {
        self.all.iter().map(|other| other.name.as_str())
    }

    /// Reads the number of jobs in their rooms, and the order of turns.
    pub(in crate::inspect) async fn read(
        &self,
        ops: &Ops,
        whose: &Whose<'_>,
        asleep: &Asleep,
        line: &mut Backlog,
    ) -> Result<(), StoreError> {
        for (nth, other) in self.all.iter().enumerate() {
            let (user, mails) = (other.user.as_deref(), other.mails.as_deref());
            let theirs = Whose { account: &other.name, user, mails, ..*whose };
            let rooms = if nth < MOST_READ {
                ops.rooms(&theirs, &[], asleep, MOST_ROOMS).await?
            } else {
                vec![Room { waiting: other.waiting, ..Room::default() }]
            };
            let (account, wakes_ms) = (other.name.clone(), other.wakes_ms);
            line.sharers.push(Sharer { account, wakes_ms, rooms });
        }
        let ours = |name: &&String| {
            **name == *whose.account || self.all.iter().any(|other| other.name == **name)
        };
        line.ring = self.ring.iter().filter(ours).cloned().collect();
        line.lined = self.lined.iter().filter(ours).cloned().collect();
        Ok(())
    }
}
