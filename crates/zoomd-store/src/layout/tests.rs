//! A namespace of layout 1 is migrated completely, also after an interruption, and only when no
//! daemon of the old version is left.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use redis::Value;
use redis_local::{Options, RedisServer};

use super::names::{CLASSES, SINGLE};
use super::*;
use crate::StoreConfig;
use crate::redis::scripts::PROMOTE;

/// Jobs that wait: more than one page of a scan holds.
const MANY: &str = "2500";

/// A key of each name, with values of its type. The text of a namespace's own names is
/// in them, too: what is in a key is none of the layout's business.
const FILL: &str = "
local P, kinds = ARGV[1], {}
redis.call('HSET', P .. 'meta', 'layout', '1', 'deployment', 'default', 'secret', 'z1.old', 'run_id', 'x')
for i = 4, 3 + 2 * tonumber(ARGV[3]), 2 do
  if ARGV[i + 1] == 'hash' then redis.call('HSET', P .. ARGV[i], 'field', P .. 'zz')
  else redis.call('ZADD', P .. ARGV[i], 5, 'member') end
end
for i = 4 + 2 * tonumber(ARGV[3]), #ARGV do
  for n = 1, 3 do
    local key = P .. ARGV[i] .. n .. ':a|b'
    redis.call('HSET', key, 'n', n)
    if n == 2 then redis.call('PEXPIRE', key, 3600000) end
  end
end
for n = 1, tonumber(ARGV[2]) do redis.call('ZADD', P .. 'w:acme|' .. n, n, 'job') end
redis.call('XADD', 't:jobs', '1-1', 'job', '{}')";

struct World {
    _server: RedisServer,
    store: Store,
}

/// Value of each key, and true if the key expires.
type View = BTreeMap<String, (Value, bool)>;

impl World {
    async fn new() -> Self {
        let options = Options { aof: None, ..Options::default() };
        let server = RedisServer::start_with(options).expect("redis-server");
        let store = Store::connect(&StoreConfig::new(server.url(), "t")).await.expect("store");
        Self { _server: server, store }
    }

    async fn ask(&self, words: &[&str]) -> Result<Value, redis::RedisError> {
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        self.store.connection().value(&command).await
    }

    /// The namespace as layout 1 had it, and nothing else.
    async fn fill(&self) {
        self.ask(&["FLUSHALL"]).await.expect("empty");
        let mut call = redis::cmd("EVAL");
        call.arg(FILL).arg(0).arg("t:v1:").arg(MANY).arg(Keys::SINGLE.len() - 1);
        for (name, kind) in Keys::SINGLE.iter().filter(|(name, _)| *name != "meta") {
            call.arg(old(SINGLE, name)).arg(*kind);
        }
        Keys::CLASSES.iter().for_each(|class| {
            call.arg(old(CLASSES, class));
        });
        self.store.connection().value(&call).await.expect("filled");
    }

    async fn view(&self) -> View {
        let keys: Vec<String> =
            redis::from_redis_value(self.ask(&["KEYS", "*"]).await.expect("keys")).expect("names");
        let mut reads = redis::pipe();
        for key in &keys {
            reads.cmd("DUMP").arg(key).cmd("PTTL").arg(key);
        }
        let read = self.store.connection().values(&reads).await.expect("read");
        let pairs = read.chunks(2).map(|pair| (pair[0].clone(), pair[1] != Value::Int(-1)));
        keys.into_iter().zip(pairs).collect()
    }

    async fn layout(&self, key: &str) -> Option<String> {
        let found = self.ask(&["HGET", key, "layout"]).await.expect("asked");
        redis::from_redis_value(found).expect("a text")
    }
}

/// The name in layout 1.
fn old(table: &'static [(&str, &str)], name: &'static str) -> &'static str {
    table.iter().find(|(_, new)| *new == name).map_or(name, |(old, _)| old)
}

/// Renames the keys to this layout's names and leaves out the layout number.
fn renamed(old: &View) -> View {
    let name = |key: &str| {
        let Some(name) = key.strip_prefix("t:v1:") else { return key.to_owned() };
        let pair = SINGLE.iter().find(|(old, _)| *old == name);
        let pair = pair.or_else(|| CLASSES.iter().find(|(old, _)| name.starts_with(old)));
        let Some((old, new)) = pair else { return key.to_owned() };
        format!("t:v1:{new}{}", &name[old.len()..])
    };
    let kept = old.iter().filter(|(key, _)| *key != "t:v1:meta");
    kept.map(|(key, value)| (name(key), value.clone())).collect()
}

/// All but the layout itself and what bars old names.
fn without_bars(mut view: View) -> View {
    let barred = |key: &str| SINGLE.iter().any(|(old, _)| key.strip_prefix("t:v1:") == Some(old));
    view.retain(|key, _| !barred(key) && key != "t:v1:meta");
    view
}

/// Polls `work` until it has waited this number of times, then drops it; true if it finished.
async fn interrupted<T>(work: impl Future<Output = T>, mut waits: u32) -> bool {
    let mut work = pin!(work);
    poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(_) => Poll::Ready(true),
        Poll::Pending if waits == 0 => Poll::Ready(false),
        Poll::Pending => {
            waits -= 1;
            Poll::Pending
        }
    })
    .await
}

#[tokio::test]
async fn everything_is_carried_over_wherever_it_is_interrupted() {
    let world = World::new().await;
    world.fill().await;
    let expected = renamed(&world.view().await);
    // A first step of which a part was refused, where no script is asked for its rights.
    world.ask(&["HSET", "t:v1:meta", "layout", RAISING]).await.expect("set");
    raise(&world.store).await.expect("raised");
    assert_eq!(without_bars(world.view().await), expected);
    let (mut half, mut waits, mut ended) = (0, 0, false);
    while !ended {
        world.fill().await;
        ended = interrupted(raise(&world.store), waits).await;
        waits += 1;
        if world.layout("t:v1:meta").await.as_deref() == Some(RAISING) {
            half += 1;
            let promote = PROMOTE.call().key(world.store.keys().prefix()).arg(0).arg(1);
            let refused = promote.run(&world.store.connection()).await.expect_err("half way");
            assert_eq!(refused.kind(), ErrorKind::Layout, "{refused}");
            let read = crate::probe::namespace(&world.store).await.expect_err("half way");
            assert!(read.to_string().contains("is being raised"), "{read}");
        }
        // Two daemons that start continue it.
        let (one, other) = tokio::join!(raise(&world.store), raise(&world.store));
        one.and(other).expect("raised");
        let found = world.view().await;
        assert_eq!(without_bars(found), expected, "after {waits} waits");
        assert_eq!(world.layout("t:v1:meta").await.as_deref(), Some("2"));
        let kept = world.ask(&["HMGET", "t:v1:meta", "deployment", "secret", "run_id"]).await;
        let kept: Vec<String> = redis::from_redis_value(kept.expect("meta")).expect("texts");
        assert_eq!(kept, ["default", "z1.old", "x"]);
    }
    assert!(half > 3, "{half} times half way");
    assert_eq!(raise(&world.store).await.expect("asked"), Raised::Not);
}

#[tokio::test]
async fn daemons_of_the_old_version_are_named_and_waited_for() {
    let world = World::new().await;
    world.fill().await;
    let now = world.store.now_ms().await.expect("time");
    for (daemon, ago, every) in
        [("quick", 500, true), ("slow", 20_000, false), ("dead", 9_000, true)]
    {
        let at = (now - ago).to_string();
        world.ask(&["ZADD", "t:v1:daemons", &at, daemon]).await.expect("told");
        let key = format!("t:v1:dm:{daemon}");
        world.ask(&["HSET", &key, "host", "box", "pid", "7"]).await.expect("told");
        if every {
            world.ask(&["HSET", &key, "every", "1000"]).await.expect("told");
        }
    }
    let before = world.view().await;
    let Raised::Waits(alive) = raise(&world.store).await.expect("asked") else { panic!("raised") };
    assert_eq!(alive, ["slow (host box, process 7)", "quick (host box, process 7)"]);
    assert_eq!(world.view().await, before);
    let refused = crate::probe::namespace(&world.store).await.expect_err("old");
    assert!(refused.to_string().contains("has layout 1"), "{refused}");
    world.ask(&["ZREM", "t:v1:daemons", "quick", "slow"]).await.expect("ended");
    let raised = raise(&world.store).await.expect("raised");
    assert!(matches!(raised, Raised::Done { moved } if moved > 2_500), "{raised:?}");
    crate::probe::namespace(&world.store).await.expect("readable").expect("known");
}

/// Scripts of the old version look at the types of single keys before they write.
#[tokio::test]
async fn a_daemon_that_was_frozen_meets_a_barred_key() {
    let world = World::new().await;
    world.fill().await;
    raise(&world.store).await.expect("raised");
    for (old, _) in SINGLE {
        for command in ["HLEN", "ZCARD"] {
            let refused = world.ask(&[command, &format!("t:v1:{old}")]).await.expect_err(old);
            assert_eq!(refused.code(), Some("WRONGTYPE"), "{old}");
        }
    }
    // One that starts is told that it is too old.
    assert_eq!(world.layout("t:v1:meta").await.as_deref(), Some("2"));
}

#[tokio::test]
async fn a_new_namespace_and_one_of_a_later_layout_are_left_alone() {
    let world = World::new().await;
    assert_eq!(raise(&world.store).await.expect("asked"), Raised::Not);
    assert_eq!(world.ask(&["DBSIZE"]).await.expect("asked"), Value::Int(0));
    world.ask(&["HSET", "t:v1:meta", "layout", "3"]).await.expect("set");
    let refused = raise(&world.store).await.expect_err("later");
    assert!(refused.to_string().contains("has layout 3"), "{refused}");
}

#[test]
fn a_namespace_is_no_pattern() {
    assert_eq!(as_pattern("a*b?[c]^\\{d}:v1:"), "a\\*b\\?\\[c\\]\\^\\\\{d}:v1:*");
}
