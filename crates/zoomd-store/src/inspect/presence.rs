//! Daemons of a namespace: each announces itself every second.

use std::time::Duration;

use jiff::Timestamp;
use redis::from_redis_value;
use zoomd_wire::{Event, EventKind};

use super::{Ops, Problem};
use crate::clock::{ALIVE_MS, DAY_MS, SLOW_ALIVE_MS, ms};
use crate::{StoreError, events};

/// Time between two announcements of a daemon.
pub const HEARTBEAT: Duration = Duration::from_secs(1);
/// A daemon is forgotten this long after its last heartbeat.
const FORGOTTEN_MS: i64 = DAY_MS;
/// Daemons shown at most.
const MOST: usize = 100;
/// Field of the namespace's hash for the daemon that ended last.
pub(super) const LEFT: &str = "left";

/// A daemon, as it announces itself.
#[derive(Debug, Clone)]
pub struct Presence {
    /// The id: new with each start.
    pub id: String,
    /// The machine it runs on.
    pub host: String,
    /// The process.
    pub pid: u32,
    pub version: String,
    pub started_ms: i64,
    /// Problems that keep it from running jobs.
    pub problems: Vec<Problem>,
}

/// A daemon that was heard of.
#[derive(Debug, Clone)]
pub struct DaemonLine {
    /// The announcement.
    pub presence: Presence,
    /// The time at which it was last heard of.
    pub seen_ms: i64,
    /// True if its last heartbeat is recent.
    pub alive: bool,
}

impl DaemonLine {
    /// True if a heartbeat, which is a write, succeeded recently.
    pub(crate) fn any_alive(lines: &[Self]) -> bool {
        lines.iter().any(|line| line.alive)
    }
}

/// The daemon that ended last of those that said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    pub id: String,
    /// The machine it ran on.
    pub host: String,
    /// The time at which it ended, ms.
    pub at_ms: i64,
}

impl Left {
    /// From `<ms> <id> <machine>`.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut words = text.splitn(3, ' ');
        let at_ms = words.next()?.parse().ok()?;
        Some(Self { at_ms, id: words.next()?.to_owned(), host: words.next()?.to_owned() })
    }
}

impl Ops {
    /// Says that a daemon is there; to be said every [`HEARTBEAT`].
    pub async fn announce(&self, presence: &Presence) -> Result<(), StoreError> {
        let keys = self.store.keys();
        let now_ms = self.store.now_ms().await?;
        let key = keys.daemon(&presence.id);
        let mut write = redis::pipe();
        write.cmd("ZADD").arg(keys.daemons()).arg(now_ms).arg(&presence.id);
        write.cmd("HSET").arg(&key).arg("host").arg(&presence.host);
        write.arg("pid").arg(presence.pid).arg("version").arg(&presence.version);
        let problems = serde_json::to_string(&presence.problems).unwrap_or_default();
        write.arg("started").arg(presence.started_ms).arg("problems").arg(problems);
        write.arg("every").arg(ms(HEARTBEAT));
        write.cmd("PEXPIRE").arg(&key).arg(FORGOTTEN_MS);
        write.cmd("ZREMRANGEBYSCORE").arg(keys.daemons()).arg("-inf").arg(now_ms - FORGOTTEN_MS);
        for answer in self.store.connection().values(&write).await? {
            answer.extract_error()?;
        }
        Ok(())
    }

    /// Publishes that a daemon has started.
    pub async fn started(&self, presence: &Presence) -> Result<(), StoreError> {
        let at = Timestamp::from_millisecond(self.store.now_ms().await?).unwrap_or_default();
        let (daemon, machine, version) = (&presence.id, &presence.host, &presence.version);
        let kind = EventKind::DaemonStarted { daemon, machine, version };
        self.store.publish(&[Event { at, account: "", kind }]).await
    }

    /// Reports that a daemon has ended: it is not missed, and the last one records since when none
    /// runs.
    pub async fn leave(&self, id: &str, host: &str) -> Result<(), StoreError> {
        let keys = self.store.keys();
        let now_ms = self.store.now_ms().await?;
        let mut write = redis::pipe();
        write.cmd("ZREM").arg(keys.daemons()).arg(id).cmd("DEL").arg(keys.daemon(id));
        // The last, for a Redis that is full refuses it.
        write.cmd("HSET").arg(keys.meta()).arg(LEFT).arg(format!("{now_ms} {id} {host}"));
        let at = Timestamp::from_millisecond(now_ms).unwrap_or_default();
        let kind = EventKind::DaemonStopped { daemon: id, machine: host };
        events::add(&mut write, keys, &Event { at, account: "", kind });
        self.store.connection().values(&write).await?;
        Ok(())
    }

    /// The daemon that ended last of those that said so.
    pub(super) async fn left(&self) -> Result<Option<Left>, StoreError> {
        let mut command = redis::cmd("HGET");
        command.arg(self.store.keys().meta()).arg(LEFT);
        let left: Option<String> =
            from_redis_value(self.store.connection().value(&command).await?)?;
        Ok(left.as_deref().and_then(Left::read))
    }

    /// The daemons that were heard of, the latest first.
    pub async fn daemons(&self) -> Result<Vec<DaemonLine>, StoreError> {
        let now_ms = self.store.now_ms().await?;
        let mut command = redis::cmd("ZREVRANGE");
        command.arg(self.store.keys().daemons()).arg(0).arg(MOST - 1).arg("WITHSCORES");
        let seen = from_redis_value(self.store.connection().value(&command).await?)?;
        self.daemon_lines(seen, now_ms).await
    }

    /// Announcements of these daemons, heard of then.
    pub(super) async fn daemon_lines(
        &self,
        seen: Vec<(String, f64)>,
        now_ms: i64,
    ) -> Result<Vec<DaemonLine>, StoreError> {
        let keys = self.store.keys();
        if seen.is_empty() {
            return Ok(Vec::new());
        }
        let mut reads = redis::pipe();
        for (id, _) in &seen {
            let fields = ["host", "pid", "version", "started", "problems", "every"];
            reads.cmd("HMGET").arg(keys.daemon(id)).arg(&fields);
        }
        let values = self.store.connection().values(&reads).await?;
        let mut daemons = Vec::with_capacity(seen.len());
        for ((id, seen_ms), value) in seen.into_iter().zip(values) {
            let fields: Vec<Option<String>> = from_redis_value(value)?;
            let mut fields = fields.into_iter();
            let mut next = || fields.next().flatten().unwrap_or_default();
            let (host, pid) = (next(), next().parse().unwrap_or(0));
            let (version, started_ms) = (next(), next().parse().unwrap_or(0));
            let seen_ms = seen_ms as i64;
            // A daemon of another version may report none, or in another form.
            let problems = serde_json::from_str(&next()).unwrap_or_default();
            let within = if next().is_empty() { SLOW_ALIVE_MS } else { ALIVE_MS };
            let presence = Presence { id, host, pid, version, started_ms, problems };
            daemons.push(DaemonLine { presence, seen_ms, alive: now_ms - seen_ms < within });
        }
        Ok(daemons)
    }
}
