//! A master that is moved: nothing is written to the one that was left.

use std::time::{Duration, Instant};

use redis_local::{MASTER, Options, RedisServer, Sentinel};
use rustix::process::Signal;
use zoomd_store::{Conn, ErrorKind, Store, StoreConfig, StoreError};

const LIMIT: Duration = Duration::from_secs(20);

/// Waits until it holds.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + LIMIT;
    while !holds() {
        assert!(Instant::now() < end, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn set(conn: &Conn, key: &str) -> Result<(), StoreError> {
    let mut set = redis::cmd("SET");
    set.arg(key).arg(1);
    Ok(conn.value(&set).await.map(drop)?)
}

/// Writes until it is taken.
async fn insist(conn: &Conn, key: &str) {
    let end = Instant::now() + LIMIT;
    while let Err(error) = set(conn, key).await {
        assert!(Instant::now() < end, "{error}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A master with a replica, and sentinels; only the last of them answers.
struct Watched {
    master: RedisServer,
    replica: RedisServer,
    sentinel: Sentinel,
    frozen: Sentinel,
}

impl Watched {
    async fn start() -> Self {
        let master = RedisServer::start().expect("redis-server");
        let replica = master.replica(Options::default()).expect("a replica");
        let settings = [format!("sentinel failover-timeout {MASTER} 10000")];
        let settings: Vec<_> = settings.iter().map(String::as_str).collect();
        let watching = || Sentinel::watching(&master, 1, &settings).expect("a sentinel");
        let (sentinel, frozen) = (watching(), watching());
        frozen.signal(Signal::STOP);
        let port = replica.port().to_string();
        until("the sentinel knows the replica", || {
            let known = sentinel.ask(&["SENTINEL", "REPLICAS", MASTER]).expect("asked");
            known.contains(&port) && known.contains("\r\nok\r\n")
        })
        .await;
        Self { master, replica, sentinel, frozen }
    }

    fn config(&self) -> StoreConfig {
        let (first, second) = (self.frozen.port(), self.sentinel.port());
        let url = format!("redis+sentinel://127.0.0.1:{first},127.0.0.1:{second}/{MASTER}");
        StoreConfig::new(url, "zoomd")
    }

    async fn fail_over(&self) {
        let told = self.sentinel.ask(&["SENTINEL", "FAILOVER", MASTER]).expect("asked");
        assert!(told.starts_with("+OK"), "{told}");
        let to = Some(self.replica.port());
        until("the sentinel has switched", || self.sentinel.master() == to).await;
    }
}

#[tokio::test]
async fn an_idle_connection_to_a_woken_old_master_takes_no_write() {
    let watched = Watched::start().await;
    let begun = Instant::now();
    let store = Store::connect(&watched.config()).await.expect("connected");
    assert!(begun.elapsed() < Duration::from_secs(4), "nobody waits for a frozen sentinel");
    let (used, idle) = (store.connection(), store.blocking_connection());
    set(&used, "before-1").await.expect("written");
    set(&idle, "before-2").await.expect("written");
    // A WAIT of another connection would not wait for these writes.
    until("the replica has both", || {
        watched.replica.ask(&["EXISTS", "before-1", "before-2"]).is_ok_and(|n| n.starts_with(":2"))
    })
    .await;
    watched.master.signal(Signal::STOP);
    let listening = tokio::spawn({
        let conn = store.connection();
        async move { conn.watch_master().await }
    });
    // A command that the old master will never answer is given up when the new one
    // is known, and the next goes there.
    let waiting = tokio::spawn({
        let used = used.clone();
        async move { set(&used, "under-way").await }
    });
    watched.fail_over().await;
    let error = waiting.await.expect("no panic").expect_err("nobody answered");
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    insist(&used, "after-1").await;
    watched.master.signal(Signal::CONT);
    insist(&idle, "after-2").await;
    let keys = watched.replica.ask(&["KEYS", "*"]).expect("asked");
    for key in ["before-1", "before-2", "after-1", "after-2"] {
        assert!(keys.contains(key), "{key} is not at the new master: {keys}");
    }
    listening.abort();
}

#[tokio::test]
async fn a_switch_that_nobody_heard_is_found_when_the_sentinels_are_listened_to_again() {
    let watched = Watched::start().await;
    let store = Store::connect(&watched.config()).await.expect("connected");
    let conn = store.connection();
    set(&conn, "before").await.expect("written");
    watched.master.signal(Signal::STOP);
    watched.fail_over().await;
    // No receiver so far, and nothing was sent since.
    let mut renewals = conn.renewals();
    let listening = tokio::spawn({
        let conn = conn.clone();
        async move { conn.watch_master().await }
    });
    tokio::time::timeout(LIMIT, renewals.changed()).await.expect("in time").expect("shared");
    insist(&conn, "after").await;
    let there = watched.replica.ask(&["EXISTS", "after"]).expect("asked");
    assert!(there.starts_with(":1"), "{there}");
    listening.abort();
}

#[tokio::test]
async fn a_run_id_that_changed_renews_all_connections_at_once() {
    let mut server = RedisServer::start().expect("redis-server");
    let store = Store::connect(&StoreConfig::new(server.url(), "t")).await.expect("connected");
    let (used, idle) = (store.connection(), store.blocking_connection());
    set(&used, "a").await.expect("written");
    set(&idle, "a").await.expect("written");
    let numbers = (used.number(), idle.number());
    let mut renewals = used.renewals();
    server.stop();
    server.restart().expect("starts again");
    let error = set(&used, "b").await.expect_err("it broke");
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert_eq!(idle.number(), 0, "the idle one is left before anybody finds it broken");
    // The first new connection finds another run id: the caller has read the old server.
    let error = set(&used, "c").await.expect_err("another server");
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    set(&used, "d").await.expect("written");
    set(&idle, "d").await.expect("without an error of its own");
    assert!(renewals.has_changed().expect("shared") && *renewals.borrow_and_update() == 2);
    assert!(used.number() != numbers.0 && idle.number() != numbers.1);
    // A connection that breaks while the server stays: one renewal.
    server.ask(&["CLIENT", "KILL", "TYPE", "normal"]).expect("killed");
    set(&used, "e").await.expect_err("it broke");
    set(&used, "e").await.expect("the same server");
    assert_eq!(*renewals.borrow_and_update(), 3);
}

#[tokio::test]
async fn a_command_under_way_is_given_up_when_another_connection_finds_the_server_gone() {
    let server = RedisServer::start().expect("redis-server");
    let store = Store::connect(&StoreConfig::new(server.url(), "t")).await.expect("connected");
    let (used, reader) = (store.connection(), store.blocking_connection());
    set(&used, "a").await.expect("written");
    reader.connected().await.expect("connected");
    let mut pop = redis::cmd("BLPOP");
    pop.arg("nothing").arg(30);
    let blocked = reader.blocking(&pop, Duration::from_secs(30));
    tokio::pin!(blocked);
    assert!(futures_util::poll!(&mut blocked).is_pending());
    until("it blocks", || {
        server.ask(&["INFO", "clients"]).expect("info").contains("blocked_clients:1")
    })
    .await;
    let begun = Instant::now();
    let list = server.ask(&["CLIENT", "LIST"]).expect("list");
    let idle = list.lines().find(|line| line.contains("cmd=set")).expect("the writer");
    let id = idle.split("id=").nth(1).and_then(|rest| rest.split(' ').next()).expect("an id");
    server.ask(&["CLIENT", "KILL", "ID", id]).expect("killed");
    set(&used, "b").await.expect_err("it broke");
    blocked.await.expect_err("given up");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}
