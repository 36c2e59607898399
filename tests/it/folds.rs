//! Merged updates, black box: daemons that die with several jobs of one call in hand.

use serde_json::{Value, json};
use zoom_sim::{Endpoint, Fault, What};
use zoomd_store::streams::Stream;

use crate::support::{Daemon, Rig, job, until};

fn update(create: &str, id: &str, meeting: Value) -> String {
    json!({"id": id, "account": "acme", "kind": "update_meeting", "of": create, "meeting": meeting})
        .to_string()
}

fn calls(rig: &Rig, endpoint: Endpoint) -> usize {
    rig.sim.requests().iter().filter(|request| request.endpoint == endpoint).count()
}

/// Ends a daemon, and waits until Redis gives it no more entries.
fn end(rig: &Rig, daemon: Daemon) {
    drop(daemon);
    until("the end of its reads", || {
        (!rig.redis_cli(&["CLIENT", "LIST"]).contains("cmd=xreadgroup")).then_some(())
    });
}

/// Whenever the daemon dies: one meeting, as all of its jobs ask, and one outcome of each.
#[tokio::test]
async fn a_daemon_killed_with_merged_updates_in_hand_is_made_good() {
    for (point, sent) in
        [("admitted", false), ("answered", true), ("settling", true), ("settled", true)]
    {
        let mut rig = Rig::start().await;
        rig.set("ZOOMD_FAILPOINT_WORK_PACE", "30");
        rig.set("ZOOMD_RECONCILE_DELAYS", "100ms,200ms");
        rig.set("ZOOMD_ZOOM_CONNECT_TIMEOUT", "500ms");
        rig.set("ZOOMD_ZOOM_REQUEST_TIMEOUT", "1s");
        rig.connect("acme");
        // Its first refresh of the token is over before a daemon dies.
        let daemon = rig.daemon();
        rig.xadd(&job("acme", "made")).await;
        rig.outcome("made").await;
        end(&rig, daemon);
        let texts = [
            job("acme", "c"),
            update("c", "u1", json!({"topic": "one", "agenda": "fresh"})),
            update("c", "u2", json!({"topic": "two", "duration": 50})),
        ];
        for text in &texts {
            rig.xadd(text).await;
        }
        rig.set("ZOOMD_FAILPOINT", &format!("{point}:kill"));
        let mut dies = rig.daemon();
        assert!(!dies.wait().success(), "{point}");
        rig.set("ZOOMD_FAILPOINT", "");
        let another = rig.daemon();
        for id in ["c", "u1", "u2"] {
            let (stream, outcome) = rig.outcome(id).await;
            assert_eq!(stream, Stream::Results, "{point}: {outcome}");
            if sent && id != "c" {
                assert_eq!(outcome["merged_into"], "c", "{point}: {outcome}");
            }
        }
        let seen = rig.sim.meetings();
        assert_eq!((seen.len(), &*seen[1].topic, seen[1].duration), (2, "two", 50), "{point}");
        assert!(seen[1].agenda.starts_with("fresh"), "{point}: {seen:?}");
        let found = (calls(&rig, Endpoint::Create), calls(&rig, Endpoint::Update));
        assert_eq!(found, (2, 0), "{point}");
        assert_eq!(rig.redis_cli(&["XLEN", "zoomd:results"]).trim().trim_start_matches(':'), "4");
        let shown = rig.run(&["job", "show", "u1"]).expect(0).stdout;
        assert!(shown.contains("sent with  job c"), "{shown}");
        drop(another);
    }
}

/// The same of updates: what waits behind one that is unresolved goes with the next, and a
/// delete behind them all leaves nothing.
#[tokio::test]
async fn merged_updates_survive_a_death_and_a_delete_behind_them_wins() {
    for point in ["claimed", "leaving", "answered", "settling"] {
        let mut rig = Rig::start().await;
        rig.set("ZOOMD_FAILPOINT_WORK_PACE", "30");
        rig.set("ZOOMD_RECONCILE_DELAYS", "100ms,200ms");
        rig.set("ZOOMD_ZOOM_CONNECT_TIMEOUT", "500ms");
        rig.set("ZOOMD_ZOOM_REQUEST_TIMEOUT", "1s");
        rig.connect("acme");
        let daemon = rig.daemon();
        rig.xadd(&job("acme", "c")).await;
        rig.outcome("c").await;
        end(&rig, daemon);
        for (id, change) in [
            ("u1", json!({"topic": "one"})),
            ("u2", json!({"topic": "two"})),
            ("u3", json!({"duration": 45})),
        ] {
            rig.xadd(&update("c", id, change)).await;
        }
        rig.set("ZOOMD_FAILPOINT", &format!("{point}:kill"));
        let mut dies = rig.daemon();
        assert!(!dies.wait().success(), "{point}");
        rig.set("ZOOMD_FAILPOINT", "");
        let held = json!({"id": "d", "account": "acme", "kind": "delete_meeting", "of": "c"});
        let with_delete = point == "answered";
        if with_delete {
            rig.xadd(&held.to_string()).await;
        }
        let _another = rig.daemon();
        for id in ["u1", "u2", "u3"] {
            let (stream, outcome) = rig.outcome(id).await;
            assert_eq!(stream, Stream::Results, "{point}: {outcome}");
        }
        if with_delete {
            let (_, outcome) = rig.outcome("d").await;
            assert_eq!(outcome["effect"], "deleted", "{outcome}");
            assert!(rig.sim.meetings()[0].deleted);
        } else {
            let seen = rig.sim.meetings().remove(0);
            assert_eq!((&*seen.topic, seen.duration), ("two", 45), "{point}");
        }
        until("one outcome of each", || {
            let count = rig.redis_cli(&["XLEN", "zoomd:results"]);
            let all = if with_delete { "5" } else { "4" };
            (count.trim().trim_start_matches(':') == all).then_some(())
        });
    }
}

/// A retry of all failures leaves those alone that a later update made pointless.
#[tokio::test]
async fn a_retry_of_all_leaves_superseded_updates_alone() {
    let rig = Rig::start().await;
    rig.connect("acme");
    let _daemon = rig.daemon();
    rig.xadd(&job("acme", "c")).await;
    rig.outcome("c").await;
    for (id, fails) in [("u1", true), ("u2", false), ("u3", true)] {
        if fails {
            rig.sim.fault(Fault::new(Endpoint::Update, What::Status(400)));
        }
        rig.xadd(&update("c", id, json!({"topic": id}))).await;
        let (stream, outcome) = rig.outcome(id).await;
        assert_eq!(stream == Stream::Failures, fails, "{outcome}");
    }
    let all = ["failure", "retry", "--all", "--yes", "--json"];
    let lines = rig.run(&all).expect(0).json();
    let result = |id: &str| {
        let mut lines = lines.as_array().expect("lines").iter();
        let line = lines.find(|line| line["id"] == format!("{id}#1")).expect("a line");
        line["result"].clone()
    };
    assert_eq!((result("u1"), result("u3")), ("superseded".into(), "started".into()), "{lines}");
    until("the retry to succeed", || (rig.sim.meetings()[0].topic == "u3").then_some(()));
    let forced = rig.run(&["failure", "retry", "u1", "--force", "--json"]).expect(0).json();
    assert_eq!(forced[0]["result"], "started", "{forced}");
    until("the retry to succeed", || (rig.sim.meetings()[0].topic == "u1").then_some(()));
}
