//! Any bytes as a job: an answer comes, and what it says is true.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use jiff::Timestamp;
use serde_json::value::RawValue;
use zoomd_wire::{EntryId, Failure, FailureCode, InvalidJob, Job, Marker, Meeting, Rules, parse};

/// The time at which every job was enqueued: 2026-10-01.
const NOW_S: i64 = 1_790_812_800;
/// An agenda with its marker, in characters.
const AGENDA: usize = 2_000;

/// Parses, checks, and answers what kind of answer it was: inputs of a new kind
/// are worth mutating.
pub fn run(text: &[u8]) -> u64 {
    let now = Timestamp::from_second(NOW_S).expect("a time");
    let mut kind = DefaultHasher::new();
    match parse(text, &Rules::at(now)) {
        Ok(job) => {
            accepted(&job, text, now);
            (job.kind, job.priority.rank(), job.max_attempts).hash(&mut kind);
            (job.id.is_some(), job.not_before.is_some(), job.deadline.is_some()).hash(&mut kind);
            (job.traceparent.is_some(), job.metadata.is_some(), job.reply).hash(&mut kind);
            (job.start().is_some(), job.charged_hosts().map(|host| host.is_some())).hash(&mut kind);
            let meeting = job.meeting();
            (meeting.map(Meeting::takes_marker), job.is_recoverable()).hash(&mut kind);
            meeting.map(|meeting| meeting.meeting_type).hash(&mut kind);
        }
        Err(invalid) => {
            refused(&invalid, text);
            let words = invalid.message.split(|c: char| !c.is_alphabetic());
            (&invalid.field, words.take(6).collect::<Vec<_>>()).hash(&mut kind);
        }
    }
    kind.finish()
}

/// Checks that the text sent to Zoom is JSON and ends with its marker where there is one, and
/// that a job accepted once is accepted again, unchanged.
fn accepted(job: &Job, text: &[u8], now: Timestamp) {
    assert!(text.len() <= 64 << 10, "a job has a bound");
    if let Some(meeting) = job.meeting() {
        object(meeting.body().as_bytes());
    }
    let marker = Marker::from_bits(text.len() as u64);
    if let Some(body) = job.meeting().and_then(|meeting| meeting.body_with_marker(&marker)) {
        let body = object(&body);
        let agenda: String =
            serde_json::from_str(body.get("agenda").expect("an agenda").get()).expect("a text");
        assert!(agenda.ends_with(marker.as_str()) && marker.is_in(&agenda), "{agenda:?}");
        let units = agenda.encode_utf16().count();
        assert!(units <= AGENDA, "{units} units of UTF-16");
    }
    let later = parse(text, &Rules::again(now)).expect("accepted before");
    assert_eq!((later.digest(), later.host()), (job.digest(), job.host()));
    if let (Some(from), Some(to)) = (job.not_before, job.must_start_by()) {
        assert!(from <= to, "it could never run");
    }
}

/// A refusal names something, in bounds, and its failure is JSON.
fn refused(invalid: &InvalidJob, text: &[u8]) {
    assert!(invalid.message.len() < 8_000, "{}", invalid.message.len());
    let entry = EntryId { ms: 1, seq: 0 };
    let failure = Failure {
        job_id: "1-0",
        run: 1,
        entry_id: entry,
        account: invalid.claims.account.as_deref(),
        kind: invalid.claims.kind.as_deref(),
        user: invalid.claims.user.as_deref(),
        code: FailureCode::InvalidJob,
        message: &invalid.message,
        field: Some(&invalid.field),
        attempts: 0,
        origin: None,
        zoom: None,
        candidates: None,
        cancelled_by: None,
        enqueued_at: entry.time(),
        started_at: None,
        failed_at: entry.time(),
        job: text,
        traceparent: invalid.claims.traceparent,
        metadata: invalid.claims.metadata.as_deref(),
    };
    object(failure.to_json().as_bytes());
}

/// Values stay texts: 1e999 is JSON, and no number.
fn object(json: &[u8]) -> BTreeMap<String, Box<RawValue>> {
    serde_json::from_slice(json).expect("one JSON object")
}
