//! A namespace in which every script finds something to do, and how it is seen.

use std::collections::BTreeMap;

use redis::Value;
use redis_local::{Options, RedisServer};

use crate::{Conn, Store, StoreConfig};

/// The clock that scripts are given: it stands at [`NOW`].
pub(super) const CLOCK: &str = "1001800000000000";
pub(super) const NOW: &str = "1800000000000";

/// Content of the namespace `w` before each call. A word holds no blank; `_` stands for one.
const WORLD: &str = "
    HSET w:v1:meta layout 2 deployment default secret z1.old created_ms 1
    ZADD w:v1:accounts 0 acme 0 held 0 gone
    HSET w:v1:account:acme st active ep 1700000000000-00000001 gen 3 plan pro z Zacme uid Uacme em [\"acme@x\"] made 1
    HSET w:v1:grant:acme ep 1700000000000-00000001 gen 3 sealed z1.1111.x fp aa issuer https://z client_id app exp 1 obt 7
    HSET w:v1:users app|Uacme acme
    RPUSH w:v1:timeline:acme {}
    HSET w:v1:account:held st active ep 1700000000000-00000001 gen 3 plan pro z Zheld uid Uheld paused by_hand
    HSET w:v1:account:gone st removed ep 1600000000000-00000001 gen 1 gone 5
    XGROUP CREATE w:jobs zoomd 0 MKSTREAM
    XADD w:jobs 100-1 job {\"n\":1}
    XADD w:jobs 100-2 job {\"n\":2}
    XADD w:jobs 100-3 job {\"n\":3}
    XADD w:jobs 100-4 job {\"n\":4}
    XADD w:jobs 100-5 job {\"n\":5}
    XADD w:jobs 100-6 job {\"n\":6}
    XREADGROUP GROUP zoomd boot1 COUNT 99 STREAMS w:jobs >
    XGROUP CREATECONSUMER w:jobs zoomd idle
    XADD w:results 1-1 job_id old
    XADD w:failures 1-1 job_id old
    XADD w:events 1-1 event old
    ZADD w:v1:leases 1800000030000 boot1.1 1799999999000 boot0.1
    HSET w:v1:owner hot boot1.1|1799999999000|sh|Zacme cold boot1.1|1799999999000|sc|Zacme
    HSET w:v1:owner fifth boot1.1|1799999999000|shb|Zacme lost boot0.1|1799999900000|s|Zacme hotlost boot0.1|1799999900000|h|Zacme
    HSET w:v1:ids hot L_1_100-1_-_c10y_0_1900000000000_acme|me| cold L_1_90-1_-_c10y_0_1900000000000_acme|me|
    HSET w:v1:ids fifth L_1_100-5_-_c10y_0_1800000900000_acme|me| lost L_1_90-2_-_c10y_0_1800000900000_acme|me|
    HSET w:v1:ids hotlost L_1_100-6_-_c10y_0_1800000900000_acme|me|
    HSET w:v1:ids waits L_1_90-3_-_c10y_0_1800000900000_acme|me| sleeps L_1_90-4_-_c10y_0_1900000000000_acme|me|
    HSET w:v1:ids late L_1_90-5_-_c10y_0_1799999999999_acme|me| old D_1_80-1_5_1 failed U_1_80-2_5_1799999999
    ZADD w:v1:in_flight:acme 1800000009000 hot 1800000009000 cold 5 over
    HSET w:v1:payload:acme cold {} lost {} waits {} sleeps {} late {}
    HSET w:v1:record:acme cold {} lost {} waits {}
    ZADD w:v1:room:acme|me 10000000000090 waits 10000000000090 late
    ZADD w:v1:room:acme|other 10000000000090 elsewhere
    ZADD w:v1:rooms:acme 1 me
    ZADD w:v1:ring 1 acme
    ZADD w:v1:asleep 1799999999000 acme|other 1800000050000 held
    ZADD w:v1:due 1799999999000 sleeps
    ZADD w:v1:deadline 1799999999999 late 1800000900000 waits
    ZADD w:v1:failures 1 failed#1
    HSET w:v1:failure:failed#1 job_id failed account acme code x entry 80-2 failed_ms 1 failure {} job {} record {}
    HSET w:v1:stats done 4
    ZADD w:v1:duplicates_due 5 twice
    HSET w:v1:duplicates twice note
    HSET w:v1:deauth app|Uold 5_Zold
    HSET w:v1:link:link account acme plan pro take 0 until 1900000000000 made 6 tomb t buried x
    HSET w:v1:tombs t x
    HSET w:v1:consent:state link link browser cookie until 1900000000000
    HSET w:v1:alias:Zacme other@x Uother
    HSET w:v1:gate:Zacme medium 1799999000000
    HSET w:v1:ticks daily 5
";

pub(super) struct World {
    _server: RedisServer,
    pub(super) admin: Conn,
    /// Connection of the user whose rights are taken away.
    pub(super) user: Conn,
}

impl World {
    pub(super) async fn new() -> Self {
        let server = RedisServer::start_with(Options { aof: None, ..Options::default() })
            .expect("redis-server");
        let connect = async |url: String| {
            Store::open(&StoreConfig::new(url, "w")).expect("a url").connection()
        };
        let admin = connect(server.url()).await;
        let user = connect(format!("redis://tester:pw@127.0.0.1:{}", server.port())).await;
        let world = Self { _server: server, admin, user };
        world.acl("+@all ~* &*").await;
        world
    }

    /// Gives the user these rights, and no others.
    pub(super) async fn acl(&self, rights: &str) {
        let mut acl = redis::cmd("ACL");
        acl.arg("SETUSER").arg("tester").arg("reset").arg("on").arg(">pw");
        rights.split(' ').for_each(|right| {
            acl.arg(right);
        });
        self.admin.value(&acl).await.expect("ACL SETUSER");
    }

    /// The namespace as it is before a call, and nothing else on the server.
    pub(super) async fn reset(&self, given: &str) {
        let mut all = redis::pipe();
        all.cmd("FLUSHDB");
        for line in WORLD.lines().chain(given.split(';')).filter(|line| !line.trim().is_empty()) {
            let mut words = line.split_whitespace();
            all.cmd(words.next().expect("a command"));
            words.for_each(|word| {
                all.arg(word.replace('_', " "));
            });
        }
        let answers = self.admin.values(&all).await.expect("a world");
        for answer in answers {
            assert!(!matches!(answer, Value::ServerError(_)), "{answer:?}");
        }
    }

    pub(super) async fn config(&self, name: &str, value: &str) {
        let mut set = redis::cmd("CONFIG");
        set.arg("SET").arg(name).arg(value);
        self.admin.value(&set).await.expect("CONFIG SET");
    }

    /// Puts something into `key` that is not of its type.
    pub(super) async fn overwrite(&self, key: &str) {
        let mut all = redis::pipe();
        all.cmd("DEL").arg(key).cmd("SET").arg(key).arg("not ours");
        if key.contains(":revoked:") {
            all.cmd("DEL").arg(key).cmd("RPUSH").arg(key).arg("not ours");
        }
        self.admin.values(&all).await.expect("overwritten");
    }

    /// Dump of `key`, for [`mend`](Self::mend).
    pub(super) async fn dump(&self, key: &str) -> Value {
        self.admin.value(redis::cmd("DUMP").arg(key)).await.expect("dumped")
    }

    /// Puts back what was in `key`, unless a script has written to it since.
    pub(super) async fn mend(&self, key: &str, dumped: &Value) {
        let mut looks = redis::pipe();
        looks.cmd("GET").arg(key).cmd("LRANGE").arg(key).arg(0).arg(-1);
        let answers = self.admin.values(&looks).await.expect("read");
        let not_ours = Value::BulkString(b"not ours".to_vec());
        if !answers.iter().any(|it| *it == not_ours || *it == Value::Array(vec![not_ours.clone()]))
        {
            return;
        }
        let mut all = redis::pipe();
        all.cmd("DEL").arg(key);
        if let Value::BulkString(bytes) = dumped {
            all.cmd("RESTORE").arg(key).arg(0).arg(&bytes[..]);
        }
        self.admin.values(&all).await.expect("mended");
    }

    pub(super) async fn keys(&self) -> Vec<String> {
        redis::from_redis_value(self.admin.value(redis::cmd("KEYS").arg("*")).await.expect("keys"))
            .expect("names")
    }

    /// Value of every key, without times from the server's clock.
    pub(super) async fn view(&self) -> BTreeMap<String, String> {
        let mut keys = self.keys().await;
        keys.sort();
        let mut types = redis::pipe();
        keys.iter().for_each(|key| {
            types.cmd("TYPE").arg(key);
        });
        let types = self.admin.values(&types).await.expect("types");
        let mut reads = redis::pipe();
        for (key, kind) in keys.iter().zip(types) {
            let kind: String = redis::from_redis_value(kind).expect("a type");
            match kind.as_str() {
                "hash" => reads.cmd("HGETALL").arg(key),
                "zset" => reads.cmd("ZRANGE").arg(key).arg(0).arg(-1).arg("WITHSCORES"),
                "list" => reads.cmd("LRANGE").arg(key).arg(0).arg(-1),
                "stream" => reads.cmd("XRANGE").arg(key).arg("-").arg("+"),
                _ => reads.cmd("GET").arg(key),
            };
            // Only a stream with a group has something pending.
            reads.cmd("XPENDING").arg(key).arg("zoomd");
        }
        let read = self.admin.values(&reads).await.expect("reads");
        keys.into_iter()
            .zip(read.chunks(2))
            .map(|(key, pair)| {
                let pending = match &pair[1] {
                    Value::Array(parts) => format!("{:?}", parts.first()),
                    _ => String::new(),
                };
                let seen =
                    if key.contains(":revoked:") { "set".to_owned() } else { seen(&pair[0]) };
                (key, format!("{seen} {pending}"))
            })
            .collect()
    }
}

fn seen(value: &Value) -> String {
    let Value::Array(items) = value else { return format!("{value:?}") };
    let mut shown: Vec<String> = match items.first() {
        // Entries of a stream: their ids are the server's.
        Some(Value::Array(_)) => items
            .iter()
            .map(|entry| match entry {
                Value::Array(parts) => format!("{:?}", &parts[1..]),
                other => format!("{other:?}"),
            })
            .collect(),
        _ => items.chunks(2).map(|pair| format!("{pair:?}")).collect(),
    };
    shown.sort();
    shown.join(" ")
}
