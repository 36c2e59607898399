//! Scan of the raw bytes for what the parser itself would accept: deep nesting, NUL characters,
//! halves of surrogate pairs.
//!
//! Skipped values (a meeting's settings, metadata) are passed on to Zoom and to consumers whose
//! parsers recurse or require valid characters, so everything is scanned, not only the fields that
//! we read.

use super::limits::MAX_DEPTH;

/// Problem, and at which byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    TooDeep,
    Nul,
    HalfSurrogate,
}

/// The first flaw and where it is. Knows just enough of JSON to tell strings
/// from the rest; whether it *is* JSON is for the parser to say.
pub(crate) fn first_flaw(text: &[u8]) -> Option<(Flaw, usize)> {
    if is_plain(text) { None } else { walk(text) }
}

/// True if there is nothing to look for: no NUL, no escape, and no more brackets
/// than may be open at once. Nearly every job is so; seen in 16 lanes, one step
/// of the machine for each, this takes a tenth of the walk.
fn is_plain(text: &[u8]) -> bool {
    let (mut open, mut odd) = ([0u8; 16], [false; 16]);
    let mut look = |part: &[u8]| {
        for ((byte, open), odd) in part.iter().zip(&mut open).zip(&mut odd) {
            // One bit distinguishes `[` from `{`.
            *open = open.saturating_add(u8::from(byte & !0x20 == b'['));
            *odd |= (*byte == 0) | (*byte == b'\\');
        }
    };
    let (chunks, rest) = text.as_chunks::<16>();
    chunks.iter().for_each(|chunk| look(chunk));
    look(rest);
    open.into_iter().map(usize::from).sum::<usize>() <= MAX_DEPTH && odd == [false; 16]
}

/// Byte by byte.
fn walk(text: &[u8]) -> Option<(Flaw, usize)> {
    let mut depth = 0usize;
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' => match string(text, at + 1) {
                Ok(end) => at = end,
                Err(flaw) => return Some(flaw),
            },
            b'{' | b'[' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Some((Flaw::TooDeep, at));
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            0 => return Some((Flaw::Nul, at)),
            _ => {}
        }
        at += 1;
    }
    None
}

/// From behind the opening quote to the closing one.
fn string(text: &[u8], mut at: usize) -> Result<usize, (Flaw, usize)> {
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' => return Ok(at),
            b'\\' if text.get(at + 1) == Some(&b'u') => at = unicode(text, at)?,
            b'\\' => at += 1,
            0 => return Err((Flaw::Nul, at)),
            _ => {}
        }
        at += 1;
    }
    Ok(at)
}

/// From a `\u` to its last byte, that of the second half for a pair.
fn unicode(text: &[u8], at: usize) -> Result<usize, (Flaw, usize)> {
    match code_unit(text, at) {
        Some(0) => Err((Flaw::Nul, at)),
        Some(0xd800..=0xdbff) => match code_unit(text, at + 6) {
            Some(0xdc00..=0xdfff) => Ok(at + 11),
            _ => Err((Flaw::HalfSurrogate, at)),
        },
        Some(0xdc00..=0xdfff) => Err((Flaw::HalfSurrogate, at)),
        Some(_) => Ok(at + 5),
        None => Ok(at + 1),
    }
}

fn code_unit(text: &[u8], at: usize) -> Option<u16> {
    let escape = text.get(at..at + 6)?;
    let digits = escape.strip_prefix(b"\\u")?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_each_flaw_where_it_is() {
        let deep = "[".repeat(MAX_DEPTH + 1);
        assert_eq!(first_flaw(deep.as_bytes()), Some((Flaw::TooDeep, MAX_DEPTH)));
        assert_eq!(first_flaw(b"{\"a\":\"b\0\"}"), Some((Flaw::Nul, 7)));
        assert_eq!(first_flaw(b"\0"), Some((Flaw::Nul, 0)));
        assert_eq!(first_flaw(br#"{"a":"\u0000"}"#), Some((Flaw::Nul, 6)));
        assert_eq!(first_flaw(br#"["\ud800x"]"#), Some((Flaw::HalfSurrogate, 2)));
        assert_eq!(first_flaw(br#"["\udc00"]"#), Some((Flaw::HalfSurrogate, 2)));
    }

    proptest::proptest! {
        #[test]
        fn a_glance_lets_nothing_through(
            text in proptest::collection::vec(proptest::sample::select(&b"[[[{{]}\"\\\0ud8dc0 a"[..]), 0..400)
        ) {
            let walked = walk(&text);
            proptest::prop_assert!(!is_plain(&text) || walked.is_none());
            proptest::prop_assert_eq!(first_flaw(&text), walked);
        }
    }

    #[test]
    fn a_usual_job_is_seen_at_a_glance() {
        assert!(is_plain(br#"{"account":"a","meeting":{"topic":"t","settings":{"x":[1]}}}"#));
        assert!(is_plain("[".repeat(MAX_DEPTH).as_bytes()));
        assert!(!is_plain("[".repeat(MAX_DEPTH + 1).as_bytes()));
        assert!(!is_plain("[".repeat(16 * 256).as_bytes()));
        assert!(!is_plain(br#"{"a":"\n"}"#) && !is_plain(b"\0"));
    }

    #[test]
    fn lets_sound_text_pass() {
        let nested = format!("{}{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
        let brackets = format!(r#"{{"a":"{}"}}"#, "[".repeat(1_000));
        for sound in [
            nested.as_str(),
            brackets.as_str(),
            r#"{"a":"\\u0000","b":"\"","c":"\ud83d\ude00"}"#,
            r#"{"a":"\u00e9""#,
            r#""\"#,
            r#""\u12"#,
        ] {
            assert_eq!(first_flaw(sound.as_bytes()), None, "{sound}");
        }
    }
}
