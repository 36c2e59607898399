//! The fields of a meeting's body that have rules, and what several of their checks say.

use std::ops::Range;

use super::findings::Findings;
use super::invalid::InvalidJob;
use super::read::{Found, Length};

pub(super) const NAMES: [&str; 15] = [
    "topic",
    "type",
    "start_time",
    "timezone",
    "duration",
    "agenda",
    "password",
    "schedule_for",
    "pre_schedule",
    "template_id",
    "recurrence",
    "settings",
    "tracking_fields",
    "default_password",
    "use_pmi",
];

/// Their places in `NAMES`.
pub(super) mod at {
    pub(crate) const TOPIC: usize = 0;
    pub(crate) const TYPE: usize = 1;
    pub(crate) const START_TIME: usize = 2;
    pub(crate) const TIMEZONE: usize = 3;
    pub(crate) const DURATION: usize = 4;
    pub(crate) const AGENDA: usize = 5;
    pub(crate) const PASSWORD: usize = 6;
    pub(crate) const SCHEDULE_FOR: usize = 7;
    pub(crate) const PRE_SCHEDULE: usize = 8;
    pub(crate) const TEMPLATE_ID: usize = 9;
    pub(crate) const RECURRENCE: usize = 10;
    pub(crate) const SETTINGS: usize = 11;
    pub(crate) const TRACKING_FIELDS: usize = 12;
    pub(crate) const DEFAULT_PASSWORD: usize = 13;
    pub(crate) const USE_PMI: usize = 14;
}

pub(super) type Fields<'a> = Found<'a, 15>;

/// The request that a body is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A meeting is made.
    New,
    /// One that is there is changed.
    Change,
}

/// A replacement in the body: what, by what.
pub(super) type Edit = (Range<usize>, String);

/// A text that is too long only if it is counted in units of UTF-16, as Zoom may.
pub(super) fn warn_of_units(
    field: &'static str,
    length: Length,
    most: usize,
    found: &mut Findings,
) {
    let Length { characters, units } = length;
    if characters <= most && units > most {
        let message = format!(
            "`{field}` has {characters} characters that take {units} units of UTF-16; Zoom takes {most} and may count units"
        );
        found.warn(field, message);
    }
}

pub(super) fn bad(field: &'static str, what: &str) -> InvalidJob {
    InvalidJob::new(field, format!("`{field}` {what}"))
}
