//! Time zones by the names that Zoom accepts.
//!
//! These are IANA's, and a few of Zoom's own. An unknown name is refused: Zoom would fall back to
//! the account's zone, hours off.

use std::sync::LazyLock;

use jiff::tz::{TimeZone, TimeZoneDatabase};

use super::suggest;

/// Zoom's own names, and the zone each stands for.
const ZOOMS_OWN: &[(&str, &str)] = &[("SST", "Pacific/Guadalcanal")];

static BUNDLED: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// The zone of this name; else the name that was probably meant.
pub(super) fn find(name: &str) -> Result<TimeZone, Option<String>> {
    if name == "UTC" {
        return Ok(TimeZone::UTC);
    }
    let name = match ZOOMS_OWN.iter().find(|(own, _)| *own == name) {
        Some((_, iana)) => iana,
        None => name,
    };
    match look_up(name) {
        Some(zone) if zone.iana_name().is_none_or(|exact| exact == name) => Ok(zone),
        // Our look-up ignores case, Zoom's may not.
        Some(zone) => Err(zone.iana_name().map(str::to_owned)),
        None => Err(nearest(name)),
    }
}

/// Only in the data that zoomd brings along: what a machine's own files hold
/// differs, and its `localtime` is another zone on each.
fn look_up(name: &str) -> Option<TimeZone> {
    // Names of the data that stand for no zone.
    let none = ["Factory", "Etc/Unknown"].iter().any(|none| none.eq_ignore_ascii_case(name));
    BUNDLED.get(name).ok().filter(|_| !none)
}

/// Time zone of a name that an older version accepted; UTC if the name is unknown now.
pub(crate) fn accepted(name: &str) -> TimeZone {
    jiff::tz::db().get(name).unwrap_or(TimeZone::UTC)
}

fn nearest(name: &str) -> Option<String> {
    let names: Vec<String> = BUNDLED.available().map(|name| name.to_string()).collect();
    suggest::nearest(name, names.iter().map(String::as_str)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_ianas_names_old_and_new_and_zooms() {
        for name in [
            "UTC",
            "Europe/Berlin",
            "America/New_York",
            "Asia/Calcutta",
            "SST",
            "CET",
            "Etc/Greenwich",
            "America/Godthab",
            "Canada/Atlantic",
            "Asia/Saigon",
        ] {
            assert!(find(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn suggests_what_was_meant() {
        assert_eq!(find("Europe/Berln"), Err(Some("Europe/Berlin".into())));
        assert_eq!(find("europe/berlin"), Err(Some("Europe/Berlin".into())));
        assert_eq!(find("Middle-earth/Shire"), Err(None));
        for name in [
            "../../etc/passwd",
            "/etc/localtime",
            "localtime",
            "posixrules",
            "posix/Europe/Berlin",
            "right/UTC",
            "Factory",
            "tzdata.zi",
            "",
            " UTC",
        ] {
            assert!(find(name).is_err(), "{name}");
        }
    }
}
