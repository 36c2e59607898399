//! Times written digit by digit.
//!
//! Each job has four of them; through `format!` they cost more than the rest of
//! its outcome.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

/// `yyyy-MM-ddTHH:mm:ss`
pub(crate) const PLAIN: usize = 19;

/// The time without its fraction; years have four digits.
pub(crate) fn plain(civil: DateTime) -> [u8; PLAIN] {
    let mut out = *b"0000-00-00T00:00:00";
    let year = civil.year().unsigned_abs();
    pair(&mut out, 0, year / 100);
    pair(&mut out, 2, year % 100);
    let rest = [civil.month(), civil.day(), civil.hour(), civil.minute(), civil.second()];
    for (index, number) in rest.into_iter().enumerate() {
        pair(&mut out, 5 + 3 * index, number.unsigned_abs().into());
    }
    out
}

/// The time in UTC to the millisecond, with `Z`; `None` before 1970.
pub(crate) fn millis(time: Timestamp) -> Option<[u8; PLAIN + 5]> {
    let millis = u16::try_from(time.subsec_millisecond()).ok()?;
    if time < Timestamp::UNIX_EPOCH {
        return None;
    }
    let mut out = *b"0000-00-00T00:00:00.000Z";
    out[..PLAIN].copy_from_slice(&plain(Offset::UTC.to_datetime(time)));
    out[PLAIN + 1] = digit(millis / 100);
    pair(&mut out, PLAIN + 2, millis % 100);
    Some(out)
}

/// What these functions write is ASCII.
pub(crate) fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

fn pair(out: &mut [u8], at: usize, number: u16) {
    (out[at], out[at + 1]) = (digit(number / 10), digit(number));
}

fn digit(number: u16) -> u8 {
    b'0' + (number % 10) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_what_jiff_writes() {
        for nanos in [0, 1, 999_999, 1_000_000, 987_654_321, 999_999_999] {
            for second in [0, 59, 951_782_400, 1_700_000_000, 253_402_207_200] {
                let time = Timestamp::new(second, nanos).expect("in range");
                let written = millis(time).expect("after 1970");
                assert_eq!(text(&written), format!("{time:.3}"));
                let civil = Offset::UTC.to_datetime(time);
                assert_eq!(text(&plain(civil)), civil.strftime("%Y-%m-%dT%H:%M:%S").to_string());
            }
        }
        assert_eq!(millis(Timestamp::from_millisecond(-1).expect("in range")), None);
    }
}
