//! An encryption key is missing: in a shell, or in the daemon.

use super::faces::{Outage, running, tried};
use crate::support::{KEY, Rig, finish, job, zoomd};

/// Nothing waits for a key that only a shell lacks: the verdict is OK, the notice says so,
/// and what cannot be done here names it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_key_is_missing_in_this_shell() {
    let (mut rig, daemon) = running().await;
    rig.set("ZOOMD_ENCRYPTION_KEY", "");
    let outage = Outage {
        daemon: None,
        held: None,
        verdict: "OK",
        ..Outage::degraded(&rig, &daemon, "key_missing", &["this shell does not have key"])
    };
    let problem = outage.status();
    assert_eq!(problem["level"], "notice", "{problem}");
    assert!(problem["next"].as_str().is_some_and(|next| next.contains("ZOOMD_ENCRYPTION_KEY")));
    let doctor = rig.run(&["doctor", "--offline"]).expect(1);
    assert!(doctor.stdout.contains("encryption key"), "{}", doctor.stdout);
    // A second key would make the stored tokens unreadable.
    assert!(!doctor.stdout.contains("zoomd config key"), "{}", doctor.stdout);
    // Jobs go on, and the daemon has nothing to tell.
    assert_eq!(tried(&rig, "acme").code, 0);
    let shown = rig.run(&["job", "show", "before"]).expect(0).stdout;
    assert!(shown.contains("succeeded"), "{shown}");
    let (status, ready) = daemon.get("/readyz");
    assert_eq!((status, ready.contains("key_missing")), (200, false), "{ready}");
    assert!(!daemon.log().contains("key_missing"), "{}", daemon.log());
    // Commands that need the key report it.
    for (args, told) in
        [(&["account", "token", "acme"][..], "sealed under key"), (&["run"], "no encryption key")]
    {
        let ran = rig.run(args);
        assert_ne!(ran.code, 0, "{args:?}");
        assert!(ran.stderr.contains(told), "{args:?}: {}", ran.stderr);
        assert!(ran.stderr.contains("ZOOMD_ENCRYPTION_KEY"), "{args:?}: {}", ran.stderr);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_key_is_missing_in_the_daemon() {
    let mut rig = Rig::start().await;
    rig.connect("acme");
    let daemon = rig.daemon();
    // Sealed anew under a key that the daemon was not given.
    let key = finish(zoomd(rig.dir.path(), &["config", "key"]), "").expect(0).stdout;
    rig.set("ZOOMD_ENCRYPTION_KEY", key.trim());
    rig.set("ZOOMD_ENCRYPTION_KEYS_OLD", KEY);
    rig.run(&["config", "rekey"]).expect(0);
    rig.xadd(&job("acme", "held")).await;
    Outage::degraded(&rig, &daemon, "key_missing", &["does not have key", "sealed under key"])
        .is_told();
}
