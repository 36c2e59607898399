//! Bytes to text, and which characters nobody sees.

use std::borrow::Cow;

/// The text of these bytes: UTF-8, with or without its mark, or UTF-16 with one.
/// The error says what the bytes are instead.
pub fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, String> {
    let units = |of: fn([u8; 2]) -> u16, rest: &[u8]| {
        let (pairs, odd) = rest.as_chunks::<2>();
        let units: Vec<u16> = pairs.iter().map(|pair| of(*pair)).collect();
        match String::from_utf16(&units) {
            Ok(text) if odd.is_empty() => Ok(Cow::Owned(text)),
            _ => Err("is not UTF-16, as its first two bytes claim".to_owned()),
        }
    };
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => utf8(rest, 3),
        [0xff, 0xfe, rest @ ..] => units(u16::from_le_bytes, rest),
        [0xfe, 0xff, rest @ ..] => units(u16::from_be_bytes, rest),
        _ => utf8(bytes, 0),
    }
}

fn utf8(bytes: &[u8], before: usize) -> Result<Cow<'_, str>, String> {
    match std::str::from_utf8(bytes) {
        // Every second byte of UTF-16 is a NUL where the text is ASCII.
        Ok(text) if text.contains('\0') => {
            Err("contains NUL bytes: it may be UTF-16 without a byte-order mark".to_owned())
        }
        Ok(text) => Ok(Cow::Borrowed(text)),
        Err(error) => Err(format!("is not UTF-8 (at byte {})", before + error.valid_up_to())),
    }
}

/// The text without white space and invisible characters at its ends.
pub fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || is_format(c))
}

/// Characters that leave no trace on a screen, tabs aside.
pub(super) fn is_invisible(c: char) -> bool {
    is_format(c) || (c.is_control() && c != '\t')
}

/// Soft hyphen, zero-width characters, marks of direction, byte-order marks.
fn is_format(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
    )
}

/// True if the text stands between two quotes.
pub(super) fn is_quoted(text: &str) -> bool {
    const PAIRS: [(char, char); 6] = [
        ('"', '"'),
        ('\'', '\''),
        ('`', '`'),
        ('\u{201c}', '\u{201d}'),
        ('\u{2018}', '\u{2019}'),
        ('\u{ab}', '\u{bb}'),
    ];
    let inner = |(open, close)| text.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
    PAIRS.into_iter().find_map(inner).is_some()
}

/// A character in words, for a message.
pub(super) fn named(c: char) -> String {
    let name = match c {
        ' ' | '\t' => return "a blank".to_owned(),
        '\u{a0}' => " (no-break space)",
        '\u{200b}' => " (zero-width space)",
        '\u{200c}' | '\u{200d}' => " (zero-width joiner)",
        '\u{feff}' => " (byte-order mark)",
        '\u{ad}' => " (soft hyphen)",
        _ => "",
    };
    format!("U+{:04X}{name}", u32::from(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_encoding_with_a_mark_is_read() {
        let wide = |order: fn(u16) -> [u8; 2]| -> Vec<u8> {
            "\u{feff}a\u{e9}\u{1f600}\n".encode_utf16().flat_map(order).collect()
        };
        for bytes in [
            "a\u{e9}\u{1f600}\n".as_bytes().to_vec(),
            "\u{feff}a\u{e9}\u{1f600}\n".as_bytes().to_vec(),
            wide(u16::to_le_bytes),
            wide(u16::to_be_bytes),
        ] {
            assert_eq!(decode(&bytes).as_deref(), Ok("a\u{e9}\u{1f600}\n"));
        }
        for (bytes, wanted) in [
            (&b"a\0b\0"[..], "NUL bytes"),
            (b"\xff\xfea", "not UTF-16"),
            (b"\xff\xfe\x00\xd8", "not UTF-16"),
            (b"ab\xe9", "not UTF-8 (at byte 2)"),
        ] {
            assert!(decode(bytes).expect_err("no text").contains(wanted), "{bytes:?}");
        }
    }
}
