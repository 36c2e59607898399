//! What is noted in a job's record between its leases, and its story.

use zoomd_store::queue::{Record, Step};

use crate::pipeline::flight::Flight;

/// Lines kept of a job's story.
const LONGEST_TIMELINE: usize = 40;
/// The record's field for a job whose fresh token was refused.
const REFUSED: &str = "refused";
/// The record's field for the moment by which its lost call must be over.
const QUIET: &str = "quiet_ms";
/// The record's field for calls that were lost while their host was out of
/// reach, and are not counted as attempts.
const UNCOUNTED: &str = "uncounted";
/// The record's field for a lost call during or after which Zoom was out of reach.
const AWAY: &str = "away";
/// The record's field for the times a handler of this job did not come back.
const CRASHES: &str = "crashes";
/// The record's field for when the job was first found to be unresolved for too long.
const OVERDUE: &str = "overdue_ms";

/// Whether a fresh token was refused in this run before.
#[must_use]
pub fn was_refused(record: &Record) -> bool {
    record.more.contains_key(REFUSED)
}

/// Notes that a fresh token was refused.
pub fn set_refused(record: &mut Record) {
    record.more.insert(REFUSED.to_owned(), true.into());
}

/// The lost call is known to have made nothing.
pub fn clear_quiet(record: &mut Record) {
    record.more.remove(QUIET);
}

/// A handler came back.
pub fn clear_crashes(record: &mut Record) {
    record.more.remove(CRASHES);
}

/// Whether the job was sent before this lease's own call, counted or not.
#[must_use]
pub fn was_sent_before(flight: &Flight) -> bool {
    flight.attempt() > 1 || flight.record.more.contains_key(UNCOUNTED)
}

/// Whether Zoom was out of reach since the job's call was lost. Such a call is
/// no attempt: the job waited for Zoom.
#[must_use]
pub fn was_away(record: &Record) -> bool {
    record.more.contains_key(AWAY)
}

/// Notes that Zoom is out of reach while a call of the job is lost.
pub fn set_away(record: &mut Record) {
    record.more.insert(AWAY.to_owned(), true.into());
}

/// Takes the last call out of the count: it fell into a time without Zoom.
pub fn uncount(record: &mut Record) {
    let number = record.more.get(UNCOUNTED).and_then(serde_json::Value::as_u64).unwrap_or(0);
    record.more.insert(UNCOUNTED.to_owned(), (number + 1).into());
    record.attempts = record.attempts.saturating_sub(1);
    record.more.remove(AWAY);
}

/// When the lost call of a job must be over, if that is known.
#[must_use]
pub fn quiet_ms(record: &Record) -> Option<i64> {
    record.more.get(QUIET).and_then(serde_json::Value::as_i64)
}

/// Notes when the lost call must be over.
pub fn set_quiet(record: &mut Record, ms: i64) {
    record.more.insert(QUIET.to_owned(), ms.into());
}

/// How long the job has been unresolved for too long, which it is now if `is`.
pub fn overdue_ms(record: &mut Record, is: bool, now_ms: i64) -> i64 {
    if !is {
        record.more.remove(OVERDUE);
        return 0;
    }
    let since = record.more.entry(OVERDUE.to_owned()).or_insert_with(|| now_ms.into());
    now_ms - since.as_i64().unwrap_or(now_ms)
}

/// How often in a row a handler of this job did not come back.
#[must_use]
pub fn crashes(record: &Record) -> u32 {
    let noted = record.more.get(CRASHES).and_then(serde_json::Value::as_u64).unwrap_or(0);
    u32::try_from(noted).unwrap_or(u32::MAX).saturating_add(record.sweeps)
}

/// Keeps that number through a settle, which ends the scripts' own count.
pub fn keep_crashes(record: &mut Record, number: u32) {
    if number > 0 {
        record.more.insert(CRASHES.to_owned(), number.into());
    }
}

/// Adds a line to a job's story.
pub fn note(record: &mut Record, at_ms: i64, what: &str) {
    if record.timeline.len() >= LONGEST_TIMELINE {
        record.timeline.remove(0);
    }
    record.timeline.push(Step { at_ms, what: what.to_owned() });
    record.why = Some(what.to_owned());
}
