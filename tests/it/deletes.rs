//! Jobs that delete a meeting, black box: from the command line to the outcome, and
//! through the death of a daemon.

use serde_json::json;
use zoom_sim::Endpoint;
use zoomd_store::streams::Stream;

use crate::support::{Rig, job};

/// A meeting that a job of this rig made; its number.
async fn made(rig: &Rig) -> u64 {
    rig.xadd(&job("acme", "made")).await;
    let (_, result) = rig.outcome("made").await;
    result["meeting"]["id"].as_u64().expect("a meeting")
}

#[tokio::test]
async fn the_command_line_deletes_and_tells_the_story() {
    let rig = Rig::start().await;
    rig.connect("acme");
    let _daemon = rig.daemon();
    let meeting = made(&rig).await.to_string();
    let delete = ["enqueue", "--account", "acme", "--kind", "delete_meeting", "--meeting-id"];
    let args = [&delete[..], &[&meeting, "--id", "gone", "--wait", "--timeout", "30s"]].concat();
    let ran = rig.run(&args).expect(0);
    assert!(ran.stdout.contains(&format!("meeting    {meeting}\neffect     deleted\n")), "{ran:?}");
    assert!(rig.sim.meetings().iter().all(|meeting| meeting.deleted));
    let story = rig.run(&["job", "show", "gone"]).expect(0).stdout;
    assert!(story.contains("attempt 1: delete_meeting answered HTTP 204"), "{story}");
    assert!(story.contains(&format!("succeeded: meeting {meeting} deleted")), "{story}");
    // Jobs that the daemon would refuse are rejected before they are sent.
    for (flags, message) in [
        (&["--topic", "t"][..], "does not go with delete_meeting"),
        (&["--scope", "all"][..], "series"),
    ] {
        let ran = rig.run(&[&delete[..], &[&meeting], flags].concat()).expect(2);
        assert!(ran.stderr.contains(message), "{ran:?}");
    }
    rig.run(&["enqueue", "--account", "acme", "--meeting-id", &meeting]).expect(2);
}

/// A daemon that dies between its call and the outcome leaves it to another one.
#[tokio::test]
async fn a_daemon_killed_between_the_call_and_the_outcome_is_made_good() {
    let mut rig = Rig::start().await;
    rig.set("ZOOMD_FAILPOINT_WORK_PACE", "30");
    rig.connect("acme");
    let daemon = rig.daemon();
    let meeting = made(&rig).await;
    drop(daemon);
    for (id, seam, effect) in
        [("answered", "answered:kill", "already_gone"), ("leaving", "leaving:kill", "deleted")]
    {
        let meeting = if effect == "deleted" {
            let daemon = rig.daemon();
            rig.xadd(&job("acme", "second")).await;
            let (_, result) = rig.outcome("second").await;
            drop(daemon);
            result["meeting"]["id"].as_u64().expect("a meeting")
        } else {
            meeting
        };
        rig.set("ZOOMD_FAILPOINT", seam);
        let mut dies = rig.daemon();
        let text = json!({"id": id, "account": "acme", "kind": "delete_meeting",
                          "meeting_id": meeting, "scope": "series"});
        rig.xadd(&text.to_string()).await;
        assert!(!dies.wait().success());
        rig.set("ZOOMD_FAILPOINT", "");
        let _another = rig.daemon();
        let (stream, result) = rig.outcome(id).await;
        assert_eq!((stream, &result["effect"]), (Stream::Results, &effect.into()), "{result}");
        let sent = rig.sim.requests().iter().filter(|r| r.endpoint == Endpoint::Delete).count();
        assert_eq!(sent, if effect == "deleted" { 2 } else { 1 }, "{result}");
        assert!(rig.sim.meetings().iter().all(|meeting| meeting.deleted));
    }
    assert_eq!(rig.sim.violations(), []);
}
