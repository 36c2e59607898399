//! A Redis user who lacks rights: from the start, and while the daemon runs.

use std::collections::HashMap;

use zoom_sim::{Endpoint, Fault, What};
use zoomd_store::streams::{Stream, Tail};

use crate::support::{Rig, job, until};

/// A rig whose commands and daemons are the user `app`, with these rights.
async fn rig(rights: &str) -> Rig {
    let mut rig = Rig::start().await;
    acl(&rig, &format!("on >pw {rights}"));
    let url = format!("redis://app:pw@127.0.0.1:{}", rig.redis.port());
    rig.set("ZOOMD_REDIS_URL", &url);
    rig
}

fn acl(rig: &Rig, rights: &str) {
    let words: Vec<_> = ["ACL", "SETUSER", "app"].into_iter().chain(rights.split(' ')).collect();
    rig.redis_cli(&words);
}

/// A new user of Redis 7 has no channels, whatever keys and commands it is given.
#[tokio::test]
async fn nothing_is_written_and_nothing_starts_without_a_right() {
    let rig = rig("+@all ~*").await;
    let refused = rig.run_with(&["account", "add", "ada", "--refresh-token-file", "-"], "token");
    let refused = refused.expect(5);
    let fix = "ACL SETUSER app &zoomd:*";
    assert!(refused.stderr.contains(fix), "{}", refused.stderr);
    assert!(rig.redis_cli(&["DBSIZE"]).starts_with(":0"), "the account is not stored");
    let found = rig.run(&["doctor", "--offline"]).expect(1);
    assert!(
        found.stdout.contains("zoomd:v1:wake") && found.stdout.contains(fix),
        "{}",
        found.stdout
    );
    let mut daemon = rig.daemon_unchecked();
    assert_eq!(daemon.wait().code(), Some(5));
    assert!(daemon.log().contains(fix), "{}", daemon.log());
    assert!(rig.redis_cli(&["DBSIZE"]).starts_with(":0"), "nothing was written");
    acl(&rig, "&zoomd:*");
    rig.connect("ada");
    let _daemon = rig.daemon();
}

/// Commands and scripts that Redis refused the daemon, by its metrics.
fn errors(metrics: &str) -> u64 {
    let lines = metrics.lines().filter(|line| line.starts_with("zoomd_redis_errors_total"));
    lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok()).sum()
}

/// A lost create, a job for later, and others, while one right after the other is
/// taken away: each job has one outcome, and none is sent before its time.
#[tokio::test]
async fn a_right_taken_away_doubles_nothing_and_sends_nothing_early() {
    let rig = rig("+@all ~* &*").await;
    rig.connect("ada");
    let daemon = rig.daemon();
    let later = (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1)).to_string();
    let early = job("ada", "later").replacen('{', &format!("{{\"not_before\":\"{later}\","), 1);
    rig.xadd(&early).await;
    rig.sim.fault(Fault::new(Endpoint::Create, What::Drop).after());
    rig.xadd(&job("ada", "lost")).await;
    let mut sent = vec!["lost".to_owned()];
    for right in ["resetchannels", "-publish", "-hset", "-hdel", "-xack", "-zadd"] {
        let refusals = || errors(&daemon.get("/metrics").1);
        let before = refusals();
        acl(&rig, right);
        let ids: Vec<_> = (0..5).map(|n| format!("j{right}{n}")).collect();
        for id in &ids {
            rig.xadd(&job("ada", id)).await;
        }
        // Without a channel jobs go on: a wake-up that is lost only delays.
        if !["resetchannels", "-publish"].contains(&right) {
            until("a refused script", || (refusals() > before).then_some(()));
            acl(&rig, "+@all ~* &*");
        }
        for id in &ids {
            rig.outcome(id).await;
        }
        acl(&rig, "+@all ~* &*");
        sent.extend(ids);
    }
    rig.outcome("lost").await;
    let store = rig.store().await;
    let mut tail = Tail::from_start(&store, &[Stream::Results, Stream::Failures]);
    let mut outcomes: HashMap<String, u32> = HashMap::new();
    loop {
        let items = tail.next(std::time::Duration::from_millis(50), 1000).await.expect("redis");
        if items.is_empty() {
            break;
        }
        for item in items {
            *outcomes.entry(item.field("job_id").to_owned()).or_default() += 1;
        }
    }
    assert!(outcomes.values().all(|count| *count == 1), "{outcomes:?}");
    assert_eq!(outcomes.len(), sent.len(), "the job for later has none: {outcomes:?}");
    assert_eq!(rig.sim.counters().meetings_created, sent.len() as u64);
    drop(daemon);
}
