//! `end_meeting`: a meeting that runs is over for everybody in it.

use super::{Ask, Asked, Part, Target};
use crate::fields::Rules;
use crate::fields::envelope::{Envelope, at};
use crate::fields::findings::Findings;

/// The meeting to be ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndMeeting {
    /// Meeting to end.
    pub target: Target,
}

impl Ask for EndMeeting {
    const OPERATION: &'static str = "end";
    const SUCCESS: u16 = 204;
    const CALL: (&'static str, &'static str) = ("PUT", "/v2/meetings/{meetingId}/status");
    const TAKES: &'static [usize] = &[at::OF, at::MEETING_ID];
    const NOT: &'static [(usize, &'static str)] = &[
        (at::MEETING, "it has no body"),
        (at::OCCURRENCE, "what runs is ended, whichever date it is"),
        (at::SCOPE, "what runs is ended; the rest of a series stays"),
        (at::NOTIFY, "Zoom mails nobody when a meeting ends"),
    ];

    fn read(envelope: &Envelope<'_>, _: &Rules, found: &mut Findings) -> Option<Self> {
        Target::read(envelope, found).map(|target| Self { target })
    }
}

impl Asked for EndMeeting {
    fn digest(&self) -> u64 {
        self.target.digest()
    }

    fn charges_host(&self) -> bool {
        false
    }

    fn is_recoverable(&self) -> bool {
        true
    }

    fn target(&self) -> Option<(&Target, Part)> {
        Some((&self.target, Part::Passes))
    }

    fn is_momentary(&self) -> bool {
        true
    }
}
