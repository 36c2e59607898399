//! Times as producers write them, and as Zoom understands them.
//!
//! Zoom takes whole seconds with `Z`, or local time beside a time zone, and is
//! off by hours when given anything else. So every other form is turned into
//! one of the two here, or refused.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};

use crate::ascii;

/// A date and a time to the second, and how it is tied to the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    pub civil: DateTime,
    pub tie: Tie,
    /// The fraction of the second, which Zoom does not take.
    pub nanos: i32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tie {
    /// `Z`, or an offset in seconds east.
    Offset(i64),
    /// Neither: local to a zone that is named elsewhere.
    Local,
}

impl Moment {
    /// Reads `2026-12-01T10:00:00` with seconds, their fraction, and `Z` or
    /// an offset optional. The fraction is kept apart.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let date = Date::new(
            i16::try_from(digits(bytes, 0, 4)?).ok()?,
            field(bytes, 5)?,
            field(bytes, 8)?,
        );
        let separators = [(4, &b"-"[..]), (7, b"-"), (10, b"Tt "), (13, b":")]
            .iter()
            .all(|(at, allowed)| bytes.get(*at).is_some_and(|byte| allowed.contains(byte)));
        if !separators {
            return None;
        }
        let (hour, minute) = (field(bytes, 11)?, field(bytes, 14)?);
        let (second, (nanos, rest)) = match bytes.get(16) {
            Some(b':') => (leap(field(bytes, 17)?), fraction(bytes.get(19..)?)?),
            _ => (0, (0, bytes.get(16..)?)),
        };
        let time = Time::new(hour, minute, second, 0).ok()?;
        Some(Self { civil: DateTime::from_parts(date.ok()?, time), tie: tie(rest)?, nanos })
    }

    /// True if it lacks both `Z` and an offset.
    pub(crate) fn is_local(&self) -> bool {
        self.tie == Tie::Local
    }

    /// The instant with its fraction, unless it is local: for times that are
    /// ours to keep.
    pub(crate) fn exact(&self) -> Option<Timestamp> {
        self.instant()?.checked_add(jiff::SignedDuration::from_nanos(self.nanos.into())).ok()
    }

    /// The instant to the second, unless it is local.
    pub(crate) fn instant(&self) -> Option<Timestamp> {
        match self.tie {
            Tie::Local => None,
            Tie::Offset(east) => {
                let as_utc = jiff::tz::Offset::UTC.to_timestamp(self.civil).ok()?;
                Timestamp::from_second(as_utc.as_second() - east).ok()
            }
        }
    }
}

/// `yyyy-MM-ddTHH:mm:ss`, to which a `Z` may be added.
pub(crate) fn plain(civil: DateTime) -> String {
    ascii::text(&ascii::plain(civil)).to_owned()
}

/// The instant as Zoom writes it: UTC to the second, with `Z`.
pub(crate) fn zulu(instant: Timestamp) -> String {
    let mut text = String::with_capacity(ascii::PLAIN + 1);
    let plain = ascii::utc(instant)
        .unwrap_or_else(|| ascii::plain(jiff::tz::Offset::UTC.to_datetime(instant)));
    text.push_str(ascii::text(&plain));
    text.push('Z');
    text
}

/// True if a text that [`Moment::parse`] took is what [`zulu`] writes of it. A
/// leap second is not.
pub(crate) fn is_zulu(text: &str) -> bool {
    matches!(
        text.as_bytes(),
        [.., b'T', _, _, b':', _, _, b':', b'0'..b'6', _, b'Z'] if text.len() == ascii::PLAIN + 1
    )
}

fn digits(bytes: &[u8], at: usize, length: usize) -> Option<u32> {
    let part = bytes.get(at..at + length)?;
    part.iter().try_fold(0, |number, byte| {
        byte.is_ascii_digit().then(|| number * 10 + u32::from(byte - b'0'))
    })
}

fn field(bytes: &[u8], at: usize) -> Option<i8> {
    digits(bytes, at, 2).map(|number| number as i8)
}

/// A leap second is taken as the one before it.
fn leap(second: i8) -> i8 {
    if second == 60 { 59 } else { second }
}

/// A fraction of a second in nanoseconds, if there is one, and what follows it.
fn fraction(rest: &[u8]) -> Option<(i32, &[u8])> {
    let Some(b'.' | b',') = rest.first() else { return Some((0, rest)) };
    let length = rest[1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let digits = rest[1..=length].iter().copied().chain(std::iter::repeat(b'0'));
    let nanos = digits.take(9).fold(0, |nanos, digit| nanos * 10 + i32::from(digit - b'0'));
    (length > 0).then(|| (nanos, &rest[1 + length..]))
}

fn tie(rest: &[u8]) -> Option<Tie> {
    let sign = match rest.first() {
        None => return Some(Tie::Local),
        Some(b'Z' | b'z') if rest.len() == 1 => return Some(Tie::Offset(0)),
        Some(b'+') => 1,
        Some(b'-') => -1,
        Some(_) => return None,
    };
    let hours = digits(rest, 1, 2)?;
    let minutes = match rest.get(3..)? {
        [] => 0,
        [b':', _, _] => digits(rest, 4, 2)?,
        [_, _] => digits(rest, 3, 2)?,
        _ => return None,
    };
    (hours < 24 && minutes < 60).then(|| Tie::Offset(sign * i64::from(hours * 3600 + minutes * 60)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_form_that_is_clear() {
        for (text, expected) in [
            ("2026-12-01T10:00:00Z", "2026-12-01T10:00:00Z"),
            ("2026-12-01t10:00:00z", "2026-12-01T10:00:00Z"),
            ("2026-12-01 10:00Z", "2026-12-01T10:00:00Z"),
            ("2026-12-01T10:00:00.999Z", "2026-12-01T10:00:00Z"),
            ("2026-12-01T10:00:00,5+02:00", "2026-12-01T08:00:00Z"),
            ("2026-12-01T10:00:00+0530", "2026-12-01T04:30:00Z"),
            ("2026-12-01T10:00:00-08", "2026-12-01T18:00:00Z"),
            ("2026-12-31T23:30:00-01:00", "2027-01-01T00:30:00Z"),
            ("2026-03-01T00:30:00+01:00", "2026-02-28T23:30:00Z"),
            ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z"),
            ("2028-02-29T00:00:00-00:00", "2028-02-29T00:00:00Z"),
        ] {
            let moment = Moment::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(zulu(moment.instant().unwrap()), expected, "{text}");
            assert_eq!(is_zulu(text), text == expected, "{text}");
        }
        let local = Moment::parse("2026-12-01T10:00:00.25").unwrap();
        assert_eq!((local.tie, local.instant()), (Tie::Local, None));
        assert_eq!(plain(local.civil), "2026-12-01T10:00:00");
    }

    #[test]
    fn an_exact_instant_keeps_its_fraction() {
        for (text, ms) in [
            ("1970-01-01T00:00:01.25Z", 1_250),
            ("1970-01-01T01:00:01,0019999999+01:00", 1_001),
            ("1970-01-01T00:00:01Z", 1_000),
        ] {
            let exact = Moment::parse(text).and_then(|moment| moment.exact());
            assert_eq!(exact.map(Timestamp::as_millisecond), Some(ms), "{text}");
        }
        assert_eq!(Moment::parse("1970-01-01T00:00:01.5").unwrap().exact(), None);
    }

    #[test]
    fn refuses_what_is_not() {
        for bad in [
            "",
            "2026",
            "2026-12-01",
            "2026-12-01T10",
            "2026-12-01T10:00:",
            "2026-13-01T10:00:00Z",
            "2026-02-29T10:00:00Z",
            "2026-12-01T24:00:00Z",
            "2026-12-01T10:60:00Z",
            "2026-12-01T10:00:61Z",
            "2026-12-01T10:00:00.Z",
            "2026-12-01T10:00:00ZZ",
            "2026-12-01T10:00:00+2",
            "2026-12-01T10:00:00+24:00",
            "2026-12-01T10:00:00+02:60",
            "2026-12-01T10:00:00+02:00[Europe/Berlin]",
            "2026-12-01T10:00:00 Z",
            "2026/12/01T10:00:00Z",
            "+2026-12-01T10:00:00Z",
            "01.12.2026 10:00",
            "tomorrow",
            "2026-12-01T10:00:0éZ",
        ] {
            assert_eq!(Moment::parse(bad), None, "{bad:?}");
        }
    }
}
