//! `delete_meeting`: one meeting, by Zoom's number of it.

use super::{Ask, Asked};
use crate::fields::envelope::{Envelope, at};
use crate::fields::findings::Findings;
use crate::fields::{InvalidJob, Rules, digest, read};

/// Digits of the largest number that is taken.
const MOST_DIGITS: usize = 18;
const NO_OF: &str = "it is not built yet: name the meeting by its number, as `meeting_id`";
const NO_OCCURRENCE: &str = "it is not built yet: this version of zoomd deletes whole meetings";

/// The meeting to be deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeleteMeeting {
    /// Zoom's number of it.
    pub meeting_id: u64,
    /// Whether it may be a recurring one, all of which goes.
    pub series: bool,
    /// Whether Zoom mails its host and its registrants.
    pub notify: bool,
}

impl Ask for DeleteMeeting {
    const OPERATION: &'static str = "delete";
    const SUCCESS: u16 = 204;
    const TAKES: &'static [usize] = &[at::MEETING_ID, at::SCOPE, at::NOTIFY];
    const NOT: &'static [(usize, &'static str)] =
        &[(at::MEETING, "it has no body"), (at::OF, NO_OF), (at::OCCURRENCE, NO_OCCURRENCE)];

    fn read(envelope: &Envelope<'_>, _: &Rules, found: &mut Findings) -> Option<Self> {
        let meeting_id = found.take(meeting_id(envelope));
        let series = envelope.get(at::SCOPE).map(scope).and_then(|scope| found.take(scope));
        let notify = envelope.get(at::NOTIFY).map(|value| read::boolean("notify", value));
        let notify = notify.and_then(|notify| found.take(notify)).unwrap_or_default();
        Some(Self { meeting_id: meeting_id?, series: series.is_some(), notify })
    }
}

impl Asked for DeleteMeeting {
    fn digest(&self) -> u64 {
        digest::of_number(self.meeting_id)
    }

    fn charges_host(&self) -> bool {
        false
    }

    fn is_recoverable(&self) -> bool {
        true
    }
}

/// A JSON integer, or a string of digits.
fn meeting_id(envelope: &Envelope<'_>) -> Result<u64, InvalidJob> {
    let wrong = |what: &str| InvalidJob::new("meeting_id", format!("`meeting_id` {what}"));
    let Some(value) = envelope.get(at::MEETING_ID) else {
        return Err(wrong("is missing; delete_meeting needs it: Zoom's number of the meeting"));
    };
    let digits = match value.starts_with('"') {
        true => read::string("meeting_id", value)?,
        false => value.into(),
    };
    let is_number = digits.len() <= MOST_DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.parse().ok().filter(|number| is_number && *number > 0);
    number.ok_or_else(|| {
        let shown = read::short(&digits);
        wrong(&format!("is {shown}; it must be Zoom's number of the meeting, as 78475495050"))
    })
}

fn scope(value: &str) -> Result<(), InvalidJob> {
    let word = read::string("scope", value)?;
    if word == "series" {
        return Ok(());
    }
    let message = format!(
        "`scope` is {}; it can be \"series\": all of a recurring meeting",
        read::short(&word)
    );
    Err(InvalidJob::new("scope", message))
}
