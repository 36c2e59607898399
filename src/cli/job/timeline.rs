//! The story of a job as a list of lines, from acceptance to its result.
//!
//! Pure: what is known of a job in, lines out, for people and for programs alike.
//! Steps come from the job's record, or from the entry of its result. A job that
//! went to Zoom at once and succeeded has none: its outcome says all. Waits
//! between two steps are told as lines of their own.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use zoomd_store::ops::{JobView, State};
use zoomd_store::queue::{Next, Step, StepKind, Why};

use super::because;
use crate::cli::output::span;
use crate::cli::table::one_line;

/// A shorter time between two steps is no wait worth a line.
const SHORTEST_WAIT_MS: i64 = 1_000;

/// One line. Fields are only ever added; those that do not apply are left out.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(in crate::cli) struct Line {
    /// When it began; nothing where that is not known.
    pub at: Option<Timestamp>,
    pub kind: &'static str,
    /// The line in words.
    pub what: String,
    /// When it ended; nothing while it goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Next>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// All lines of a job's story.
pub(in crate::cli) fn of(view: &JobView) -> Vec<Line> {
    let outcome = view.outcome.as_deref().and_then(|json| serde_json::from_str(json).ok());
    let outcome: Value = outcome.unwrap_or_default();
    let accepted_ms = view.entry.as_deref().and_then(entry_ms);
    let over_ms =
        view.state.is_over().then(|| ms_of(&outcome["finished_at"], &outcome["failed_at"]));
    let over_ms = over_ms.flatten();
    let mut steps = view.record.story.timeline.clone();
    if steps.is_empty() {
        steps.extend(only_call(view, &outcome));
    }
    let mut lines = Vec::with_capacity(2 * steps.len() + 3);
    lines.extend(accepted_ms.map(|at_ms| line(at_ms, "accepted", "accepted".to_owned())));
    if view.record.story.dropped > 0 {
        let what = format!("{} earlier steps are not kept", view.record.story.dropped);
        lines.push(Line { kind: "dropped", what, ..Line::default() });
    }
    // Since when nothing is told, and what the job waits for then.
    let mut since = accepted_ms.map(|ms| (ms, "queue"));
    for (at, step) in steps.iter().enumerate() {
        lines.extend(since.and_then(|(from, why)| gap(from, Some(step.at_ms), why)));
        let end_ms = steps.get(at + 1).map(|next| next.at_ms).or(over_ms);
        lines.push(told(step, end_ms));
        since = after(step);
    }
    if view.state.is_over() {
        lines.extend(since.and_then(|(from, why)| gap(from, over_ms, why)));
        lines.push(result(view, &outcome, over_ms));
    } else {
        lines.extend(going_on(view, steps.last(), since));
    }
    lines
}

/// The call of a job of whose story nothing was written: its outcome tells it.
fn only_call(view: &JobView, outcome: &Value) -> Option<Step> {
    let at_ms = ms_of(&outcome["started_at"], &Value::Null)?;
    let end_ms = ms_of(&outcome["finished_at"], &outcome["failed_at"])?;
    if outcome["attempts"] != 1 || outcome["reconciled"] == true {
        return None;
    }
    let (succeeded, created) =
        (view.state == State::Succeeded, outcome["kind"] == "create_meeting");
    let status = outcome["zoom"]["status"].as_u64().and_then(|status| status.try_into().ok());
    Some(Step {
        at_ms,
        kind: StepKind::Call,
        endpoint: outcome["kind"].as_str().map(|kind| kind.to_owned().into()),
        attempt: Some(1),
        status: if succeeded { created.then_some(201) } else { status },
        ms: u64::try_from(end_ms - at_ms).ok(),
        next: Some(if succeeded { Next::Done } else { Next::Failed }),
        ..Step::default()
    })
}

/// What the job waits for behind a step, if the step is no wait itself.
fn after(step: &Step) -> Option<(i64, &'static str)> {
    let end_ms = step.at_ms + step.ms.and_then(|ms| i64::try_from(ms).ok()).unwrap_or(0);
    let why = match (step.kind, step.next) {
        (StepKind::Wait, _) => return None,
        (_, Some(Next::Retry)) => "backoff",
        (_, Some(Next::Look)) => "reconcile",
        _ => "queue",
    };
    Some((end_ms, why))
}

/// A wait between two steps.
fn gap(from_ms: i64, to_ms: Option<i64>, why: &str) -> Option<Line> {
    let long = to_ms.is_none_or(|to_ms| to_ms - from_ms >= SHORTEST_WAIT_MS);
    long.then(|| told(&Step::wait(from_ms, why.to_owned()), to_ms))
}

/// What a live job waits for now.
fn going_on(
    view: &JobView,
    last: Option<&Step>,
    since: Option<(i64, &'static str)>,
) -> Option<Line> {
    let why = match view.state {
        State::Running => return None,
        State::Queued => "queue",
        State::Reconciling if view.daemon.is_some() => return None,
        State::Reconciling => "reconcile",
        _ => view.why?.as_str(),
    };
    let waits = last.filter(|step| step.kind == StepKind::Wait);
    if waits.is_some_and(|step| step.reason.as_deref() == Some(why)) {
        return None;
    }
    let mut line = told(&Step::wait(0, why), None);
    line.at = since.and_then(|(ms, _)| time(ms));
    line.next_at = view.until_ms.and_then(time);
    Some(line)
}

fn result(view: &JobView, outcome: &Value, over_ms: Option<i64>) -> Line {
    let code = outcome["code"].as_str().map(str::to_owned);
    let what = match (&code, &outcome["meeting"]["id"]) {
        (Some(code), _) => format!("failed: {code}"),
        (None, Value::Null) => view.state.as_str().to_owned(),
        (None, id) => format!("succeeded: meeting {id}"),
    };
    Line { code, at: over_ms.and_then(time), ..line(0, "result", what) }
}

/// One step as a line; `end_ms` is when the next thing happened.
fn told(step: &Step, end_ms: Option<i64>) -> Line {
    let (kind, what) = match step.kind {
        StepKind::Wait => ("wait", waited(step, end_ms)),
        StepKind::Call => ("call", called(step)),
        StepKind::Look => ("look", looked(step)),
        StepKind::Run => ("run", step.what.clone().into_owned()),
        StepKind::Note => ("note", step.what.clone().into_owned()),
    };
    let to_ms = end_ms.filter(|_| step.kind == StepKind::Wait);
    let waited_ms = to_ms.and_then(|to_ms| u64::try_from(to_ms - step.at_ms).ok());
    Line {
        to: to_ms.and_then(time),
        duration_ms: step.ms.or(waited_ms),
        reason: step.reason.as_deref().map(str::to_owned),
        endpoint: step.endpoint.as_deref().map(str::to_owned),
        attempt: step.attempt,
        status: step.status,
        error: step.error.as_deref().map(str::to_owned),
        next: step.next,
        next_at: step.until_ms.and_then(time),
        times: step.times,
        ..line(step.at_ms, kind, one_line(&what))
    }
}

fn waited(step: &Step, end_ms: Option<i64>) -> String {
    let reason = step.reason.as_deref().unwrap_or_default();
    let for_what = reason_in_words(reason);
    let times = step.times.map(|times| format!(", sent back {times} times")).unwrap_or_default();
    match end_ms.and_then(|end_ms| u64::try_from(end_ms - step.at_ms).ok()) {
        Some(ms) => format!("waited {} {for_what}{times}", length(ms)),
        None => format!("waiting {for_what}{times}"),
    }
}

fn reason_in_words(reason: &str) -> &str {
    match reason {
        "queue" => "in the queue",
        "reconcile" => "to search Zoom's list for the meeting",
        "token" => "for the account's access token",
        "zoom_unreachable" => "because Zoom could not be reached",
        "redis" => "because Redis could not be asked for the access token",
        "local" => "because the server had no file or port left for a connection",
        "late" => "because the call could not begin in time",
        "shutdown" => "because the daemon shut down",
        reason => match Why::from_word(reason) {
            Some(why) => because::phrase(why),
            None => reason,
        },
    }
}

fn called(step: &Step) -> String {
    let mut text = match step.attempt {
        Some(number) => format!("attempt {number}: "),
        None => "call without an attempt used: ".to_owned(),
    };
    text += step.endpoint.as_deref().unwrap_or("call");
    match (step.status, &step.error) {
        (Some(status), _) => text += &format!(" answered HTTP {status}"),
        (None, Some(error)) => text += &format!(" failed ({error})"),
        (None, None) => {}
    }
    if let Some(ms) = step.ms {
        text += &format!(" after {}", length(ms));
    }
    if let Some(times) = step.times {
        text += &format!(", {times} times");
    }
    if !step.what.is_empty() {
        text += &format!(": {}", step.what);
    }
    text + then(step.next)
}

fn looked(step: &Step) -> String {
    let took = step.ms.map(|ms| format!(" for {}", length(ms))).unwrap_or_default();
    let what = if step.what.is_empty() { "no result" } else { &step.what };
    let times = step.times.map(|times| format!(", {times} times")).unwrap_or_default();
    format!("searched Zoom's list{took}{times}: {what}{}", then(step.next))
}

fn then(next: Option<Next>) -> &'static str {
    match next {
        Some(Next::Retry) => "; next: another attempt",
        Some(Next::Look) => "; next: search Zoom's list",
        _ => "",
    }
}

/// A length of time: `7 ms`, `2.1 s`, `12m`.
fn length(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..120_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        _ => span(ms / 1_000),
    }
}

fn line(at_ms: i64, kind: &'static str, what: String) -> Line {
    Line { at: time(at_ms), kind, what, ..Line::default() }
}

fn time(ms: i64) -> Option<Timestamp> {
    Timestamp::from_millisecond(ms).ok().filter(|_| ms > 0)
}

fn entry_ms(entry: &str) -> Option<i64> {
    let entry: zoomd_wire::EntryId = entry.parse().ok()?;
    i64::try_from(entry.ms).ok()
}

fn ms_of(first: &Value, second: &Value) -> Option<i64> {
    let text = first.as_str().or(second.as_str())?;
    Some(text.parse::<Timestamp>().ok()?.as_millisecond())
}

/// The lines for people: the time of each, and how long after acceptance it was.
pub(in crate::cli) fn people(lines: &[Line]) -> String {
    let start = lines.iter().find_map(|line| line.at);
    let mut text = String::new();
    for line in lines {
        let at = line.at.map(|at| format!("{at:.3}")).unwrap_or_default();
        let after = line.at.zip(start).map(|(at, start)| at.duration_since(start).as_millis());
        let after = after.and_then(|ms| u64::try_from(ms).ok());
        let after = after.map(|ms| format!("+{}", length(ms))).unwrap_or_default();
        text += &format!("  {at:<24}  {after:<8}  {}\n", line.what);
    }
    text
}

#[cfg(test)]
mod tests {
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
        let text = people(&lines);
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
                what: "the last call made no meeting".into(),
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
            "waited 9.0 s for consent",
            "attempt 1: create_meeting answered HTTP 503 after 120 ms: Zoom is in trouble; next: search Zoom's list",
            "waited 2.0 s to search Zoom's list for the meeting",
            "searched Zoom's list for 30 ms: the last call made no meeting; next: another attempt",
            "waited 2.0 s for its next attempt",
            "attempt 2: create_meeting answered HTTP 201 after 120 ms",
            "succeeded: meeting 7",
        ];
        assert_eq!(words(&view), told);
        let lines = serde_json::to_value(of(&view)).expect("json");
        assert_eq!(
            (&lines[1]["reason"], &lines[1]["duration_ms"]),
            (&"consent".into(), &9_000.into())
        );
        assert_eq!((&lines[2]["next"], &lines[2]["attempt"]), (&"look".into(), &1.into()));
        assert!(lines[0].get("attempt").is_none(), "{lines}");
    }

    #[test]
    fn a_live_job_ends_with_what_it_waits_for() {
        let mut live = view(State::Waiting, Vec::new(), &Value::Null);
        live.why = Some(Why::Paused);
        assert_eq!(words(&live), ["accepted", "waiting because of a pause"]);
        live.record.story.push(Step::wait(T + 5, "token"));
        let told =
            ["accepted", "waiting for the account's access token", "waiting because of a pause"];
        assert_eq!(words(&live), told);
        live.why = Some(Why::Backoff);
        (live.state, live.record.story) = (State::Sleeping, Story::default());
        live.record.story.push(call(9_000, 1, 401, Next::Retry));
        live.record.story.dropped = 3;
        let lines = of(&live);
        let kinds: Vec<_> = lines.iter().map(|line| line.kind).collect();
        assert_eq!(kinds, ["accepted", "dropped", "wait", "call", "wait"]);
        assert_eq!((lines[4].at, lines[4].to), (time(T + 9_120), None));
    }

    #[test]
    fn a_failure_without_a_call_is_told_too() {
        let outcome =
            json!({"attempts": 0, "code": "deadline_exceeded", "failed_at": stamp(60_000)});
        let view = view(State::Failed, Vec::new(), &outcome);
        let told = ["accepted", "waited 60.0 s in the queue", "failed: deadline_exceeded"];
        assert_eq!(words(&view), told);
    }
}
