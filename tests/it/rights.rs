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

#[tokio::test]
async fn commands_that_change_jobs_and_failures_check_rights_first() {
    let rig = rig("+@all ~* &*").await;
    rig.connect("ada");
    acl(&rig, "-xadd");
    for args in [
        ["job", "cancel", "one"].as_slice(),
        &["failure", "retry", "one"],
        &["failure", "discard", "one"],
    ] {
        let ran = rig.run(args).expect(5);
        assert!(ran.stderr.contains("no right to the commands XADD"), "{args:?}: {}", ran.stderr);
    }
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
    let in_future = |id: &str, seconds| {
        let at = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
        job("ada", id).replacen('{', &format!("{{\"not_before\":\"{at}\","), 1)
    };
    rig.xadd(&in_future("later", 3_600)).await;
    rig.sim.fault(Fault::new(Endpoint::Create, What::Drop).after());
    rig.xadd(&job("ada", "lost")).await;
    let mut sent = vec!["lost".to_owned()];
    for right in ["resetchannels", "-publish", "-hset", "-hdel", "-xack", "-zadd"] {
        let refusals = || errors(&daemon.get("/metrics").1);
        let before = refusals();
        rig.redis_cli(&["ACL", "LOG", "RESET"]);
        acl(&rig, right);
        let ids: Vec<_> = (0..5).map(|n| format!("j{right}{n}")).collect();
        // A job that has to sleep is reported to the other daemons.
        rig.xadd(&in_future(&ids[0], 1)).await;
        for id in &ids[1..] {
            rig.xadd(&job("ada", id)).await;
        }
        let refused = |what: &str| {
            until(what, || rig.redis_cli(&["ACL", "LOG"]).contains(what).then_some(()));
        };
        // Without a channel jobs go on: a wake-up that is lost only delays.
        match right {
            "resetchannels" => refused("zoomd:v1:wake"),
            "-publish" => refused("publish"),
            _ => {
                until("a refused script", || (refusals() > before).then_some(()));
                acl(&rig, "+@all ~* &*");
            }
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
