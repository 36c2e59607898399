//! The Redis users of SECURITY.md and of `zoomd config acl`: each may do what its
//! programs do, and no more. The commands of the documents are played as these
//! users too, and the daemon beside them is the user `zoomd`.

use super::fence::blocks;
use super::session::Session;

/// Commands of a producer.
const PRODUCER: &[&str] = &[
    "PING",
    r#"XADD zoomd:jobs * job '{"id":"a","account":"acme","meeting":{"type":3},"reply":true}'"#,
    "XLEN zoomd:jobs",
    "BLMOVE zoomd:reply:a zoomd:reply:a LEFT LEFT 10",
];

const NOT_PRODUCER: &[&str] = &[
    "XRANGE zoomd:jobs - +",
    "XREAD STREAMS zoomd:results 0",
    "XREADGROUP GROUP zoomd c STREAMS zoomd:jobs >",
    "XDEL zoomd:jobs 0-1",
    "XTRIM zoomd:jobs MAXLEN 0",
    "DEL zoomd:jobs",
    "XADD zoomd:results * result {}",
    "XADD zoomd:v1:stats * a b",
    "HGETALL zoomd:v1:stats",
    "PUBLISH zoomd:v1:wake x",
];

/// Commands of a consumer. The outcome of the producer's job is there.
const CONSUMER: &[&str] = &[
    "PING",
    "XLEN zoomd:results",
    "XREAD COUNT 10 STREAMS zoomd:results zoomd:failures zoomd:events 0 0 0",
    "XRANGE zoomd:results - +",
    "XREVRANGE zoomd:failures + - COUNT 1",
    "XGROUP CREATE zoomd:results billing 0 MKSTREAM",
    "XGROUP CREATECONSUMER zoomd:results billing w2",
    "XREADGROUP GROUP billing w1 STREAMS zoomd:results >",
    "XPENDING zoomd:results billing",
    "XPENDING zoomd:results billing - + 10",
    "XAUTOCLAIM zoomd:results billing w2 0 0",
    "XCLAIM zoomd:results billing w1 0 1-1",
    "XACK zoomd:results billing 1-1",
    "XINFO STREAM zoomd:results",
    "XINFO GROUPS zoomd:results",
    "XINFO CONSUMERS zoomd:results billing",
    "XGROUP DESTROY zoomd:results billing",
];

const NOT_CONSUMER: &[&str] = &[
    "XADD zoomd:results * result {}",
    "XADD zoomd:jobs * job {}",
    "XDEL zoomd:results 0-1",
    "XTRIM zoomd:results MAXLEN 0",
    "DEL zoomd:results",
    "XREAD STREAMS zoomd:jobs 0",
    "XRANGE zoomd:jobs - +",
    "XLEN zoomd:jobs",
    "LRANGE zoomd:reply:a 0 -1",
    "HGETALL zoomd:v1:stats",
    "PUBLISH zoomd:v1:wake x",
];

/// Commands of zoomd that only read are run as this user by `reading`.
const NOT_READER: &[&str] = &[
    "XADD zoomd:jobs * job {}",
    "SET zoomd:v1:x y",
    "DEL zoomd:jobs",
    "GET other:key",
    "PUBLISH zoomd:v1:wake x",
];

const NOT_ZOOMD: &[&str] =
    &["SET other:key x", "XADD zoomd2:jobs * job {}", "PUBLISH other:v1:wake x"];

/// Commands of an administrator: for nobody else.
const ADMINISTRATOR: &[&str] = &[
    "FLUSHALL",
    "FLUSHDB",
    "CONFIG GET maxmemory",
    "CONFIG SET appendonly no",
    "KEYS *",
    "ACL LIST",
    "ACL SETUSER zoomd nopass",
    "SHUTDOWN NOSAVE",
    "REPLICAOF NO ONE",
    "CLIENT KILL ID 1",
    "MONITOR",
];

#[tokio::test(flavor = "multi_thread")]
async fn each_user_may_do_what_it_needs_and_no_more() {
    let mut reader = Session::start().await;
    reader.rig.connect("acme");
    // An event, and streams that are there.
    reader.daemon = Some(reader.rig.daemon());
    reader.rig.xadd(r#"{"account":"nobody","meeting":{"type":3}}"#).await;
    reader.rig.wait_item(|item| item.field("code") == "unknown_account").await;
    let tables = [
        ("producer", PRODUCER, NOT_PRODUCER),
        ("consumer", CONSUMER, NOT_CONSUMER),
        ("zoomd", &["PING"][..], NOT_ZOOMD),
        ("reader", &["PING", "GET zoomd:v1:stats:none"][..], NOT_READER),
    ];
    for (user, allowed, refused) in tables {
        for line in allowed {
            let answer = reader.redis_cli(user, line);
            let good = !answer.starts_with("(error)") && !answer.starts_with("Invalid");
            assert!(good, "{user}: {line}: {answer}");
        }
        if user != "zoomd" {
            let script = reader.redis_cli(user, "EVAL 'return 1' 0");
            assert!(script.contains("NOPERM"), "{user}: {script}");
        }
        for line in refused.iter().chain(ADMINISTRATOR) {
            let answer = reader.redis_cli(user, line);
            assert!(answer.starts_with("(error)"), "{user} may {line}: {answer}");
            assert!(answer.contains("NOPERM"), "{user}: {line}: {answer}");
        }
    }
    let rights = reader.rig.run(&["doctor"]).expect(0).stdout;
    assert!(rights.contains("the user may use all commands, keys and channels"), "{rights}");
}

#[tokio::test(flavor = "multi_thread")]
async fn config_acl_prints_the_users_of_the_namespace() {
    let reader = Session::start().await;
    let printed = reader.rig.run(&["config", "acl"]).expect(0).stdout;
    let shown: Vec<_> = blocks("SECURITY.md").into_iter().filter(|b| b.kind == "redis").collect();
    assert_eq!(shown[0].text, printed, "SECURITY.md and zoomd config acl");
    let json = reader.rig.run(&["config", "acl", "--json"]).expect(0).json();
    let commands = json.as_array().expect("a list").iter().map(|u| u["command"].as_str().unwrap());
    assert_eq!(commands.map(|c| format!("{c}\n")).collect::<String>(), printed);

    // Users of another namespace are kept out of this one. ACL SETUSER adds to a
    // user that is there, so they are made anew.
    reader.redis_cli("", "ACL DELUSER producer consumer");
    let other = reader.rig.run(&["config", "acl", "--namespace", "{team}.b"]).expect(0).stdout;
    for line in other.lines() {
        assert_eq!(reader.redis_cli("", line).trim(), "OK", "{line}");
    }
    let add = |ns: &str| reader.redis_cli("producer", &format!("XADD {ns}:jobs * job x"));
    assert!(add("{team}.b").contains("-0"), "{}", add("{team}.b"));
    assert!(add("zoomd").contains("NOPERM"), "{}", add("zoomd"));
    let length = |ns: &str| reader.redis_cli("consumer", &format!("XLEN {ns}:results"));
    assert!(length("{team}.b").contains("(integer) 0"), "{}", length("{team}.b"));
    assert!(length("zoomd").contains("NOPERM"), "{}", length("zoomd"));
}
