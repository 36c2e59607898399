//! Confirmation that a record is stored in more than one place: the intent to send a refresh
//! token, or a call to Zoom that could not be found again after a loss.
//!
//! `WAIT`, if there are replicas: a failover must not lose the record, so a replica that does
//! not confirm is an error, and so is a server that cannot report its replicas. Once a
//! replica was seen it is expected from then on, also by daemons started later, because a new
//! master has none directly after a failover. Only the operator can reset this
//! ([`Replicas::AtLeast`]).
//!
//! `WAITAOF`, if the server has it (Redis 7.2, Valkey): the record is then in the append-only
//! file of the server. A disk that does not confirm in time is logged, and not waited for
//! again for a while. With `appendfsync everysec` the wait takes up to one second and blocks
//! its connection, so one wait confirms all records written before it.
//!
//! Invariant: a record and its wait use the same connection, else the record counts as not
//! confirmed: a new connection has written nothing, so its `WAIT` succeeds trivially.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redis::Value;
use tokio::sync::Mutex;

use crate::clock::ms;
use crate::error::ErrorKind;
use crate::redis::conn::refusal;
use crate::redis::script::Call;
use crate::{Conn, Replicas, Store, StoreError};

/// Time limit for the confirmation by a replica or the disk.
const PATIENCE: Duration = Duration::from_secs(2);
/// Time for which a disk that did not confirm is not asked again.
const DISK_REST: Duration = Duration::from_secs(60);

/// The words of a server that does not have `WAITAOF`.
const NO_COMMAND: &str = "unknown command";

/// The field of the namespace's own facts that says that a replica was seen.
const REMEMBERED: &str = "replicas";

/// A connection of its own for what must be confirmed. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Durable(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    conn: Conn,
    /// The key of what the namespace says of itself.
    meta: String,
    replicas: Replicas,
    /// True if a replica was seen, by anybody.
    seen: AtomicBool,
    /// Writes that were answered.
    written: AtomicU64,
    rounds: Mutex<Rounds>,
    /// True if the server said that it has no `WAITAOF`.
    no_waitaof: AtomicBool,
}

#[derive(Debug, Default)]
struct Rounds {
    /// The last of the writes that the last wait was about; it was about all before it.
    upto: u64,
    /// The connection that the last wait went over.
    over: u64,
    /// Error of the last round, if it failed.
    refused: Option<StoreError>,
    disk_rests_until: Option<Instant>,
}

/// Position of a write that awaits confirmation.
#[derive(Debug)]
pub(crate) struct Written {
    nth: u64,
    /// The connection it went over.
    over: u64,
}

impl Durable {
    pub(crate) fn new(store: &Store) -> Self {
        Self(Arc::new(Inner {
            conn: store.blocking_connection(),
            meta: store.keys().meta(),
            replicas: store.replicas(),
            seen: AtomicBool::new(false),
            written: AtomicU64::new(0),
            rounds: Mutex::default(),
            no_waitaof: AtomicBool::new(false),
        }))
    }

    #[cfg(test)]
    fn conn(&self) -> &Conn {
        &self.0.conn
    }

    /// Runs a script whose writes are to be confirmed.
    pub(crate) async fn write(&self, call: Call<'_>) -> Result<(Value, Written), StoreError> {
        let over = self.0.conn.connected().await?;
        let answer = call.run(&self.0.conn).await?;
        let nth = self.0.written.fetch_add(1, Ordering::Relaxed) + 1;
        Ok((answer, Written { nth, over }))
    }

    /// Waits until what was written is confirmed.
    ///
    /// # Errors
    /// Fails if no replica confirms, or the connection was replaced meanwhile.
    pub(crate) async fn confirm(&self, written: Written) -> Result<(), StoreError> {
        let mut rounds = self.0.rounds.lock().await;
        if rounds.upto < written.nth || rounds.over != written.over {
            // All of these were answered before the wait that follows.
            rounds.upto = self.0.written.load(Ordering::Relaxed);
            rounds.over = written.over;
            rounds.refused = self.wait(written.over, &mut rounds.disk_rests_until).await.err();
        }
        rounds.refused.clone().map_or(Ok(()), Err)
    }

    async fn wait(
        &self,
        over: u64,
        disk_rests_until: &mut Option<Instant>,
    ) -> Result<(), StoreError> {
        let wanted = self.wanted(over).await?;
        if wanted > 0 {
            self.replicas_have_it(over, wanted).await?;
        }
        let rests = disk_rests_until.is_some_and(|until| Instant::now() < until);
        if !rests && let Some(why) = self.not_on_disk(over).await? {
            tracing::warn!(
                why,
                "redis: the disk does not confirm records of token refreshes and calls (WAITAOF); \
                 asked again in {} s",
                DISK_REST.as_secs()
            );
            *disk_rests_until = Some(Instant::now() + DISK_REST);
        }
        Ok(())
    }

    /// Asks over the connection of the write; an answer that is an error is one.
    async fn ask(&self, over: u64, what: &redis::Pipeline) -> Result<Vec<Value>, StoreError> {
        let answers = self.0.conn.values_over(over, what).await?.into_iter().map(refusal);
        Ok(answers.collect::<Result<_, _>>()?)
    }

    /// Number of replicas that must confirm. One that is attached for the first time is
    /// remembered in the namespace.
    async fn wanted(&self, over: u64) -> Result<u32, StoreError> {
        if let Replicas::AtLeast(count) = self.0.replicas {
            return Ok(count);
        }
        if self.0.seen.load(Ordering::Relaxed) {
            return Ok(1);
        }
        let mut ask = redis::pipe();
        ask.cmd("INFO").arg("replication").cmd("HGET").arg(&self.0.meta).arg(REMEMBERED);
        let answers = Value::Array(self.ask(over, &ask).await?);
        let (info, remembered): (String, Option<String>) = redis::from_redis_value(answers)?;
        if remembered.is_none() {
            if !info.contains("state=online") {
                return Ok(0);
            }
            let mut remember = redis::pipe();
            remember.cmd("HSET").arg(&self.0.meta).arg(REMEMBERED).arg(1);
            self.ask(over, &remember).await?;
        }
        self.0.seen.store(true, Ordering::Relaxed);
        Ok(1)
    }

    async fn replicas_have_it(&self, over: u64, wanted: u32) -> Result<(), StoreError> {
        let mut wait = redis::pipe();
        wait.cmd("WAIT").arg(wanted).arg(ms(PATIENCE));
        let (confirmed,): (u32,) =
            redis::from_redis_value(Value::Array(self.ask(over, &wait).await?))?;
        if confirmed >= wanted {
            return Ok(());
        }
        let what = match confirmed {
            0 => "redis: no replica confirmed the record".to_owned(),
            some => format!("redis: {some} of {wanted} replicas confirmed the record"),
        };
        Err(StoreError::new(ErrorKind::ReadOnly, what))
    }

    /// Reason why the write may not be on disk. `None`: it is, or need not be (a server without the
    /// command, or without an AOF).
    async fn not_on_disk(&self, over: u64) -> Result<Option<String>, StoreError> {
        if self.0.no_waitaof.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let mut wait = redis::pipe();
        wait.cmd("WAITAOF").arg(1).arg(0).arg(ms(PATIENCE));
        match self.ask(over, &wait).await {
            Ok(answers) => {
                let ((local, _),): ((u64, u64),) = redis::from_redis_value(Value::Array(answers))?;
                Ok((local == 0).then(|| format!("not within {PATIENCE:?}")))
            }
            Err(error) if error.is_transient() => Err(error),
            Err(error) => {
                let told = error.to_string();
                if told.contains(NO_COMMAND) {
                    self.0.no_waitaof.store(true, Ordering::Relaxed);
                }
                Ok(Some(told).filter(|told| !has_no_log(told)))
            }
        }
    }
}

/// A refusal of `WAITAOF` by a server without it, or without an AOF: nothing is to be
/// on a disk there. Any other refusal leaves it open.
fn has_no_log(told: &str) -> bool {
    told.contains(NO_COMMAND) || told.contains("appendonly is disabled")
}

impl Store {
    /// Forgets that a replica was seen, where the configuration says that there
    /// need be none.
    pub async fn forget_replicas(&self) -> Result<(), StoreError> {
        if self.replicas() == Replicas::AtLeast(0) {
            let mut forget = redis::cmd("HDEL");
            forget.arg(self.keys().meta()).arg(REMEMBERED);
            self.connection().value(&forget).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use redis_local::{Options, RedisServer};
    use rustix::process::Signal;

    use super::*;
    use crate::{Script, StoreConfig};

    async fn write(durable: &Durable) -> Result<Written, StoreError> {
        let script = Script::made(|| "return redis.call('INCR', KEYS[1])".to_owned());
        Ok(durable.write(script.call().key("t:v1:n")).await?.1)
    }

    fn durable(server: &RedisServer, replicas: Replicas) -> Durable {
        let config = StoreConfig { replicas, ..StoreConfig::new(server.url(), "t") };
        Durable::new(&Store::open(&config).expect("a url"))
    }

    async fn confirmed(durable: &Durable) -> Result<(), StoreError> {
        let written = write(durable).await?;
        durable.confirm(written).await
    }

    #[tokio::test]
    async fn a_record_is_confirmed_over_the_connection_it_was_written_on() {
        let master = RedisServer::start().expect("redis-server");
        let replica = master.replica(Options::default()).expect("a replica");
        let durable = durable(&master, Replicas::Remembered);
        confirmed(&durable).await.expect("the replica has it");
        // The replica receives nothing more, and a new connection has written nothing: its WAIT
        // would succeed immediately.
        replica.signal(Signal::STOP);
        let written = write(&durable).await.expect("written");
        master.ask(&["CLIENT", "KILL", "TYPE", "normal"]).expect("killed");
        let broken = durable.conn().value(&redis::cmd("PING")).await;
        broken.expect_err("the connection broke");
        durable.conn().value(&redis::cmd("PING")).await.expect("and is renewed");
        let error = durable.confirm(written).await.expect_err("not confirmed");
        assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
        replica.signal(Signal::CONT);
        confirmed(&durable).await.expect("the next one is");
    }

    #[tokio::test]
    async fn a_replica_once_seen_is_expected_until_an_operator_says_otherwise() {
        let master = RedisServer::start().expect("redis-server");
        let first = durable(&master, Replicas::Remembered);
        confirmed(&first).await.expect("there is none");
        let mut replica = master.replica(Options::default()).expect("a replica");
        confirmed(&first).await.expect("the replica has it");
        replica.kill();
        while !master.ask(&["INFO", "replication"]).expect("info").contains("connected_slaves:0") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let error = confirmed(&first).await.expect_err("nobody else has it");
        assert!(error.to_string().contains("no replica"), "{error}");
        let later = durable(&master, Replicas::Remembered);
        confirmed(&later).await.expect_err("another process knows it, too");
        confirmed(&durable(&master, Replicas::AtLeast(0))).await.expect("none is needed");
        let config =
            StoreConfig { replicas: Replicas::AtLeast(0), ..StoreConfig::new(master.url(), "t") };
        let store = Store::open(&config).expect("a url");
        store.forget_replicas().await.expect("forgotten");
        confirmed(&durable(&master, Replicas::Remembered)).await.expect("it is forgotten");
        confirmed(&durable(&master, Replicas::AtLeast(1))).await.expect_err("one is asked for");
    }

    #[test]
    fn only_a_server_without_the_command_or_the_log_need_not_confirm() {
        for (told, none) in [
            ("ERR unknown command 'WAITAOF', with args beginning with: '1' '0' '2000'", true),
            ("ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.", true),
            ("NOPERM User zoomd has no permissions to run the 'waitaof' command", false),
            ("ERR value is not an integer or out of range", false),
        ] {
            assert_eq!(has_no_log(told), none, "{told}");
        }
    }

    #[tokio::test]
    async fn a_server_that_may_not_be_asked_confirms_nothing() {
        let master = RedisServer::start().expect("redis-server");
        let replica = master.replica(Options::default()).expect("a replica");
        let durable = durable(&master, Replicas::Remembered);
        write(&durable).await.expect("written");
        replica.signal(Signal::STOP);
        master.ask(&["ACL", "SETUSER", "default", "-info", "-role"]).expect("acl");
        let error = confirmed(&durable).await.expect_err("it cannot be asked");
        assert_eq!(error.kind(), ErrorKind::Auth, "{error}");
    }
}
