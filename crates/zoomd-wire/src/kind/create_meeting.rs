//! `create_meeting`: Zoom's own request body, passed on.

use jiff::Timestamp;

use super::{Ask, Asked};
use crate::fields::envelope::{Envelope, at};
use crate::fields::findings::Findings;
use crate::fields::{InvalidJob, Meeting, Rules};
use crate::fields::{check, digest, read};

/// The meeting to be made.
pub type CreateMeeting = Meeting;

impl Ask for CreateMeeting {
    const OPERATION: &'static str = "create";
    const SUCCESS: u16 = 201;
    const CALL: (&'static str, &'static str) = ("POST", "/v2/users/{userId}/meetings");
    const TAKES: &'static [usize] = &[at::MEETING];
    const NOT: &'static [(usize, &'static str)] =
        &[(at::MEETING_ID, "Zoom gives the meeting its id")];

    fn read(envelope: &Envelope<'_>, rules: &Rules, found: &mut Findings) -> Option<Self> {
        match envelope.get(at::MEETING).filter(|value| !read::is_empty_array(value)) {
            Some(meeting) => check::meeting(meeting, rules, found),
            None => {
                let message =
                    "`meeting` is missing; create_meeting needs it: the body of Zoom's own request";
                found.fault(InvalidJob::new("meeting", message));
                None
            }
        }
    }
}

impl Asked for CreateMeeting {
    fn digest(&self) -> u64 {
        digest::of_json(self.body())
    }

    fn charges_host(&self) -> bool {
        true
    }

    fn is_recoverable(&self) -> bool {
        self.reconcilable()
    }

    fn start(&self) -> Option<Timestamp> {
        self.start
    }

    fn must_start_by(&self) -> Option<Timestamp> {
        Meeting::must_start_by(self)
    }

    fn schedule_for(&self) -> Option<&str> {
        self.schedule_for.as_deref()
    }

    fn meeting(&self) -> Option<&Meeting> {
        Some(self)
    }
}
