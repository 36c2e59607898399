//! Calls outside of any job, against a real Redis.

use std::time::{Duration, Instant};

use redis::Value;
use redis_local::RedisServer;
use zoomd_store::calls::{Begun, Calls};
use zoomd_store::limits::{Budgets, Label};
use zoomd_store::queue::{Close, WaitReason};
use zoomd_store::{Store, StoreConfig};
use zoomd_wire::AccountName;

const EXCHANGE: Duration = Duration::from_secs(30);
const EPOCH: &str = "1700000000000-0123abcd";

struct World {
    _redis: RedisServer,
    store: Store,
    calls: Calls,
    account: AccountName,
}

impl World {
    async fn new() -> Self {
        let redis = RedisServer::start().expect("redis-server is installed");
        let store = Store::open(&StoreConfig::new(redis.unix_url(), "zoomd")).expect("a url");
        let calls = Calls::new(store.clone(), Budgets::default());
        let account = AccountName::new("acme").expect("a name");
        let world = Self { _redis: redis, store, calls, account };
        world.set(&["st", "active", "ep", EPOCH, "gen", "3", "plan", "pro", "z", "Z"]).await;
        world
    }

    async fn redis(&self, words: &[&str]) -> Value {
        let mut cmd = redis::cmd(words[0]);
        cmd.arg(&words[1..]);
        self.store.connection().value(&cmd).await.expect("Redis answers")
    }

    async fn set(&self, fields: &[&str]) {
        let key = self.store.keys().account("acme");
        self.redis(&[&["HSET", &key], fields].concat()).await;
    }

    async fn in_flight(&self) -> Value {
        self.redis(&["ZCARD", &self.store.keys().in_flight("acme")]).await
    }

    async fn begin(&self) -> Begun {
        self.calls.begin(&self.account, Label::Medium, EXCHANGE).await.expect("an answer")
    }
}

#[tokio::test]
async fn a_call_stands_in_flight_until_it_ends() {
    let world = World::new().await;
    let before = Instant::now();
    let Begun::Go(call) = world.begin().await else { panic!("it may begin") };
    let version = call.version.expect("a grant");
    assert_eq!((version.epoch.to_string().as_str(), version.generation), (EPOCH, 3));
    assert!(call.until >= before + EXCHANGE && call.until <= Instant::now() + EXCHANGE);
    assert_eq!(world.in_flight().await, Value::Int(1));
    call.end().await.expect("Redis answers");
    assert_eq!(world.in_flight().await, Value::Int(0));
}

#[tokio::test]
async fn none_begins_while_a_rotation_is_under_way() {
    let world = World::new().await;
    let rotation = |begun| matches!(begun, Begun::Waits { why: WaitReason::Rotation, until_ms } if until_ms > 0);
    world.set(&["int", "x", "paused", "by hand"]).await;
    assert!(rotation(world.begin().await), "an intent closes the gate");
    world.redis(&["HDEL", &world.store.keys().account("acme"), "int"]).await;
    let now = world.store.now_ms().await.expect("Redis answers");
    world.set(&["lku", &(now + 60_000).to_string()]).await;
    assert!(rotation(world.begin().await), "a lease closes the gate");
    world.set(&["lku", &(now - 1).to_string()]).await;
    assert!(matches!(world.begin().await, Begun::Go(_)), "a pause holds jobs back only");
}

#[tokio::test]
async fn it_spends_the_budgets_that_jobs_spend() {
    let world = World::new().await;
    let Begun::Go(_call) = world.begin().await else { panic!("it may begin") };
    let window = world.store.keys().window("Z", "medium");
    assert_eq!(world.redis(&["LLEN", &window]).await, Value::Int(1));
    // Four fifths of 20 a second; times ahead of now, so that they stay in the window.
    let ahead = (world.store.now_ms().await.expect("Redis answers") + 5000).to_string();
    world.redis(&[&["RPUSH", &window], vec![ahead.as_str(); 15].as_slice()].concat()).await;
    let begun = world.begin().await;
    assert!(
        matches!(begun, Begun::Waits { why: WaitReason::Second, until_ms } if until_ms > 0),
        "{begun:?}"
    );
    world.redis(&["HSET", &world.store.keys().gates("Z"), "day:medium", "9000000000000"]).await;
    let Begun::Waits { why: WaitReason::Limited, until_ms } = world.begin().await else {
        panic!("what a 429 closed stays closed")
    };
    assert_eq!(until_ms, 9_000_000_000_000);
}

#[tokio::test]
async fn accounts_that_cannot_be_used_say_why() {
    let world = World::new().await;
    world.set(&["st", "needs_reauth", "why", "reply_lost"]).await;
    let Begun::State { state, why } = world.begin().await else { panic!("not active") };
    assert_eq!((state.as_str(), why.as_deref()), ("needs_reauth", Some("reply_lost")));
    let other = AccountName::new("other").expect("a name");
    let begun = world.calls.begin(&other, Label::Light, EXCHANGE).await.expect("an answer");
    assert!(matches!(begun, Begun::NoAccount));
    world.set(&["st", "active"]).await;
    world.redis(&["SET", &world.store.keys().in_flight("acme"), "not ours"]).await;
    assert!(matches!(world.begin().await, Begun::Broken));
}

#[tokio::test]
async fn a_429_closes_what_it_named_for_everybody() {
    let world = World::new().await;
    let at = |ms: i64| 9_000_000_000_000 + ms;
    let limited = async |host, close: Close| {
        world.calls.limited(&world.account, host, &close).await.expect("an answer");
    };
    limited(None, Close::LabelDay { label: "medium", until_ms: at(5) }).await;
    // A gate's time only grows.
    limited(None, Close::LabelDay { label: "medium", until_ms: at(1) }).await;
    let begun = world.begin().await;
    assert!(
        matches!(begun, Begun::Waits { why: WaitReason::Limited, until_ms } if until_ms == at(5)),
        "{begun:?}"
    );
    world.set(&["uid", "U1"]).await;
    limited(Some("me"), Close::HostDay { until_ms: at(7) }).await;
    limited(None, Close::HostDay { until_ms: at(8) }).await;
    let gates = world.store.keys().gates("Z");
    let host = world.redis(&["HGET", &gates, "h:U1"]).await;
    assert_eq!(host, Value::BulkString(at(7).to_string().into()), "without a host nothing closes");
    let none = AccountName::new("nobody").expect("a name");
    let close = Close::Second { label: "light", until_ms: at(0) };
    world.calls.limited(&none, None, &close).await.expect("an answer");
    assert_eq!(world.redis(&["HGET", &gates, "light"]).await, Value::Nil);
}
