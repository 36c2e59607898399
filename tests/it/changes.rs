//! Jobs that change and end a meeting, black box: from the command line to the outcome,
//! and through daemons that die or stand still between the call and the outcome.

use rustix::process::Signal;
use serde_json::{Value, json};
use zoom_sim::{Endpoint, Fault, What};
use zoomd_store::streams::Stream;

use crate::rotation::{all, is_stopped};
use crate::support::{Rig, job, until};

/// A meeting that a job of this rig made; its number.
async fn made(rig: &Rig) -> u64 {
    rig.xadd(&job("acme", "made")).await;
    let (_, result) = rig.outcome("made").await;
    result["meeting"]["id"].as_u64().expect("a meeting")
}

fn update(id: &str, meeting: u64, change: Value) -> String {
    json!({"id": id, "account": "acme", "kind": "update_meeting", "meeting_id": meeting,
           "scope": "series", "meeting": change})
    .to_string()
}

fn end(id: &str, meeting: u64) -> String {
    json!({"id": id, "account": "acme", "kind": "end_meeting", "meeting_id": meeting}).to_string()
}

#[tokio::test]
async fn the_command_line_changes_and_ends_a_meeting() {
    let rig = Rig::start().await;
    rig.connect("acme");
    let _daemon = rig.daemon();
    let meeting = made(&rig).await;
    let number = meeting.to_string();
    let target = ["--meeting-id", &number, "--wait", "--timeout", "30s"];
    let enqueue = |kind: &str, id: &str, flags: &[&str]| {
        let start = ["enqueue", "--account", "acme", "--kind", kind, "--id", id];
        rig.run(&[&start[..], &target, flags].concat())
    };
    let flags = ["--topic", "Moved", "--start-time", "2036-12-02T10:00:00Z"];
    let ran = enqueue("update_meeting", "moved", &flags).expect(0);
    assert!(ran.stdout.contains(&format!("meeting    {number}\neffect     updated\n")), "{ran:?}");
    assert_eq!(rig.sim.meetings()[0].topic, "Moved");
    let story = rig.run(&["job", "show", "moved"]).expect(0).stdout;
    assert!(story.contains("attempt 1: update_meeting answered HTTP 204"), "{story}");
    assert!(story.contains(&format!("succeeded: meeting {number} updated")), "{story}");
    assert!(rig.sim.start_meeting(meeting));
    let ran = enqueue("end_meeting", "over", &[]).expect(0);
    assert!(ran.stdout.contains("effect     ended\n"), "{ran:?}");
    let ran = enqueue("end_meeting", "again", &[]).expect(0);
    assert!(
        ran.stdout.contains("effect     already ended\n") || ran.stdout.contains("already_ended")
    );
    // Jobs that the daemon would refuse are rejected before they are sent.
    for (kind, flags, message) in [
        ("update_meeting", &[][..], "`meeting` is missing"),
        ("update_meeting", &["--topic", "t", "--occurrence", "soon"][..], "`occurrence` is"),
        ("update_meeting", &["--topic", "t", "--occurrence", "1648194360000"][..], "one date"),
        ("update_meeting", &["--start-time", "2020-01-01T10:00:00Z"][..], "in the past"),
        ("end_meeting", &["--topic", "t"][..], "does not go with end_meeting"),
    ] {
        let ran = enqueue(kind, "bad", flags).expect(2);
        assert!(ran.stderr.contains(message), "{ran:?}");
    }
    let ran = enqueue("end_meeting", "bad", &["--of", "made"]).expect(2);
    assert!(ran.stderr.contains("cannot be used with"), "{ran:?}");
}

/// A daemon that dies between its call and the outcome, or before the call, leaves it to
/// another one: no change is lost, and none is made twice that was seen to be there.
#[tokio::test]
async fn a_daemon_killed_around_a_change_or_an_end_is_made_good() {
    let mut rig = Rig::start().await;
    rig.set("ZOOMD_FAILPOINT_WORK_PACE", "30");
    rig.connect("acme");
    let daemon = rig.daemon();
    let meeting = made(&rig).await;
    drop(daemon);
    for (id, kills, effect) in [
        ("answered", "answered:kill", "unchanged"),
        ("leaving", "leaving:kill", "updated"),
        ("ended", "answered:kill", "already_ended"),
        ("ending", "leaving:kill", "ended"),
    ] {
        let ends = id.starts_with("end");
        let endpoint = if ends { Endpoint::Status } else { Endpoint::Update };
        let count =
            |rig: &Rig| rig.sim.requests().iter().filter(|r| r.endpoint == endpoint).count();
        let before = count(&rig);
        if ends {
            assert!(rig.sim.start_meeting(meeting));
        }
        rig.set("ZOOMD_FAILPOINT", kills);
        let mut dies = rig.daemon();
        let text = if ends { end(id, meeting) } else { update(id, meeting, json!({"topic": id})) };
        rig.xadd(&text).await;
        assert!(!dies.wait().success());
        rig.set("ZOOMD_FAILPOINT", "");
        let _another = rig.daemon();
        let (stream, result) = rig.outcome(id).await;
        assert_eq!((stream, &result["effect"]), (Stream::Results, &effect.into()), "{result}");
        // A call rejected on arrival has sent nothing.
        assert_eq!(count(&rig) - before, 1, "{result}");
        let seen = rig.sim.meetings().remove(0);
        assert!(!seen.running && (ends || seen.topic == id), "{seen:?}");
    }
    assert_eq!(rig.sim.violations(), []);
}

/// A daemon that stands still past its lease, with a job in hand or with the answer to its
/// call, leaves it to another one: each call is made once, each job has one outcome, and
/// what the first one does when it wakes changes nothing.
async fn stopped(kind: &'static str, seam: &str, effect: &str) {
    let case = format!("{kind} stopped at {seam}");
    let mut rig = Rig::start().await;
    rig.set("ZOOMD_FAILPOINT_WORK_PACE", "30");
    rig.connect("acme");
    let daemon = rig.daemon();
    let meeting = made(&rig).await;
    drop(daemon);
    assert!(kind != "end_meeting" || rig.sim.start_meeting(meeting), "{case}");
    rig.set("ZOOMD_FAILPOINT", &format!("{seam}:stop"));
    let halted = rig.daemon();
    rig.set("ZOOMD_FAILPOINT", "");
    let text = match kind {
        "update_meeting" => update("x", meeting, json!({"topic": "x"})),
        "end_meeting" => end("x", meeting),
        _ => json!({"id": "x", "account": "acme", "kind": kind, "of": "made"}).to_string(),
    };
    rig.xadd(&text).await;
    until("the daemon to stop", || is_stopped(halted.pid()).then_some(()));
    let _other = rig.daemon();
    let (stream, result) = rig.outcome("x").await;
    assert_eq!((stream, &result["effect"]), (Stream::Results, &effect.into()), "{case}: {result}");
    halted.signal(Signal::CONT);
    // It works again, and has said of the first job what it had to say.
    rig.xadd(&job("acme", "after")).await;
    rig.outcome("after").await;
    let arrived = rig.sim.counters().arrived;
    assert_eq!(arrived.update + arrived.status + arrived.delete, 1, "{case}");
    let outcomes = rig.redis_cli(&["XRANGE", "zoomd:results", "-", "+"]);
    assert_eq!(outcomes.lines().filter(|line| line.trim() == "x").count(), 1, "{case}");
    let seen = rig.sim.meetings().remove(0);
    assert!(!seen.running && seen.deleted == (kind == "delete_meeting"), "{case}: {seen:?}");
    assert!(kind != "update_meeting" || seen.topic == "x", "{case}: {seen:?}");
    assert_eq!(rig.sim.violations(), [], "{case}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 6)]
async fn a_daemon_stopped_around_a_change_leaves_it_to_another() {
    let cases = [
        ("update_meeting", "claimed", "updated"),
        ("update_meeting", "answered", "unchanged"),
        ("end_meeting", "claimed", "ended"),
        ("end_meeting", "answered", "already_ended"),
        ("delete_meeting", "claimed", "deleted"),
        ("delete_meeting", "answered", "already_gone"),
    ];
    all(cases.map(|(kind, seam, effect)| stopped(kind, seam, effect))).await;
}

/// Replies lost before and after the deed, and servers in trouble on either side of it:
/// each kind comes to what its job asks for.
#[tokio::test]
async fn a_zoom_in_trouble_around_the_deed_changes_nothing_of_the_end() {
    let mut rig = Rig::start().await;
    rig.set("ZOOMD_ZOOM_CONNECT_TIMEOUT", "500ms");
    rig.set("ZOOMD_ZOOM_REQUEST_TIMEOUT", "1s");
    rig.set("ZOOMD_RECONCILE_DELAYS", "100ms,200ms");
    rig.connect("acme");
    let _daemon = rig.daemon();
    let meeting = made(&rig).await;
    let faults = [("drop", What::Drop), ("reset", What::Reset), ("busy", What::Status(503))];
    for (name, what) in faults {
        for after in [false, true] {
            let fault = |endpoint| {
                let fault = Fault::new(endpoint, what.clone());
                if after { fault.after() } else { fault }
            };
            let id = format!("{name}-{after}");
            rig.sim.fault(fault(Endpoint::Update));
            rig.xadd(&update(&id, meeting, json!({"topic": id, "agenda": id}))).await;
            let (_, result) = rig.outcome(&id).await;
            let effect = if after { "unchanged" } else { "updated" };
            assert_eq!(result["effect"], effect, "{result}");
            assert_eq!(rig.sim.meetings()[0].topic, id);
            assert!(rig.sim.start_meeting(meeting));
            rig.sim.fault(fault(Endpoint::Status));
            rig.xadd(&end(&format!("end-{id}"), meeting)).await;
            let (_, result) = rig.outcome(&format!("end-{id}")).await;
            let effect = if after { "already_ended" } else { "ended" };
            assert_eq!(result["effect"], effect, "{result}");
            assert!(!rig.sim.meetings()[0].running);
        }
    }
    assert_eq!(rig.sim.violations(), []);
}
