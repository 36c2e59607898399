//! End of a string's plain part: most bytes of JSON are in such parts.

/// The place of the first quote, `\` or control character from `at` on; the
/// length if there is none.
#[inline]
pub(crate) fn special(bytes: &[u8], mut at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    for chunk in rest.as_chunks().0 {
        let found = in_eight(u64::from_le_bytes(*chunk));
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    one_by_one(bytes, at)
}

/// Only for the last bytes of a text.
#[cold]
fn one_by_one(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(|byte| !matches!(byte, 0..0x20 | b'"' | b'\\')) {
        at += 1;
    }
    at
}

/// The lowest bit that is set belongs to the first such byte. With its second
/// bit turned a quote is 0x20: then those below 0x21 are the quote and the
/// control characters. Taking `n` from each byte at once reaches a top bit where
/// the byte was below `n`, or where one before it was, which then was found.
#[inline]
fn in_eight(word: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    let low = (word ^ (ONES * 2)).wrapping_sub(ONES * 0x21);
    let backslash = (word ^ (ONES * b'\\' as u64)).wrapping_sub(ONES);
    (low | backslash) & !word & (ONES << 7)
}
