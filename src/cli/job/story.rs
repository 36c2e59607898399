//! A job's story, for people.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::Value;
use zoomd_store::inspect::{JobView, State};
use zoomd_wire::FailureCode;

use crate::cli::ctx::Ctx;
use crate::exit::Exit;
use crate::output::{FAIL, FAINT, GOOD, WARN, paint};
use crate::text::one_line;
use crate::views::job::{enqueued, priority};
use crate::views::line::{self, time};
use crate::views::{reason, timeline};

/// State of a job, in one line.
pub fn standing(ctx: &Ctx, view: &JobView) -> String {
    let now = Timestamp::now();
    let mut text = place(view);
    let moment = |ms: Option<i64>| ms.and_then(time).map(|at| ctx.out.moment(at, now));
    if let Some(at) = moment(view.until_ms) {
        let _ = write!(text, ", expected {at}");
    } else if let Some(at) = moment(view.next_ms) {
        let what = if view.state == State::Reconciling { "check" } else { "attempt" };
        let _ = write!(text, ", next {what} {at}");
    } else if view.why.is_some() {
        text.push_str(", expected time not known");
    }
    if let Some(daemon) = &view.daemon {
        let _ = write!(text, " by {daemon}");
    }
    text
}

/// The state of a job without times, which differ with every read.
pub fn place(view: &JobView) -> String {
    let mut text = view.state.as_str().to_owned();
    let phrase = view.why.map(reason::phrase);
    let detail = view.detail.as_deref().map(one_line);
    match (phrase, detail) {
        // The detail says what the phrase says.
        (Some(phrase), Some(detail)) if detail.contains(phrase) => {
            let _ = write!(text, ": {detail}");
        }
        (phrase, detail) => {
            let _ = phrase.map(|phrase| write!(text, ": {phrase}"));
            let _ = detail.map(|detail| write!(text, " ({detail})"));
        }
    }
    if let Some(place) = view.place.filter(|_| view.state == State::Waiting) {
        let _ = write!(text, ", position {place}");
    }
    text
}

/// The whole story of a job, for people.
pub(super) fn tell(ctx: &Ctx, view: &JobView) -> String {
    let now = Timestamp::now();
    let style = match view.state {
        State::Succeeded => GOOD,
        State::Failed => FAIL,
        _ => WARN,
    };
    let mut text = String::new();
    let mut line = |head: &str, value: &str| {
        if !value.is_empty() {
            let _ = writeln!(text, "{head:<10} {value}");
        }
    };
    line("job", &one_line(&view.id));
    line("account", &one_line(view.account.as_deref().unwrap_or_default()));
    line("state", &paint(&standing(ctx, view), style));
    if let Some(why) = view.why {
        line("because", &reason::sentence(why, view));
    }
    if view.run > 1 {
        line("run", &view.run.to_string());
    }
    line("priority", view.priority.map(priority).unwrap_or_default());
    if let Some(at) = enqueued(view) {
        line("enqueued", &ctx.out.moment(at, now));
    }
    if let Some(at) = view.deadline_ms.and_then(time).filter(|_| !view.state.is_over()) {
        line("deadline", &ctx.out.moment(at, now));
    }
    if view.record.attempts > 0 {
        line("attempts", &view.record.attempts.to_string());
    }
    if view.record.unresolved {
        line("unresolved", "the last call may have created the meeting; checking with Zoom");
    }
    line("source", &paint(&view.source.as_str().replace('_', " "), FAINT));
    if !view.duplicates.is_empty() {
        let ids: Vec<_> = view.duplicates.iter().map(ToString::to_string).collect();
        let text = format!("{} meetings of this job exist at Zoom: {}", ids.len(), ids.join(", "));
        line("twins", &paint(&text, WARN));
    }
    text.push_str(&line::people(&timeline::of(view)));
    if let Some(value) = view.outcome.as_deref().and_then(|json| serde_json::from_str(json).ok()) {
        text.push_str(&outcome_lines(&value));
    }
    text
}

/// An outcome, for people.
pub fn outcome_lines(outcome: &Value) -> String {
    let mut text = String::new();
    let mut line = |head: &str, value: &Value| {
        let value = match value {
            Value::Null => return,
            Value::String(value) => one_line(value),
            value => value.to_string(),
        };
        let _ = writeln!(text, "{head:<10} {value}");
    };
    let meeting = &outcome["meeting"];
    line("meeting", &meeting["id"]);
    line("effect", &outcome["effect"]);
    if let Some(carrier) = outcome["merged_into"].as_str() {
        line("sent with", &format!("job {carrier}").into());
    }
    line("topic", &meeting["topic"]);
    line("start", &meeting["start_time"]);
    line("join", &meeting["join_url"]);
    line("code", &outcome["code"]);
    line("message", &outcome["message"]);
    if let Some(zoom) = outcome["zoom"].as_object() {
        let said = |name: &str| zoom.get(name).map(ToString::to_string).unwrap_or_default();
        line("zoom", &format!("HTTP {}, code {}", said("status"), said("code")).into());
    }
    for error in outcome["zoom"]["errors"].as_array().into_iter().flatten() {
        line("", &format!("{}: {}", plain(&error["field"]), plain(&error["message"])).into());
    }
    for candidate in outcome["candidates"].as_array().into_iter().flatten() {
        line(
            "candidate",
            &format!("{} {}", plain(&candidate["id"]), plain(&candidate["topic"])).into(),
        );
    }
    for warning in outcome["warnings"].as_array().into_iter().flatten() {
        line("warning", &warning["message"]);
    }
    if let Some(code) = code_of(outcome) {
        line("fix", &code.mend().into());
    }
    text
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn code_of(outcome: &Value) -> Option<FailureCode> {
    outcome["code"].as_str()?.parse().ok()
}

/// The exit code of a command that waited for this outcome.
pub fn exit_of(outcome: &Value) -> Exit {
    match code_of(outcome) {
        None => Exit::Done,
        Some(FailureCode::NeedsReauth | FailureCode::MissingScope) => Exit::Consent,
        Some(_) => Exit::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_is_told_with_its_mend() {
        let failure = serde_json::json!({
            "code": "zoom_rejected", "message": "Zoom refused the meeting",
            "zoom": {"status": 400, "code": 300, "errors": [{"field": "duration", "message": "bad"}]},
        });
        let text = outcome_lines(&failure);
        assert!(text.contains("zoom       HTTP 400, code 300\n"), "{text}");
        assert!(text.contains("           duration: bad\n"), "{text}");
        assert!(text.contains(FailureCode::ZoomRejected.mend()), "{text}");
        assert_eq!(exit_of(&failure), Exit::Failed);
        let part = serde_json::json!({"effect": "updated", "merged_into": "order-1"});
        assert_eq!(outcome_lines(&part), "effect     updated\nsent with  job order-1\n");
        let success = serde_json::json!({
            "meeting": {"id": 7, "join_url": "https://z/j/7"},
            "warnings": [{"field": "meeting.recurrence", "message": "dropped"}],
        });
        let told = "meeting    7\njoin       https://z/j/7\nwarning    dropped\n";
        assert_eq!(outcome_lines(&success), told);
        assert_eq!(exit_of(&success), Exit::Done);
        assert_eq!(exit_of(&serde_json::json!({"code": "needs_reauth"})), Exit::Consent);
    }
}
