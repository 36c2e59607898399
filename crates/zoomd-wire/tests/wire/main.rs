//! The contract as others see it: what is accepted, what is refused and in
//! which words, what comes out.

mod accepted;
mod changes;
mod folds;
mod fuzz;
mod messages;
mod outcomes;
mod properties;
mod refused;
mod same;
mod schema;
mod sent;
mod targets;

use jiff::Timestamp;
use zoomd_wire::{InvalidJob, Job, Rules, parse};

/// The time at which every job of these tests was enqueued.
const NOW: &str = "2026-10-01T00:00:00Z";

fn rules() -> Rules {
    Rules::at(NOW.parse().unwrap())
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[track_caller]
fn job(text: &str) -> Job {
    let job = parse(text.as_bytes(), &rules());
    let job = job.unwrap_or_else(|invalid| panic!("{invalid}: {text}"));
    schema::accepts(text);
    job
}

#[track_caller]
fn refusal(text: &str) -> InvalidJob {
    match parse(text.as_bytes(), &rules()) {
        Ok(_) => panic!("accepted: {text}"),
        Err(invalid) => {
            schema::refuses(text, &invalid);
            invalid
        }
    }
}

/// A job around this meeting.
fn with_meeting(meeting: &str) -> String {
    format!(r#"{{"account":"acme","meeting":{meeting}}}"#)
}

/// Job whose meeting has these fields in addition to the required ones.
fn with_fields(fields: &str) -> String {
    with_meeting(&format!(r#"{{"start_time":"2026-12-01T10:00:00Z",{fields}}}"#))
}

/// Valid job with these additional fields.
fn with_envelope(fields: &str) -> String {
    format!(r#"{{"account":"acme","meeting":{{"type":3}},{fields}}}"#)
}
