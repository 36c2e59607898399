//! Jobs of one meeting, black box: in order whoever reads them, and a cancel that is not
//! lost.

use rustix::process::Signal;
use serde_json::{Value, json};
use zoom_sim::Endpoint;
use zoomd_store::streams::Stream;

use crate::support::{Rig, job, until};

fn of(create: &str, id: &str, kind: &str, more: Value) -> String {
    let mut text = json!({"id": id, "account": "acme", "kind": kind, "of": create});
    let fields = text.as_object_mut().expect("an object");
    fields.extend(more.as_object().expect("an object").clone());
    text.to_string()
}

fn delete(create: &str, id: &str) -> String {
    of(create, id, "delete_meeting", json!({}))
}

fn rename(create: &str, id: &str, topic: &str) -> String {
    of(create, id, "update_meeting", json!({"meeting": {"topic": topic}}))
}

/// Waits until daemons have so many entries in hand that have no outcome.
fn in_hand(rig: &Rig, count: usize) {
    until("the entries to be read", || {
        let pending = rig.redis_cli(&["XPENDING", "zoomd:jobs", "zoomd"]);
        pending.lines().any(|line| line.trim() == format!(":{count}")).then_some(())
    });
}

fn is_gone(rig: &Rig) -> bool {
    rig.sim.meetings().iter().all(|meeting| meeting.deleted)
}

#[tokio::test]
async fn jobs_sent_together_take_effect_in_their_order() {
    let rig = Rig::start().await;
    rig.connect("acme");
    let _daemon = rig.daemon();
    let jobs = [job("acme", "c"), rename("c", "u1", "first"), rename("c", "u2", "second")];
    for text in jobs {
        rig.xadd(&text).await;
    }
    for id in ["c", "u1", "u2"] {
        let (stream, outcome) = rig.outcome(id).await;
        assert_eq!(stream, Stream::Results, "{outcome}");
    }
    assert_eq!(rig.sim.meetings()[0].topic, "second");
    let shown = rig.run(&["--json", "job", "show", "u2"]).expect(0).json();
    assert_eq!(shown["state"], "succeeded", "{shown}");
    rig.xadd(&delete("c", "d")).await;
    let (stream, outcome) = rig.outcome("d").await;
    assert_eq!((stream, &outcome["effect"]), (Stream::Results, &"deleted".into()), "{outcome}");
    assert_eq!(outcome["of"], "c");
    assert!(is_gone(&rig));
    rig.xadd(&delete("nobody", "lost")).await;
    let (stream, outcome) = rig.outcome("lost").await;
    assert_eq!((stream, &outcome["code"]), (Stream::Failures, &"no_meeting".into()), "{outcome}");
}

#[tokio::test]
async fn a_delete_cancels_a_create_that_waits() {
    let rig = Rig::start().await;
    rig.connect("acme");
    rig.run(&["pause", "--reason", "quiet"]).expect(0);
    let _daemon = rig.daemon();
    for text in [job("acme", "c"), rename("c", "u", "never")] {
        rig.xadd(&text).await;
    }
    let shown = until("the update to wait", || {
        let shown = rig.run(&["--json", "job", "show", "u"]).expect(0).json();
        (shown["reason"] == "target").then_some(shown)
    });
    assert_eq!(
        (&shown["waits_for"], &shown["target"]["of"]),
        (&"c".into(), &"c".into()),
        "{shown}"
    );
    rig.xadd(&delete("c", "d")).await;
    let (stream, outcome) = rig.outcome("d").await;
    let never = (Stream::Results, &Value::from("never_created"));
    assert_eq!((stream, &outcome["effect"]), never, "{outcome}");
    for id in ["c", "u"] {
        let (stream, outcome) = rig.outcome(id).await;
        assert_eq!(stream, Stream::Failures);
        let found = (&outcome["code"], &outcome["cancelled_by"]);
        assert_eq!(found, (&"cancelled".into(), &"d".into()), "{outcome}");
    }
    assert!(rig.sim.requests().iter().all(|request| request.endpoint != Endpoint::Create));
}

/// The daemon with the older entry stands still between the read and the admission; the
/// other has the newer one.
#[tokio::test]
async fn a_newer_job_waits_for_an_older_one_in_another_daemons_hand() {
    for older in ["create", "delete"] {
        let mut rig = Rig::start().await;
        rig.connect("acme");
        let stops = if older == "create" { "read:stop" } else { "read:stop:2" };
        rig.set("ZOOMD_FAILPOINT", stops);
        let halted = rig.daemon();
        rig.set("ZOOMD_FAILPOINT", "");
        rig.xadd(&job("acme", "c")).await;
        let newer = match older {
            "create" => delete("c", "newer"),
            _ => {
                rig.outcome("c").await;
                rig.xadd(&delete("c", "d")).await;
                rename("c", "newer", "too late")
            }
        };
        in_hand(&rig, 1);
        let second = rig.daemon();
        second.wait_ready();
        rig.xadd(&newer).await;
        in_hand(&rig, 2);
        // Another meeting is not held up.
        rig.xadd(&job("acme", "other")).await;
        rig.outcome("other").await;
        let shown = rig.run(&["--json", "job", "show", "newer"]).expect(0).json();
        assert_eq!(shown["state"], "queued", "{older}: {shown}");
        halted.signal(Signal::CONT);
        let (stream, outcome) = rig.outcome("newer").await;
        let expected = if older == "create" { Stream::Results } else { Stream::Failures };
        assert_eq!(stream, expected, "{outcome}");
        let there = |meeting: &&zoom_sim::MeetingView| !meeting.deleted;
        assert_eq!(rig.sim.meetings().iter().filter(there).count(), 1, "the other one");
    }
}
