//! The fields of a JSON object, where they stand in its text.
//!
//! Each job has four objects looked through: itself, its meeting, its digest
//! and Zoom's answer. Nothing of them is wanted but which fields there are, and
//! their values as they stand. `serde_json` tells that with a `RawValue` for
//! each, which takes longer. Here the whole text is checked all the same; what
//! is refused goes to `serde_json`, which knows why it is wrong.

mod find;
mod scan;

/// Tells `each` every field of the object that `text` is, in order: its name,
/// and its value as it stands, without the white space around it. A value is
/// sound JSON; as with `serde_json`'s `RawValue`, escapes in it may be halves
/// of surrogate pairs.
///
/// `None` where `text` is no JSON object; also where a name is written with an
/// escape, and where values are nested more than [`DEEPEST`] deep. `each` may
/// then have been told some fields, and what it made of them is to be dropped.
pub fn fields<'a>(text: &'a str, mut each: impl FnMut(&'a str, &'a str)) -> Option<()> {
    let bytes = text.as_bytes();
    let start = scan::space(bytes, 0);
    let end = scan::object(bytes, start, DEEPEST, |field| {
        if field.escaped {
            return None;
        }
        each(text.get(field.name)?, text.get(field.value)?);
        Some(())
    })?;
    (scan::space(bytes, end) == bytes.len()).then_some(())
}

/// How deep objects and arrays may stand in the values. Deeper ones are rare,
/// and the scan takes the stack.
pub const DEEPEST: u8 = 32;
