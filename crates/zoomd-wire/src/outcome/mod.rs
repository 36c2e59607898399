//! Outcomes of jobs: one JSON for consumers, exactly as the contract has it.
//!
//! Consumers ignore fields they do not know, so fields may be added and none
//! may change or go.

mod effect;
mod failure;
mod reply;
mod success;
mod write;

use jiff::Timestamp;
use serde::Serializer;

use crate::ascii;

pub use effect::Effect;
pub use failure::{Failure, ZoomAnswer};
pub use reply::{Field, Include, MeetingReply, NotAnObject, UnknownField, reply_fields};
pub use success::Success;

/// The version of the outcome's shape, its field `v`.
const VERSION: u8 = 1;

/// A time as outcomes write it: UTC, to the millisecond, with `Z`.
pub fn stamp(time: Timestamp) -> String {
    match ascii::millis(time) {
        Some(text) => ascii::text(&text).to_owned(),
        None => format!("{time:.3}"),
    }
}

fn as_stamp<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    match ascii::millis(*time) {
        Some(text) => serializer.serialize_str(ascii::text(&text)),
        None => serializer.collect_str(&format_args!("{time:.3}")),
    }
}

fn as_optional_stamp<S: Serializer>(
    time: &Option<Timestamp>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => as_stamp(time, serializer),
        None => serializer.serialize_none(),
    }
}

/// JSON of a value that cannot fail to be written: maps have string keys, and
/// every embedded text was parsed. `size` is about how long it is.
fn json(value: &(impl serde::Serialize + ?Sized), size: usize) -> String {
    let mut out = Vec::with_capacity(size);
    match serde_json::to_writer(&mut out, value) {
        Ok(()) => String::from_utf8(out).unwrap_or_default(),
        Err(error) => unreachable!("an outcome is always JSON: {error}"),
    }
}
