//! One pass over JSON that only tells where things end. Invariant: what passes
//! is JSON, as `serde_json` would have it (held by `tests/same.rs`).
//!
//! Each function takes the place where something begins and answers the one
//! behind it. A place is handed on and not kept: so it stays in a register.

use std::ops::Range;

use crate::find;

/// End of the part that was scanned; `None` if the text does not match.
type End = Option<usize>;

/// A string: where its last quote is, and whether there is a `\` in it.
struct Text {
    end: usize,
    escaped: bool,
}

/// A field: what is between the quotes of its name, whether there is a `\` in
/// it, and its value.
pub(crate) struct Field {
    pub name: Range<usize>,
    pub escaped: bool,
    pub value: Range<usize>,
}

/// Behind the white space at `at`, of which there nearly always is none.
#[inline]
pub(crate) fn space(bytes: &[u8], at: usize) -> usize {
    if bytes.get(at).is_some_and(|byte| *byte > b' ') { at } else { some_space(bytes, at) }
}

#[cold]
fn some_space(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\t' | b'\r') = bytes.get(at) {
        at += 1;
    }
    at
}

/// Behind `byte` and the white space after it.
#[inline]
fn need(bytes: &[u8], at: usize, byte: u8) -> End {
    (bytes.get(at) == Some(&byte)).then(|| space(bytes, at + 1))
}

/// An object whose values nest at most `depth` deep.
#[inline]
pub(crate) fn object(
    bytes: &[u8],
    at: usize,
    depth: u8,
    mut each: impl FnMut(Field) -> Option<()>,
) -> End {
    let mut at = need(bytes, at, b'{')?;
    if bytes.get(at) == Some(&b'}') {
        return Some(at + 1);
    }
    loop {
        let name = string(bytes, at)?;
        let colon = space(bytes, name.end + 1);
        let start = need(bytes, colon, b':')?;
        let end = value(bytes, start, depth)?;
        each(Field { name: at + 1..name.end, escaped: name.escaped, value: start..end })?;
        at = space(bytes, end);
        match bytes.get(at)? {
            b',' => at = space(bytes, at + 1),
            b'}' => return Some(at + 1),
            _ => return None,
        }
    }
}

fn array(bytes: &[u8], at: usize, depth: u8) -> End {
    let mut at = need(bytes, at, b'[')?;
    if bytes.get(at) == Some(&b']') {
        return Some(at + 1);
    }
    loop {
        at = space(bytes, value(bytes, at, depth)?);
        match bytes.get(at)? {
            b',' => at = space(bytes, at + 1),
            b']' => return Some(at + 1),
            _ => return None,
        }
    }
}

fn value(bytes: &[u8], at: usize, depth: u8) -> End {
    match bytes.get(at)? {
        b'"' => string(bytes, at).map(|text| text.end + 1),
        b'{' => object(bytes, at, depth.checked_sub(1)?, |_| Some(())),
        b'[' => array(bytes, at, depth.checked_sub(1)?),
        b't' => word(bytes, at, b"true"),
        b'f' => word(bytes, at, b"false"),
        b'n' => word(bytes, at, b"null"),
        _ => number(bytes, at),
    }
}

#[inline]
fn word<const N: usize>(bytes: &[u8], at: usize, word: &[u8; N]) -> End {
    (bytes.get(at..at + N)? == word).then_some(at + N)
}

fn number(bytes: &[u8], mut at: usize) -> End {
    let is = |at: usize, byte: u8| bytes.get(at) == Some(&byte);
    at += usize::from(is(at, b'-'));
    at = if is(at, b'0') { at + 1 } else { digits(bytes, at)? };
    if is(at, b'.') {
        at = digits(bytes, at + 1)?;
    }
    if is(at, b'e') || is(at, b'E') {
        at += 1;
        at += usize::from(is(at, b'+') || is(at, b'-'));
        at = digits(bytes, at)?;
    }
    Some(at)
}

/// One digit or more.
fn digits(bytes: &[u8], start: usize) -> End {
    let mut at = start;
    while bytes.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    (at > start).then_some(at)
}

fn string(bytes: &[u8], at: usize) -> Option<Text> {
    if bytes.get(at) != Some(&b'"') {
        return None;
    }
    let end = find::special(bytes, at + 1);
    match bytes.get(end)? {
        b'"' => Some(Text { end, escaped: false }),
        b'\\' => escapes(bytes, end).map(|end| Text { end, escaped: true }),
        _ => None,
    }
}

/// From the first `\` of a string to its last quote. Rare, and kept apart so
/// that others have no registers to save for it.
#[cold]
fn escapes(bytes: &[u8], mut at: usize) -> End {
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at),
            b'\\' => at = find::special(bytes, escape(bytes, at)?),
            _ => return None,
        }
    }
}

fn escape(bytes: &[u8], at: usize) -> End {
    match bytes.get(at + 1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(at + 2),
        b'u' => {
            let digits = bytes.get(at + 2..at + 6)?;
            digits.iter().all(u8::is_ascii_hexdigit).then_some(at + 6)
        }
        _ => None,
    }
}
