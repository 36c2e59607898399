//! Files of lines, read as they come: UTF-8 without a mark and lines that end
//! with `\n`, whatever was written.

use std::collections::VecDeque;
use std::io::{Read, Result};

/// Bytes read at a time.
const CHUNK: usize = 64 * 1024;

/// A reader that yields the text of `input` as UTF-8 with `\n` line ends.
pub fn lines<R: Read>(input: R) -> Lines<R> {
    let (held, ready) = (Vec::new(), VecDeque::new());
    Lines { input, form: None, held, ready, after_cr: false, ended: false }
}

/// See [`lines`].
#[derive(Debug)]
pub struct Lines<R> {
    input: R,
    /// Not known before the first bytes were seen.
    form: Option<Form>,
    /// Bytes that were read and are no whole character yet.
    held: Vec<u8>,
    /// Decoded bytes that were not read yet.
    ready: VecDeque<u8>,
    after_cr: bool,
    ended: bool,
}

#[derive(Debug, Clone, Copy)]
enum Form {
    Utf8,
    Utf16(fn([u8; 2]) -> u16),
}

impl<R: Read> Lines<R> {
    /// Reads as much as shows which form it is: no more than a mark is long.
    fn begin(&mut self) -> Result<Form> {
        loop {
            let form = match self.held.as_slice() {
                [0xef, 0xbb, 0xbf, ..] => Some((3, Form::Utf8)),
                [0xff, 0xfe, ..] => Some((2, Form::Utf16(u16::from_le_bytes))),
                [0xfe, 0xff, ..] => Some((2, Form::Utf16(u16::from_be_bytes))),
                [] | [0xef] | [0xef, 0xbb] | [0xff] | [0xfe] => None,
                _ => Some((0, Form::Utf8)),
            };
            if let Some((mark, form)) = form {
                self.held.drain(..mark);
                return Ok(form);
            }
            let mut byte = [0];
            match self.input.read(&mut byte)? {
                0 => {
                    self.ended = true;
                    return Ok(Form::Utf8);
                }
                _ => self.held.push(byte[0]),
            }
        }
    }

    /// Reads once and makes the text in it ready.
    fn fill(&mut self) -> Result<()> {
        let form = match self.form {
            Some(form) => form,
            None => {
                let form = self.begin()?;
                *self.form.insert(form)
            }
        };
        // A terminal has an end of input for each time it is read there.
        if !self.ended {
            let before = self.held.len();
            self.held.resize(before + CHUNK, 0);
            let read = self.input.read(&mut self.held[before..]);
            self.held.truncate(before + *read.as_ref().unwrap_or(&0));
            self.ended = read? == 0;
        }
        let mut text = self.decoded(form);
        let length = self.end_lines(&mut text);
        self.ready.extend(&text[..length]);
        Ok(())
    }

    /// Turns `\r\n` and `\r` into `\n`, in place; the new length.
    fn end_lines(&mut self, text: &mut [u8]) -> usize {
        if !self.after_cr && !text.contains(&b'\r') {
            return text.len();
        }
        let mut length = 0;
        for at in 0..text.len() {
            let byte = text[at];
            let follows_cr = std::mem::replace(&mut self.after_cr, byte == b'\r');
            if !(follows_cr && byte == b'\n') {
                text[length] = if byte == b'\r' { b'\n' } else { byte };
                length += 1;
            }
        }
        length
    }

    /// Takes out of `held` what is whole, as UTF-8; at the end all of it.
    fn decoded(&mut self, form: Form) -> Vec<u8> {
        let Form::Utf16(of) = form else { return std::mem::take(&mut self.held) };
        let mut units: Vec<u16> = self.held.as_chunks().0.iter().map(|pair| of(*pair)).collect();
        // The first half of a pair waits for the second.
        if !self.ended && units.last().is_some_and(|unit| (0xd800..0xdc00).contains(unit)) {
            units.pop();
        }
        self.held.drain(..2 * units.len());
        let mut text = String::from_utf16_lossy(&units);
        if self.ended && !self.held.is_empty() {
            self.held.clear();
            text.push(char::REPLACEMENT_CHARACTER);
        }
        text.into_bytes()
    }
}

impl<R: Read> Read for Lines<R> {
    fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        // Nearly every file is UTF-8, and goes through as it is.
        if matches!(self.form, Some(Form::Utf8)) && self.held.is_empty() && self.ready.is_empty() {
            let mut length = 0;
            while length == 0 && !self.ended {
                let read = self.input.read(out)?;
                self.ended = read == 0;
                length = self.end_lines(&mut out[..read]);
            }
            return Ok(length);
        }
        while self.ready.is_empty() && !self.ended {
            self.fill()?;
        }
        let length = self.ready.len().min(out.len());
        self.ready.drain(..length).zip(out).for_each(|(byte, room)| *room = byte);
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives out `step` bytes at a time.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, out: &mut [u8]) -> Result<usize> {
            let length = self.1.min(out.len()).min(self.0.len());
            out[..length].copy_from_slice(&self.0[..length]);
            self.0 = &self.0[length..];
            Ok(length)
        }
    }

    #[test]
    fn every_form_yields_the_same_lines_however_it_arrives() {
        const WANTED: &str = "{\"a\":\"\u{e9}\u{1f600}\"}\n\nb\n";
        let utf16 = |order: fn(u16) -> [u8; 2]| -> Vec<u8> {
            format!("\u{feff}{WANTED}")
                .replace('\n', "\r\n")
                .encode_utf16()
                .flat_map(order)
                .collect()
        };
        for bytes in [
            WANTED.as_bytes().to_vec(),
            format!("\u{feff}{WANTED}").into_bytes(),
            WANTED.replace('\n', "\r\n").into_bytes(),
            WANTED.replace('\n', "\r").into_bytes(),
            utf16(u16::to_le_bytes),
            utf16(u16::to_be_bytes),
        ] {
            for step in [1, 2, 3, 5, 1_000] {
                let mut found = String::new();
                lines(Slow(&bytes, step)).read_to_string(&mut found).expect("text");
                assert_eq!(found, WANTED, "{step}: {bytes:?}");
            }
        }
    }

    /// Ends once; a further read would wait for a second end.
    struct Terminal<'a>(&'a [u8], bool);

    impl Read for Terminal<'_> {
        fn read(&mut self, out: &mut [u8]) -> Result<usize> {
            assert!(!self.1, "read after its end");
            let read = self.0.read(out)?;
            self.1 = read == 0;
            Ok(read)
        }
    }

    #[test]
    fn the_end_of_a_terminal_is_read_once() {
        for text in [&b""[..], b"\xef", b"a\n", b"\xff\xfea\0"] {
            let mut found = Vec::new();
            let mut lines = lines(Terminal(text, false));
            lines.read_to_end(&mut found).expect("bytes");
            assert_eq!(lines.read(&mut [0]).expect("the end"), 0, "{text:?}");
        }
    }

    #[test]
    fn what_is_cut_or_no_text_passes_to_whoever_parses_it() {
        for (bytes, wanted) in [
            (&b""[..], &b""[..]),
            (b"\xef", b"\xef"),
            (b"\xef\xbb", b"\xef\xbb"),
            (b"\xff", b"\xff"),
            (b"\xffa", b"\xffa"),
            (b"\xff\xfea\0\x00\xd8", "a\u{fffd}".as_bytes()),
            (b"\xff\xfea\0b", "a\u{fffd}".as_bytes()),
        ] {
            let mut found = Vec::new();
            lines(bytes).read_to_end(&mut found).expect("bytes");
            assert_eq!(found, wanted, "{bytes:?}");
        }
    }
}
