//! The start of a meeting, as Zoom reads it.

/// A start time as Zoom takes it: `...Z`, or local time in the zone. Anything
/// after the seconds but a `Z` is ignored, as clients found out the hard way:
/// then the second value is true.
pub(crate) fn start_ms(text: &str, zone: &str) -> Option<(i64, bool)> {
    let (bare, rest) = text.split_at_checked(19)?;
    let local: jiff::civil::DateTime = bare.parse().ok()?;
    let zoned = match rest {
        "Z" => local.to_zoned_datetime(jiff::tz::TimeZone::UTC),
        _ => local.in_tz(zone),
    };
    Some((zoned.ok()?.timestamp().as_millisecond(), !matches!(rest, "" | "Z")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_times() {
        let at = |text| start_ms(text, "Europe/Berlin");
        assert_eq!(at("2026-06-01T10:00:00Z"), Some((1_780_308_000_000, false)));
        assert_eq!(at("2026-06-01T10:00:00"), Some((1_780_300_800_000, false)));
        assert_eq!(at("2026-06-01T10:00:00+05:00"), Some((1_780_300_800_000, true)));
        assert_eq!(at("2026-06-01"), None);
        assert_eq!(at("next tuesday morning"), None);
    }
}
