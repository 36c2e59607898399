//! `delete_meeting`: a meeting, or one date of a series.

use super::{Ask, Asked, Extent, Part, Target};
use crate::fields::envelope::{Envelope, at};
use crate::fields::findings::Findings;
use crate::fields::{Rules, read};

/// The meeting to be deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeleteMeeting {
    /// Meeting to delete.
    pub target: Target,
    /// Amount of of it.
    pub extent: Extent,
    /// True if Zoom mails its host and its registrants.
    pub notify: bool,
}

impl Ask for DeleteMeeting {
    const OPERATION: &'static str = "delete";
    const SUCCESS: u16 = 204;
    const CALL: (&'static str, &'static str) = ("DELETE", "/v2/meetings/{meetingId}");
    const TAKES: &'static [usize] =
        &[at::OF, at::MEETING_ID, at::OCCURRENCE, at::SCOPE, at::NOTIFY];
    const NOT: &'static [(usize, &'static str)] = &[(at::MEETING, "it has no body")];

    fn read(envelope: &Envelope<'_>, _: &Rules, found: &mut Findings) -> Option<Self> {
        let target = Target::read(envelope, found);
        let extent = Extent::read(envelope, found);
        let notify = envelope.get(at::NOTIFY).map(|value| read::boolean("notify", value));
        let notify = notify.and_then(|notify| found.take(notify)).unwrap_or_default();
        Some(Self { target: target?, extent: extent?, notify })
    }
}

impl Asked for DeleteMeeting {
    fn digest(&self) -> u64 {
        self.extent.digest(self.target.digest())
    }

    fn charges_host(&self) -> bool {
        false
    }

    fn is_recoverable(&self) -> bool {
        true
    }

    fn target(&self) -> Option<(&Target, Part)> {
        let part = if self.extent.is_whole() { Part::Ends } else { Part::Stands };
        Some((&self.target, part))
    }
}
