//! One look at what became of a lost call: what it is given, and what it shows.

use zoom_api::{Limit, Listed};
use zoomd_store::limits::Label;
use zoomd_wire::{Effect, Marker};

use super::asker::{Failure, Refusal, Stop};
use super::call::CallPermit;
use crate::context::EngineContext;
use crate::decide::{Verdict, Wait};
use crate::state::leased_job::LeasedJob;
use crate::tokens::Token;

/// The task of a look.
pub struct Task<'a> {
    /// The engine's parts.
    pub ctx: &'a EngineContext,
    pub leased: &'a LeasedJob,
    /// The token of its calls.
    pub token: &'a Token,
    pub permit: CallPermit<'a>,
    /// Instructions for the look.
    pub orders: Orders<'a>,
}

/// Instructions for a look.
#[derive(Debug, Clone, Copy)]
pub struct Orders<'a> {
    /// The marker of the meeting, if it has one.
    pub marker: Option<&'a Marker>,
    /// A meeting that this look does not find may be absent: read the whole list.
    pub whole: bool,
    /// The job is given up after this look.
    pub last: bool,
}

/// The finding of a look.
#[derive(Debug)]
pub enum Look {
    /// The call did what it was to do.
    Found(Found),
    /// The deed is not seen (yet).
    Nothing(Nothing),
    /// It did nothing, in these words.
    NotDone(&'static str),
    /// The meeting is not as the call was to make it (yet).
    NotSo(NotSo),
    /// It did nothing, and would be refused again.
    Refused(Verdict),
    /// It is looked at once more, no earlier than then (ms by Redis' clock).
    Again {
        /// Time of the next look.
        at_ms: i64,
        /// In words.
        what: &'static str,
    },
    /// It cannot be told.
    Unclear {
        /// Reason.
        why: String,
        /// Meetings that it could be.
        alike: Vec<Listed>,
    },
    /// Something must be waited for first.
    Wait(Wait),
    /// A limit or a token refresh leaves no room for the next call until then (ms by
    /// Redis' clock); the search goes on where it stopped.
    Later(i64),
    /// A 429 to a call of this label.
    Limited(Label, Limit),
    /// Zoom gave no answer that could be used.
    Failed {
        /// The call, and what Zoom answered.
        why: String,
        /// True if Zoom named a reason that lasts until an operator acts.
        lasting: bool,
        /// Meetings that it could be, among those read.
        alike: Vec<Listed>,
    },
}

/// Words for a meeting that is not as it was to be.
#[derive(Debug, Clone, Copy)]
pub struct NotSo {
    /// While it is looked at again.
    pub what: &'static str,
    /// Once that was enough.
    pub why: &'static str,
}

/// A look that did not find the meeting.
#[derive(Debug)]
pub struct Nothing {
    /// The whole list was read, as often as it must be.
    pub enough: bool,
    /// The reason why that does not mean that there is none.
    pub doubt: Option<String>,
    /// Meetings that it could be.
    pub alike: Vec<Listed>,
}

/// The proof that a look found.
#[derive(Debug)]
pub struct Found {
    /// The meeting's number.
    pub id: u64,
    /// Fields of the meeting, as JSON.
    pub json: String,
    /// All meetings with the marker that were seen; it is the first.
    pub all: Vec<u64>,
    /// The fate of the meeting, where it was not made.
    pub effect: Option<Effect>,
    /// The source of that knowledge, for the job's story.
    pub how: &'static str,
}

impl Look {
    /// The look's result after a stop.
    #[must_use]
    pub fn stopped(stop: Stop, alike: Vec<Listed>) -> Self {
        match stop {
            Stop::Wait(why) => Self::Wait(why),
            Stop::Later(until_ms) => Self::Later(until_ms),
            Stop::Limited(label, limit) => Self::Limited(label, limit),
            Stop::Failed(Failure { why, refusal, .. }) => {
                Self::Failed { why, lasting: refusal == Some(Refusal::Lasting), alike }
            }
            Stop::TooLong(why) => Self::Unclear { why, alike },
        }
    }
}
