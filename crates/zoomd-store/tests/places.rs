//! Locations of Redis: a cluster, or behind sentinels.

use std::time::{Duration, Instant};

use redis_local::{Options, RedisServer, Sentinel};
use zoomd_store::queue::{
    Admission, Admitted, Outcome, Queue, QueueSettings, Settled, Settlement, Then,
};
use zoomd_store::{ErrorKind, Store, StoreConfig};

async fn run(store: &Store, words: &[&str]) -> redis::Value {
    let mut cmd = redis::cmd(words[0]);
    words[1..].iter().for_each(|word| {
        cmd.arg(*word);
    });
    store.connection().value(&cmd).await.expect(words[0])
}

#[tokio::test]
async fn a_cluster_wants_a_hash_tag_and_then_carries_the_queue() {
    let args = vec!["--cluster-enabled".to_owned(), "yes".to_owned()];
    let server = RedisServer::start_with(Options { args, ..Options::default() }).expect("redis");
    let mut client =
        redis::Client::open(server.url()).expect("client").get_connection().expect("link");
    let mut slots = redis::cmd("CLUSTER");
    slots.arg("ADDSLOTS");
    (0..16_384).for_each(|slot| {
        slots.arg(slot);
    });
    slots.exec(&mut client).expect("slots");
    let up = Instant::now() + Duration::from_secs(20);
    loop {
        let info: String = redis::cmd("CLUSTER").arg("INFO").query(&mut client).expect("info");
        if info.contains("cluster_state:ok") {
            break;
        }
        assert!(Instant::now() < up, "{info}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for url in [server.url(), server.url().replace("redis://", "redis+cluster://")] {
        let refused = Store::connect(&StoreConfig::new(&url, "zoomd")).await.expect_err("no tag");
        assert_eq!(refused.kind(), ErrorKind::Config);
        assert!(refused.to_string().contains("{zoomd}"), "{refused}");
        let store = Store::connect(&StoreConfig::new(&url, "{zoomd}")).await.expect("connect");
        one_job(&store, "{zoomd}").await;
    }
}

async fn one_job(store: &Store, ns: &str) {
    let queue = Queue::new(store.clone(), QueueSettings::default(), "b");
    run(store, &["HSET", &format!("{ns}:v1:account:acme"), "st", "active", "plan", "pro"]).await;
    run(store, &["XADD", &format!("{ns}:jobs"), "*", "job", "{}"]).await;
    let mut reader = queue.reader();
    let mut entries = reader.next(1).await.expect("read");
    let entry = entries.remove(0).id;
    let job = Admission {
        job_id: entry.clone(),
        entry,
        id_given: false,
        account: "acme".into(),
        class: zoomd_store::limits::Label::Light,
        host: Some("me".into()),
        other_host: None,
        priority: 1,
        digest: 0,
        not_before_ms: Some(store.now_ms().await.expect("time") + 1_000),
        deadline_ms: 4_000_000_000_000,
        recoverable: true,
        target: None,
    };
    let admitted = queue.admit(&queue.fence(), &[job]).await.expect("admit");
    assert!(matches!(admitted[..], [Admitted::Waits { .. }]), "{admitted:?}");
    store.clock().set_ms(2_000);
    queue.promote(9).await.expect("promote");
    let claimed = queue.claim(&queue.fence(), 9).await.expect("claim").jobs.remove(0);
    let outcome = Outcome { kind: "create_meeting", json: "{}".into(), reply: true, story: None };
    let batch =
        queue.settle_batch(vec![Settlement::new(claimed.ticket, Then::Done(outcome))], vec![]);
    assert_eq!(queue.settle(&batch).await.expect("settle"), [Settled::Done]);
    queue.sweep(9).await.expect("sweep");
    queue.claim_expired(&queue.fence(), 9).await.expect("expire");
    queue.trim().await.expect("trim");
    queue.expire_ids(None).await.expect("ids");
    queue.tend_accounts(None).await.expect("tend");
    assert!(store.misplaced(Some("acme")).await.expect("types").is_empty());
}

#[tokio::test]
async fn a_sentinel_is_asked_for_the_master() {
    let master = RedisServer::start().expect("redis");
    let sentinel = Sentinel::watching(&master, 1, &[]).expect("sentinel");
    let config = |name: &str| {
        let url = format!("redis+sentinel://127.0.0.1:1,127.0.0.1:{}/{name}", sentinel.port());
        StoreConfig::new(url, "zoomd")
    };
    let limit = Instant::now() + Duration::from_secs(20);
    let store = loop {
        match Store::connect(&config("mymaster")).await {
            Ok(store) => break store,
            Err(error) => assert!(Instant::now() < limit, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    one_job(&store, "zoomd").await;
    let error = Store::connect(&config("other")).await.expect_err("no such master");
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
}

#[tokio::test]
async fn a_server_that_became_a_replica_is_left() {
    let server = RedisServer::start().expect("redis");
    let store =
        Store::connect(&StoreConfig::new(server.unix_url(), "zoomd")).await.expect("connect");
    run(&store, &["REPLICAOF", "127.0.0.1", "1"]).await;
    let write = redis::cmd("SET").arg("x").arg(1).to_owned();
    let error = store.connection().value(&write).await.expect_err("replica");
    assert_eq!(zoomd_store::StoreError::from(error).kind(), ErrorKind::ReadOnly);
    assert_eq!(store.connection().number(), 0, "the next command looks for the master");
}

#[tokio::test]
async fn a_wrong_password_is_told_and_not_repeated() {
    let server = RedisServer::start().expect("redis");
    let open = Store::connect(&StoreConfig::new(server.url(), "zoomd")).await.expect("connect");
    run(&open, &["CONFIG", "SET", "requirepass", "right"]).await;
    let url = |login: &str| format!("redis://{login}127.0.0.1:{}", server.port());
    for login in [":hidden@", ""] {
        let error =
            Store::connect(&StoreConfig::new(url(login), "zoomd")).await.expect_err("no entry");
        assert_eq!(error.kind(), ErrorKind::Auth, "{error}");
        assert!(!error.to_string().contains("hidden"), "{error}");
    }
    Store::connect(&StoreConfig::new(url(":right@"), "zoomd")).await.expect("connect");
}
