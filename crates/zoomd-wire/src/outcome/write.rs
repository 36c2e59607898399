//! JSON written piece by piece, for the outcome that nearly every job has.
//!
//! The text is what `serde_json` would write (`tests/wire/same.rs` holds it),
//! in a fifth of the instructions: nearly no text has anything to escape, which
//! is seen at a glance, and what was copied from JSON is JSON.

use std::fmt::Write as _;

use jiff::Timestamp;

use crate::ascii;

/// A string.
pub(super) fn text(out: &mut String, text: &str) {
    // Without a way out of the loop it takes 16 bytes at a time.
    let plain = |so_far, byte| so_far & (byte >= 0x20) & (byte != b'"') & (byte != b'\\');
    if text.bytes().fold(true, plain) {
        quoted(out, text);
    } else {
        out.push_str(&super::json(text, 2 * text.len()));
    }
}

/// A string that has nothing to escape.
pub(super) fn quoted(out: &mut String, plain: &str) {
    out.push('"');
    out.push_str(plain);
    out.push('"');
}

/// A whole number.
pub(super) fn number(out: &mut String, number: u64) {
    out.push_str(itoa::Buffer::new().format(number));
}

/// A time, as [`stamp`](super::stamp) has it.
pub(super) fn stamp(out: &mut String, time: Timestamp) {
    match ascii::millis(time) {
        Some(text) => quoted(out, ascii::text(&text)),
        // A String takes all there is.
        None => drop(write!(out, "\"{time:.3}\"")),
    }
}
