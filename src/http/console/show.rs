//! Words for pages: moments, lengths, numbers.
//!
//! Nothing here changes from second to second, so that a page that tells nothing new is
//! the same bytes; the script counts the seconds.

use std::fmt;

use askama::filters::HtmlSafe;
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// A moment: how far off it is, with the exact time behind it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    at: Timestamp,
    now: Timestamp,
}

impl Moment {
    /// A moment as seen now.
    pub(super) fn of(at: Timestamp) -> Self {
        Self { at, now: Timestamp::now() }
    }

    /// The exact time, for people.
    pub(super) fn exact(&self) -> String {
        exact(self.at)
    }
}

/// The exact time, for people.
pub(super) fn exact(at: Timestamp) -> String {
    at.strftime("%-d %b %Y, %H:%M:%S UTC").to_string()
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let far = distance(self.at.as_second() - self.now.as_second());
        let (at, exact) = (self.at, self.exact());
        write!(f, "<time datetime=\"{at:.3}\" title=\"{exact}\" data-far>{far}</time>")
    }
}

/// It is made of numbers and fixed words.
impl HtmlSafe for Moment {}

/// Distance by which off a moment is: `3m ago`, `in 2h 5m`, `just now`.
fn distance(seconds: i64) -> String {
    match seconds {
        -59..=0 => "just now".to_owned(),
        1..=59 => "in a moment".to_owned(),
        seconds if seconds < 0 => format!("{} ago", length(seconds.unsigned_abs())),
        seconds => format!("in {}", length(seconds.unsigned_abs())),
    }
}

/// A length of at least a minute, in its two largest units.
pub(super) fn length(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => "less than a minute".to_owned(),
        (0, 0, minutes) => format!("{minutes}m"),
        (0, hours, 0) => format!("{hours}h"),
        (0, hours, minutes) => format!("{hours}h {minutes}m"),
        (days @ 1..=6, hours @ 1.., _) => format!("{days}d {hours}h"),
        (days, _, _) => format!("{days}d"),
    }
}

/// A whole number with its thousands apart: `12 345`.
pub(super) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            // A thin space that breaks no line.
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

/// A name as one part of a path.
pub(super) fn segment(name: &str) -> String {
    const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    utf8_percent_encode(name, KEPT).to_string()
}

/// The sentence with a capital letter in front.
pub(super) fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    }
}

/// A sentence of ours in which commands stand between backticks, as markup.
#[derive(Debug, Clone, Copy)]
pub(super) struct Marked(pub(super) &'static str);

impl fmt::Display for Marked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, part) in self.0.split('`').enumerate() {
            let part = part.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            if at % 2 == 1 { write!(f, "<code>{part}</code>")? } else { f.write_str(&part)? }
        }
        Ok(())
    }
}

/// It is escaped as it is written.
impl HtmlSafe for Marked {}

/// A word of a state or reason as people read it: `needs_reauth` is `needs reauth`.
pub(super) fn words(word: &str) -> String {
    word.replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_told_by_its_distance() {
        for (seconds, told) in [
            (0, "just now"),
            (-59, "just now"),
            (-60, "1m ago"),
            (-3_661, "1h 1m ago"),
            (30, "in a moment"),
            (7_200, "in 2h"),
            (90_000, "in 1d 1h"),
            (86_400 * 9, "in 9d"),
        ] {
            assert_eq!(distance(seconds), told);
        }
    }

    #[test]
    fn a_moment_is_markup_with_the_exact_time() {
        let at: Timestamp = "2030-12-01T10:00:00Z".parse().expect("a time");
        let now: Timestamp = "2030-12-01T08:00:00Z".parse().expect("a time");
        let told = Moment { at, now }.to_string();
        let wanted = "<time datetime=\"2030-12-01T10:00:00.000Z\" \
                      title=\"1 Dec 2030, 10:00:00 UTC\" data-far>in 2h</time>";
        assert_eq!(told, wanted);
    }

    #[test]
    fn numbers_and_lengths_read_well() {
        let numbers = [0, 999, 1_000, 1_234_567].map(number);
        assert_eq!(numbers, ["0", "999", "1\u{202f}000", "1\u{202f}234\u{202f}567"]);
        assert_eq!(sentence("zoom is slow"), "Zoom is slow");
        let marked = Marked("type `zoomd job show <id>` & read").to_string();
        assert_eq!(marked, "type <code>zoomd job show &lt;id&gt;</code> &amp; read");
    }
}
