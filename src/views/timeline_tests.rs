use serde_json::json;
use zoomd_store::queue::Story;

use super::*;

const T: i64 = 1_893_312_000_000;

fn view(state: State, steps: Vec<Step>, outcome: &Value) -> JobView {
    let mut view = JobView::waiting("order-1");
    (view.state, view.entry) = (state, Some(format!("{T}-0")));
    view.record.story = Story { timeline: steps, dropped: 0 };
    view.outcome = (!outcome.is_null()).then(|| outcome.to_string());
    view
}

fn stamp(ms: i64) -> Value {
    time(T + ms).expect("a time").to_string().into()
}

fn words(view: &JobView) -> Vec<String> {
    of(view).into_iter().map(|line| line.what).collect()
}

fn call(at_ms: i64, attempt: u32, status: u16, next: Next) -> Step {
    Step {
        at_ms: T + at_ms,
        kind: StepKind::Call,
        endpoint: Some("create_meeting".into()),
        attempt: Some(attempt),
        status: Some(status),
        ms: Some(120),
        next: Some(next),
        ..Step::default()
    }
}

#[test]
fn the_outcome_tells_of_a_job_that_succeeded_at_once() {
    let outcome = json!({"attempts": 1, "reconciled": false, "kind": "create_meeting",
        "started_at": stamp(4), "finished_at": stamp(310), "meeting": {"id": 7}});
    let view = view(State::Succeeded, Vec::new(), &outcome);
    let lines = of(&view);
    let told = ["accepted", "attempt 1: create_meeting answered HTTP 201 after 306 ms"];
    assert_eq!(words(&view), [told[0], told[1], "succeeded: meeting 7"]);
    assert_eq!((lines[1].status, lines[1].duration_ms), (Some(201), Some(306)));
    assert_eq!(lines[2].at, time(T + 310));
    let text = crate::views::line::people(&lines);
    assert!(text.starts_with("  2029-12-30T08:00:00.000Z  +0 ms     accepted\n"), "{text}");
}

#[test]
fn waits_between_attempts_are_told() {
    let steps = vec![
        Step::wait(T, "consent"),
        Step { what: "Zoom is in trouble".into(), ..call(9_000, 1, 503, Next::Look) },
        Step {
            at_ms: T + 11_120,
            kind: StepKind::Look,
            what: "the last call created no meeting".into(),
            ms: Some(30),
            next: Some(Next::Retry),
            ..Step::default()
        },
        call(13_150, 2, 201, Next::Done),
    ];
    let outcome = json!({"attempts": 2, "finished_at": stamp(13_300), "meeting": {"id": 7}});
    let view = view(State::Succeeded, steps, &outcome);
    let told = [
        "accepted",
        "waited 9.0 s: the account needs authorization",
        "attempt 1: create_meeting answered HTTP 503 after 120 ms: Zoom is in trouble; next: search Zoom's list",
        "waited 2.0 s: pause before a search of Zoom's list",
        "searched Zoom's list for 30 ms: the last call created no meeting; next: another attempt",
        "waited 2.0 s: backoff after a failed attempt",
        "attempt 2: create_meeting answered HTTP 201 after 120 ms",
        "succeeded: meeting 7",
    ];
    assert_eq!(words(&view), told);
    let lines = serde_json::to_value(of(&view)).expect("json");
    assert_eq!((&lines[1]["reason"], &lines[1]["duration_ms"]), (&"consent".into(), &9_000.into()));
    assert_eq!((&lines[2]["next"], &lines[2]["attempt"]), (&"look".into(), &1.into()));
    assert!(lines[0].get("attempt").is_none(), "{lines}");
}

#[test]
fn what_people_held_back_is_told_from_when_they_did() {
    let block = |why, from: i64, to: Option<i64>| Block {
        why,
        from_ms: T + from,
        to_ms: to.map(|to| T + to),
    };
    let day = Step { until_ms: Some(T + 50_000), ..Step::wait(T + 30_000, "host_day") };
    let outcome = json!({"finished_at": stamp(70_000), "meeting": {"id": 7}});
    let mut view = view(State::Succeeded, vec![day, call(65_000, 1, 201, Next::Done)], &outcome);
    view.blocks = vec![
        block(WaitReason::Paused, -9_000, Some(-5_000)),
        block(WaitReason::Paused, 10_000, Some(20_000)),
        block(WaitReason::Consent, 55_000, Some(60_000)),
        block(WaitReason::Paused, 900_000, None),
    ];
    let told = [
        "accepted",
        "waited 10.0 s: queued",
        "waited 10.0 s: paused",
        "waited 10.0 s: queued",
        "waited 20.0 s: today's meetings for this host are used up",
        "waited 5.0 s: queued",
        "waited 5.0 s: the account needs authorization",
        "waited 5.0 s: queued",
        "attempt 1: create_meeting answered HTTP 201 after 120 ms",
        "succeeded: meeting 7",
    ];
    assert_eq!(words(&view), told);
    view.record.story.timeline[0] = Step::wait(T, "token");
    let told = ["accepted", "waited 10.0 s: no usable access token", "waited 10.0 s: paused"];
    assert_eq!(words(&view)[..3], told);
}

#[test]
fn a_story_from_before_what_is_kept_says_so() {
    let outcome = json!({"finished_at": stamp(70_000), "meeting": {"id": 7}});
    let mut view = view(State::Succeeded, vec![call(65_000, 1, 201, Next::Done)], &outcome);
    view.blocks_from_ms = Some(T + 30_000);
    let told = [
        "accepted",
        "pauses and lost authorizations before 2029-12-30T08:00:30Z are not recorded",
        "waited 65.0 s: queued",
    ];
    assert_eq!(words(&view)[..3], told);
    assert_eq!((of(&view)[1].kind, of(&view)[1].at), ("unknown", None));
    view.blocks_from_ms = Some(T - 1);
    assert!(!words(&view).iter().any(|line| line.contains("not recorded")));
    // A wait for something else is in no doubt.
    let mut day = view.clone();
    let steps = vec![Step::wait(T, "host_day"), call(65_000, 1, 201, Next::Done)];
    (day.record.story.timeline, day.blocks_from_ms) = (steps, Some(T + 30_000));
    assert!(!words(&day).iter().any(|line| line.contains("not recorded")));
    view.record.story.dropped = 2;
    view.blocks_from_ms = Some(T + 30_000);
    let kinds: Vec<_> = of(&view).into_iter().map(|line| line.kind).collect();
    assert_eq!(kinds[..3], ["accepted", "unknown", "dropped"]);
}

#[test]
fn a_live_job_ends_with_what_it_waits_for() {
    let mut live = view(State::Waiting, Vec::new(), &Value::Null);
    live.why = Some(WaitReason::Paused);
    assert_eq!(words(&live), ["accepted", "waiting: paused"]);
    live.record.story.push(Step::wait(T + 5, "token"));
    let told = ["accepted", "sent back to wait: no usable access token", "waiting: paused"];
    assert_eq!(words(&live), told);
    live.why = Some(WaitReason::Rotation);
    assert_eq!(words(&live), ["accepted", "waiting: no usable access token"]);
    live.why = Some(WaitReason::Backoff);
    (live.state, live.record.story) = (State::Sleeping, Story::default());
    live.record.story.push(call(9_000, 1, 401, Next::Retry));
    live.record.story.dropped = 3;
    let lines = of(&live);
    let kinds: Vec<_> = lines.iter().map(|line| line.kind).collect();
    assert_eq!(kinds, ["accepted", "dropped", "wait", "call", "wait"]);
    assert_eq!((lines[4].at, lines[4].to), (time(T + 9_120), None));
}

#[test]
fn a_call_that_took_no_millisecond_is_told() {
    let outcome = json!({"kind": "create_meeting", "attempts": 1, "reconciled": false,
        "started_at": stamp(4), "finished_at": stamp(4), "meeting": {"id": 7}});
    let told = words(&view(State::Succeeded, Vec::new(), &outcome));
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[1].starts_with("attempt 1: create_meeting answered HTTP 201"), "{told:?}");
}

#[test]
fn a_failure_without_a_call_is_told_too() {
    let outcome = json!({"attempts": 0, "code": "deadline_exceeded", "failed_at": stamp(60_000)});
    let mut view = view(State::Failed, Vec::new(), &outcome);
    let told = ["accepted", "waited 60.0 s: queued", "failed: deadline_exceeded"];
    assert_eq!(words(&view), told);
    view.job = Some(json!({"not_before": stamp(40_000)}).to_string().into_bytes());
    let told = ["waited 40.0 s: scheduled for later (not_before)", "waited 20.0 s: queued"];
    assert_eq!(words(&view)[1..3], told);
}
