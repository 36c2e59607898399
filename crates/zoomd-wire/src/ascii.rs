//! Times written digit by digit.
//!
//! Each job has four of them; through `format!` they cost more than the rest of
//! its outcome.

use jiff::Timestamp;
use jiff::civil::DateTime;

/// `yyyy-MM-ddTHH:mm:ss`
pub(crate) const PLAIN: usize = 19;

/// The time without its fraction; years have four digits.
pub(crate) fn plain(civil: DateTime) -> [u8; PLAIN] {
    let rest = [civil.month(), civil.day(), civil.hour(), civil.minute(), civil.second()];
    digits(civil.year().unsigned_abs().into(), rest.map(|number| number.unsigned_abs().into()))
}

/// The time in UTC to the millisecond, with `Z`; `None` before 1970.
pub(crate) fn millis(time: Timestamp) -> Option<[u8; PLAIN + 5]> {
    let millis = u32::try_from(time.subsec_millisecond()).ok()?;
    let mut out = *b"0000-00-00T00:00:00.000Z";
    out[..PLAIN].copy_from_slice(&utc(time)?);
    out[PLAIN + 1] = digit(millis / 100);
    pair(&mut out, PLAIN + 2, millis % 100);
    Some(out)
}

/// The time in UTC to the second; `None` before 1970.
pub(crate) fn utc(time: Timestamp) -> Option<[u8; PLAIN]> {
    if time < Timestamp::UNIX_EPOCH {
        return None;
    }
    let second = time.as_second().unsigned_abs();
    let (days, second) = ((second / 86_400) as u32, (second % 86_400) as u32);
    let (year, month, day) = date(days);
    Some(digits(year, [month, day, second / 3_600, second / 60 % 60, second % 60]))
}

/// The date so many days after 1 January 1970. Years are counted from 1 March,
/// so that a leap day is a year's last; jiff's own way takes as much as all the
/// rest of a time.
fn date(days: u32) -> (u32, u32, u32) {
    const ERA: u32 = 146_097; // days of 400 years
    const TO_EPOCH: u32 = 719_468; // from 1 March of the year 0
    let (era, day) = ((days + TO_EPOCH) / ERA, (days + TO_EPOCH) % ERA);
    // Without the leap days that came before, all years are of 365 days.
    let year = (day - day / 1_460 + day / 36_524 - day / (ERA - 1)) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // Five months from March on have 153 days, and so have the next five.
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (400 * era + year + next, month, day)
}

fn digits(year: u32, rest: [u32; 5]) -> [u8; PLAIN] {
    let mut out = *b"0000-00-00T00:00:00";
    pair(&mut out, 0, year / 100);
    pair(&mut out, 2, year % 100);
    for (index, number) in rest.into_iter().enumerate() {
        pair(&mut out, 5 + 3 * index, number);
    }
    out
}

/// Converts the output of these functions, which is ASCII.
pub(crate) fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

fn pair(out: &mut [u8], at: usize, number: u32) {
    (out[at], out[at + 1]) = (digit(number / 10), digit(number));
}

fn digit(number: u32) -> u8 {
    b'0' + (number % 10) as u8
}

#[cfg(test)]
mod tests {
    use jiff::tz::Offset;

    use super::*;

    fn check(second: i64, nanos: i32) {
        let time = Timestamp::new(second, nanos).expect("in range");
        let written = millis(time).expect("after 1970");
        assert_eq!(text(&written), format!("{time:.3}"));
        let civil = Offset::UTC.to_datetime(time);
        let seconds = civil.strftime("%Y-%m-%dT%H:%M:%S").to_string();
        assert_eq!(text(&plain(civil)), seconds);
        assert_eq!(utc(time).as_ref().map(|bytes| text(bytes)), Some(seconds.as_str()));
    }

    #[test]
    fn writes_what_jiff_writes() {
        for nanos in [0, 1, 999_999, 1_000_000, 987_654_321, 999_999_999] {
            for second in [0, 59, 951_782_400, 1_700_000_000, 253_402_207_200] {
                check(second, nanos);
            }
        }
        for before in [-1, -1_000, -86_400_500] {
            let time = Timestamp::from_millisecond(before).expect("in range");
            assert_eq!((millis(time), utc(time)), (None, None));
        }
    }

    #[test]
    fn knows_every_day_there_is() {
        let last = Timestamp::MAX.as_second() / 86_400;
        for day in 0..=last {
            let civil = jiff::civil::date(1970, 1, 1) + jiff::Span::new().days(day);
            let (year, month, day) = date(day as u32);
            let found = (i64::from(year), i64::from(month), i64::from(day));
            assert_eq!(found, (civil.year().into(), civil.month().into(), civil.day().into()));
        }
    }

    proptest::proptest! {
        #[test]
        fn writes_any_time(second in 0..Timestamp::MAX.as_second(), nanos in 0..1_000_000_000i32) {
            check(second, nanos);
        }
    }
}
