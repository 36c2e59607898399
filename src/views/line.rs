//! One line of a job's story: its fields for programs, its words for people.

use jiff::Timestamp;
use serde::Serialize;
use zoomd_store::queue::{Next, Step, StepKind, WaitReason};

use super::reason;
use crate::text::{one_line, span};

/// One line. Fields are only ever added; those that do not apply are left out.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The time at which it began; nothing where that is not known.
    pub at: Option<Timestamp>,
    pub kind: &'static str,
    /// The line in words.
    pub what: String,
    /// The time at which it ended; nothing while it goes on.
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

/// One step as a line; `end_ms` is when the next thing happened.
pub fn told(step: &Step, end_ms: Option<i64>) -> Line {
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
    let reason = reason_in_words(reason);
    let times = step.times.map(|times| format!(", sent back {times} times")).unwrap_or_default();
    match end_ms.and_then(|end_ms| u64::try_from(end_ms - step.at_ms).ok()) {
        Some(ms) => format!("waited {}: {reason}{times}", length(ms)),
        None => format!("waiting: {reason}{times}"),
    }
}

fn reason_in_words(reason: &str) -> &str {
    match reason {
        "queue" => "queued",
        "reconcile" => "pause before a search of Zoom's list",
        "token" => "no usable access token",
        "zoom_unreachable" => "Zoom could not be reached",
        "redis" => "Redis was unavailable when the access token was needed",
        "local" => "this server had no free file descriptor or port",
        "late" => "the call could not start in time",
        "shutdown" => "the daemon shut down",
        reason => match WaitReason::from_word(reason) {
            Some(why) => reason::phrase(why),
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
        text += &format!(": {}", step.what.trim_end_matches('.'));
    }
    text + then(step.next)
}

fn looked(step: &Step) -> String {
    let took = step.ms.map(|ms| format!(" for {}", length(ms))).unwrap_or_default();
    let what = if step.what.is_empty() { "no result" } else { &step.what };
    let times = step.times.map(|times| format!(", {times} times")).unwrap_or_default();
    let looked = match &step.endpoint {
        Some(endpoint) => format!("asked Zoom ({endpoint})"),
        None => "searched Zoom's list".to_owned(),
    };
    format!("{looked}{took}{times}: {what}{}", then(step.next))
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

pub fn line(at_ms: i64, kind: &'static str, what: String) -> Line {
    Line { at: time(at_ms), kind, what, ..Line::default() }
}

pub fn time(ms: i64) -> Option<Timestamp> {
    Timestamp::from_millisecond(ms).ok().filter(|_| ms > 0)
}

/// The lines for people: the time of each, and how long after acceptance it was.
pub fn people(lines: &[Line]) -> String {
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
