//! One pass over JSON that only tells where things are. Invariant: what passes
//! is JSON, as `serde_json` would have it (held by `tests/same.rs`).

use std::ops::Range;

/// A string: what is between its quotes, and whether there is a `\` in it.
pub(crate) struct Text {
    pub place: Range<usize>,
    pub escaped: bool,
}

pub(crate) struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Scan<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.at == self.bytes.len()
    }

    pub(crate) fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\t' | b'\r') = self.bytes.get(self.at) {
            self.at += 1;
        }
    }

    fn eat(&mut self, byte: u8) -> bool {
        let there = self.bytes.get(self.at) == Some(&byte);
        self.at += usize::from(there);
        there
    }

    fn need(&mut self, byte: u8) -> Option<()> {
        self.eat(byte).then_some(())
    }

    /// An object whose values nest at most `depth` deep.
    pub(crate) fn object(
        &mut self,
        depth: u8,
        each: &mut impl FnMut(Text, Range<usize>) -> Option<()>,
    ) -> Option<()> {
        self.need(b'{')?;
        self.space();
        if self.eat(b'}') {
            return Some(());
        }
        loop {
            let name = self.string()?;
            self.space();
            self.need(b':')?;
            self.space();
            let start = self.at;
            self.value(depth)?;
            each(name, start..self.at)?;
            self.space();
            if !self.eat(b',') {
                return self.need(b'}');
            }
            self.space();
        }
    }

    fn array(&mut self, depth: u8) -> Option<()> {
        self.need(b'[')?;
        self.space();
        if self.eat(b']') {
            return Some(());
        }
        loop {
            self.space();
            self.value(depth)?;
            self.space();
            if !self.eat(b',') {
                return self.need(b']');
            }
        }
    }

    fn value(&mut self, depth: u8) -> Option<()> {
        match self.bytes.get(self.at)? {
            b'"' => self.string().map(drop),
            b'{' => self.object(depth.checked_sub(1)?, &mut |_, _| Some(())),
            b'[' => self.array(depth.checked_sub(1)?),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => self.number(),
        }
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        let there = self.bytes[self.at..].starts_with(word);
        self.at += word.len();
        there.then_some(())
    }

    fn number(&mut self) -> Option<()> {
        self.eat(b'-');
        if !self.eat(b'0') {
            self.digits()?;
        }
        if self.eat(b'.') {
            self.digits()?;
        }
        if self.eat(b'e') || self.eat(b'E') {
            let _sign = self.eat(b'+') || self.eat(b'-');
            self.digits()?;
        }
        Some(())
    }

    /// One digit or more.
    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    fn string(&mut self) -> Option<Text> {
        self.need(b'"')?;
        let start = self.at;
        let mut escaped = false;
        loop {
            self.plain();
            match self.bytes.get(self.at)? {
                b'"' => break,
                b'\\' => {
                    escaped = true;
                    self.escape()?;
                }
                0..0x20 => return None,
                _ => self.at += 1,
            }
        }
        let place = start..self.at;
        self.at += 1;
        Some(Text { place, escaped })
    }

    /// Passes over eight bytes at a time, up to a quote, a `\` or a control
    /// character, or nearly to the end.
    fn plain(&mut self) {
        while let Some(bytes) = self.bytes[self.at..].first_chunk() {
            let found = special(u64::from_le_bytes(*bytes));
            if found != 0 {
                self.at += (found.trailing_zeros() / 8) as usize;
                return;
            }
            self.at += 8;
        }
    }

    fn escape(&mut self) -> Option<()> {
        match self.bytes.get(self.at + 1)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 2,
            b'u' => {
                let digits = self.bytes.get(self.at + 2..self.at + 6)?;
                if !digits.iter().all(u8::is_ascii_hexdigit) {
                    return None;
                }
                self.at += 6;
            }
            _ => return None,
        }
        Some(())
    }
}

/// The lowest bit that is set belongs to the first byte that is a quote, a `\`
/// or below a space. (Taking 1 from a byte reaches its top bit only where it
/// was 0, unless a byte before it borrowed, which was found then.)
fn special(word: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const TOPS: u64 = ONES << 7;
    let zero = |word: u64| word.wrapping_sub(ONES) & !word;
    let quote = zero(word ^ (ONES * b'"' as u64));
    let backslash = zero(word ^ (ONES * b'\\' as u64));
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    (quote | backslash | control) & TOPS
}
