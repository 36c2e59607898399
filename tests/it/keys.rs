//! Changing the encryption key while everything runs: what is sealed anew, what
//! is not and why, and which old keys are needed still.

use serde_json::Value;

use crate::support::{KEY, Ran, Rig, finish, until, zoomd};

fn new_key(rig: &Rig) -> String {
    finish(zoomd(rig.dir.path(), &["config", "key"]), "").expect(0).stdout.trim().to_owned()
}

/// Doctor's finding about old keys.
fn doctor(rig: &Rig) -> (i32, String, String) {
    let ran = rig.run(&["--json", "doctor", "--offline"]);
    let report = ran.json();
    let checks = report["checks"].as_array().expect("checks");
    let found = checks.iter().find(|check| check["check"] == "old keys");
    let text = |field: &str| found.and_then(|f| f[field].as_str()).unwrap_or_default().to_owned();
    (ran.code, text("state"), text("what"))
}

fn rekey(rig: &Rig) -> Ran {
    rig.run(&["--json", "config", "rekey"])
}

fn old_key(report: &Value) -> &Value {
    assert_eq!(report["old_keys"].as_array().map(Vec::len), Some(1), "{report}");
    &report["old_keys"][0]
}

#[tokio::test]
async fn an_old_key_is_needed_until_grants_and_journals_have_forgotten_it() {
    let mut rig = Rig::start().await;
    rig.connect("acme");
    rig.connect("beta");
    let mut daemon = rig.daemon();
    // A rotation leaves an entry in the journal, under the key of its time.
    rig.run(&["account", "refresh", "acme"]).expect(0);
    let new = new_key(&rig);
    rig.set("ZOOMD_ENCRYPTION_KEY", &new);
    rig.set("ZOOMD_ENCRYPTION_KEYS_OLD", KEY);
    let (code, state, what) = doctor(&rig);
    assert_eq!((code, state.as_str()), (0, "WARN"), "{what}");
    assert!(
        what.contains("the tokens of 2 accounts, the secret of the namespace, 1 entry"),
        "{what}"
    );

    let report = rekey(&rig).expect(0).json();
    assert_eq!((&report["resealed"], &report["namespace_secret"]), (&2.into(), &true.into()));
    let old = old_key(&report);
    assert_eq!((&old["role"], &old["grants"]), (&"old".into(), &0.into()), "{report}");
    assert_eq!(old["journals"][0]["entries"], 1, "{report}");
    let again = rekey(&rig).expect(0).json();
    assert_eq!((&again["resealed"], &again["fresh"]), (&0.into(), &2.into()));
    let (_, state, what) = doctor(&rig);
    assert!(state == "PASS" && what.contains("1 entry in the journal of"), "{what}");

    // The next daemon takes the file over; the entry stays sealed as it is.
    daemon.stop();
    let mut daemon = rig.daemon();
    let (_, state, what) = doctor(&rig);
    assert!(state == "PASS" && what.contains("1 entry in the journal of"), "{what}");
    // From another machine the folder is not seen, but the daemon has told.
    let here = rig.dir.path().join("data").display().to_string();
    rig.set("ZOOMD_DATA_DIR", &rig.dir.path().join("elsewhere").display().to_string());
    until("the daemon to have told", || {
        doctor(&rig).2.contains("1 entry in the journal of").then_some(())
    });
    rig.set("ZOOMD_ENCRYPTION_KEYS_OLD", "");
    let (code, state, what) = doctor(&rig);
    assert_eq!((code, state.as_str()), (1, "FAIL"), "{what}");
    rig.set("ZOOMD_ENCRYPTION_KEYS_OLD", KEY);
    rig.set("ZOOMD_DATA_DIR", &here);

    daemon.stop();
    std::fs::remove_dir_all(rig.dir.path().join("data/journal")).expect("removed");
    rig.redis_cli(&["DEL", "zoomd:v1:journal_keys"]);
    let (_, state, what) = doctor(&rig);
    assert!(state == "WARN" && what.contains("is no longer needed"), "{what}");
    rig.set("ZOOMD_ENCRYPTION_KEYS_OLD", "");
    assert_eq!(doctor(&rig).1, "", "nothing is said of keys that are not there");
    rig.daemon();
    rig.run(&["account", "refresh", "acme"]).expect(0);
}

#[tokio::test]
async fn a_wrong_key_is_told_from_a_damaged_record() {
    let mut rig = Rig::start().await;
    for account in ["damaged", "foreign", "well"] {
        rig.connect(account);
    }
    rig.redis_cli(&[
        "HSET",
        "zoomd:v1:grant:foreign",
        "sealed",
        &format!("z1.00000000.{}", "A".repeat(80)),
    ]);
    let stored = rig.redis_cli(&["HGET", "zoomd:v1:grant:damaged", "sealed"]);
    let sealed = stored.lines().nth(1).expect("a text").trim();
    rig.redis_cli(&[
        "HSET",
        "zoomd:v1:grant:damaged",
        "sealed",
        &format!("{}AAAA", &sealed[..sealed.len() - 4]),
    ]);
    rig.set("ZOOMD_ENCRYPTION_KEY", &new_key(&rig));
    rig.set("ZOOMD_ENCRYPTION_KEYS_OLD", KEY);
    let report = rekey(&rig).expect(1).json();
    assert_eq!(report["resealed"], 1, "the others are not held up: {report}");
    let failed = |at: usize, field: &str| report["failed"][at][field].clone();
    assert_eq!((failed(0, "account"), failed(0, "code")), ("damaged".into(), "damaged".into()));
    assert_eq!((failed(1, "account"), failed(1, "code")), ("foreign".into(), "wrong_key".into()));
    assert_eq!(failed(1, "key"), "00000000");
    let people = rig.run(&["config", "rekey"]).expect(1);
    assert!(people.stdout.contains("key 00000000 is missing"), "{}", people.stdout);
    assert!(people.stderr.contains("zoomd account login damaged"), "{}", people.stderr);
    for text in [&report.to_string(), &people.stdout, &people.stderr] {
        assert!(!text.contains("eyJ") && !text.contains("z1."), "{text}");
    }
    let ran = rig.run(&["--json", "doctor", "--offline"]).expect(1);
    assert!(ran.stdout.contains("key 00000000 is not configured"), "{}", ran.stdout);
    // Without the old key the namespace itself does not open, and it says which.
    rig.set("ZOOMD_ENCRYPTION_KEY", &new_key(&rig));
    rig.set("ZOOMD_ENCRYPTION_KEYS_OLD", "");
    assert_eq!(rekey(&rig).expect(2).json()["error"]["code"], "encryption_key");
}

#[tokio::test]
async fn a_daemon_that_still_seals_under_the_old_key_is_noticed() {
    let mut rig = Rig::start().await;
    rig.connect("acme");
    let new = new_key(&rig);
    // The daemon was given the two keys the wrong way round.
    rig.set("ZOOMD_ENCRYPTION_KEYS_OLD", &new);
    let _daemon = rig.daemon();
    rig.set("ZOOMD_ENCRYPTION_KEY", &new);
    rig.set("ZOOMD_ENCRYPTION_KEYS_OLD", KEY);
    assert_eq!(old_key(&rekey(&rig).expect(0).json())["grants"], 0);
    rig.run(&["account", "refresh", "acme"]).expect(0);
    let (_, state, what) = doctor(&rig);
    assert!(state == "WARN" && what.contains("the tokens of 1 account"), "{what}");
    let report = rekey(&rig).expect(0).json();
    assert_eq!((&report["resealed"], &report["failed"]), (&1.into(), &serde_json::json!([])));
    assert!(rig.sim.counters().broken.none(), "{:?}", rig.sim.violations());
}
