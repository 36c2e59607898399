//! Lengths of time and sizes as people write them.

use std::time::Duration;

const TIMES: [(&str, u64); 5] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
const SIZES: [(&str, u64); 8] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("B", 1),
];

/// `90s`, `5m`, `2h30m`, `7d`; a bare number is refused, for nobody knows its unit.
pub fn time(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut total: u64 = 0;
    let mut last = u64::MAX;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let (number, after) = digits(rest)?;
        let unit_end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        let factor = TIMES.iter().find(|(name, _)| *name == unit.trim())?.1;
        if factor >= last {
            return None;
        }
        last = factor;
        total = total.checked_add(number.checked_mul(factor)?)?;
        rest = after;
    }
    Some(Duration::from_millis(total))
}

/// `64KiB`, `10MiB`, `512B`, or a bare number of bytes.
pub fn size(text: &str) -> Option<u64> {
    let (number, unit) = digits(text.trim())?;
    match unit.trim() {
        "" => Some(number),
        unit => number.checked_mul(SIZES.iter().find(|(name, _)| *name == unit)?.1),
    }
}

fn digits(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}

/// A length of time as `time` reads it.
pub fn show_time(time: Duration) -> String {
    let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let fits = |factor: &&(&str, u64)| ms % factor.1 == 0 && ms > 0;
    match TIMES.iter().rev().find(fits) {
        Some((unit, factor)) => format!("{}{unit}", ms / factor),
        None => "0s".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let ms = |text| time(text).map(|t| t.as_millis());
        assert_eq!(ms("250ms"), Some(250));
        assert_eq!(ms("30s"), Some(30_000));
        assert_eq!(ms("2h30m"), Some(9_000_000));
        assert_eq!(ms("7d"), Some(604_800_000));
        for bad in ["", "30", "s", "-1s", "1.5h", "30m2h", "1s1s", "5 parsecs", "99999999999999d"] {
            assert_eq!(time(bad), None, "{bad}");
        }
    }

    #[test]
    fn sizes() {
        assert_eq!(size("64KiB"), Some(65_536));
        assert_eq!(size("256 MiB"), Some(256 << 20));
        assert_eq!(size("1MB"), Some(1_000_000));
        assert_eq!(size("12"), Some(12));
        for bad in ["", "MiB", "10 apples", "-5B", "99999999999GiB"] {
            assert_eq!(size(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_shown_reads_back() {
        for text in ["250ms", "30s", "90s", "5m", "24h", "7d"] {
            let read = time(text).expect(text);
            assert_eq!(time(&show_time(read)), Some(read));
        }
        assert_eq!(show_time(Duration::from_secs(86_400)), "1d");
    }
}
