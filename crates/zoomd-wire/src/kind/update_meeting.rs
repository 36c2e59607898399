//! `update_meeting`: Zoom's own PATCH body, passed on; for a meeting, or one date of a
//! series.

use jiff::Timestamp;

use super::{Ask, Asked, Extent, Part, Target};
use crate::fields::envelope::{Envelope, at};
use crate::fields::findings::Findings;
use crate::fields::{Change, InvalidJob, Rules, check, digest, read};

/// The changes, and the meeting to be changed.
#[derive(Debug, Clone)]
pub struct UpdateMeeting {
    /// Meeting to update.
    pub target: Target,
    /// Amount of of it.
    pub extent: Extent,
    /// The changes.
    pub change: Change,
}

impl Ask for UpdateMeeting {
    // It waits in its host's room, where all are charged as what makes a meeting.
    const OPERATION: &'static str = "create";
    const SUCCESS: u16 = 204;
    const CALL: (&'static str, &'static str) = ("PATCH", "/v2/meetings/{meetingId}");
    const TAKES: &'static [usize] =
        &[at::OF, at::MEETING_ID, at::OCCURRENCE, at::SCOPE, at::MEETING];
    const NOT: &'static [(usize, &'static str)] =
        &[(at::NOTIFY, "Zoom mails of a change as the meeting's settings say")];

    fn read(envelope: &Envelope<'_>, rules: &Rules, found: &mut Findings) -> Option<Self> {
        let target = Target::read(envelope, found);
        let extent = Extent::read(envelope, found);
        let one = envelope.get(at::OCCURRENCE).is_some();
        let body = envelope.get(at::MEETING).filter(|value| !read::is_empty_array(value));
        let Some(body) = body else {
            let message = "`meeting` is missing; it needs the fields that change, as Zoom's own request has them";
            found.fault(InvalidJob::new("meeting", message));
            return None;
        };
        let change = check::change(body, one, rules, found);
        Some(Self { target: target?, extent: extent?, change: change? })
    }
}

impl Asked for UpdateMeeting {
    fn digest(&self) -> u64 {
        let target = self.extent.digest(self.target.digest());
        digest::and(target, digest::of_json(self.change.body()))
    }

    fn charges_host(&self) -> bool {
        true
    }

    fn is_recoverable(&self) -> bool {
        true
    }

    fn start(&self) -> Option<Timestamp> {
        self.change.start()
    }

    fn must_start_by(&self) -> Option<Timestamp> {
        self.change.must_start_by()
    }

    fn target(&self) -> Option<(&Target, Part)> {
        Some((&self.target, Part::Folds))
    }

    fn changed(&self) -> Option<&[Box<str>]> {
        Some(self.change.names())
    }
}
