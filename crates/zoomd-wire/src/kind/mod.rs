//! Kinds of jobs, one file for each.
//!
//! A kind's file owns its fields and their checks, the definition of the same job, the hosts whose
//! day it uses and the time until which it may be sent. No other file of this crate names a kind.

mod create_meeting;
mod delete_meeting;
mod end_meeting;
mod fold;
mod target;
mod update_meeting;

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::fields::envelope::{self, Envelope, at};
use crate::fields::findings::Findings;
use crate::fields::read;
use crate::fields::{InvalidJob, Meeting, Rules};
use crate::word::UnknownWord;

pub use create_meeting::CreateMeeting;
pub use delete_meeting::DeleteMeeting;
pub use end_meeting::EndMeeting;
pub use fold::{FOLDED_MAX, fold};
pub use target::{Extent, Occurrence, Part, Target};
pub use update_meeting::UpdateMeeting;

/// Fields that only some kinds take, by their places in the envelope.
const OF_KINDS: [usize; 6] =
    [at::MEETING, at::MEETING_ID, at::OF, at::OCCURRENCE, at::SCOPE, at::NOTIFY];

/// One job's request, as the file of its kind reads it.
pub(crate) trait Ask: fmt::Debug + Send + Sync + Sized {
    /// Zoom's operation that does it: its rate-limit class is configured under this word.
    const OPERATION: &'static str;
    /// The HTTP status by which Zoom says that it is done.
    const SUCCESS: u16;
    /// The call of Zoom's API that does it: its method, and its path with names for values.
    const CALL: (&'static str, &'static str);
    /// The fields of [`OF_KINDS`] that it takes.
    const TAKES: &'static [usize];
    /// Others of them, and why they cannot stand here.
    const NOT: &'static [(usize, &'static str)] = &[];

    /// Reads and checks its fields; faults go to `found`.
    fn read(envelope: &Envelope<'_>, rules: &Rules, found: &mut Findings) -> Option<Self>;
}

/// One job's request, whatever its kind.
pub(crate) trait Asked {
    /// Part of the digest that distinguishes it from others of its kind and user.
    fn digest(&self) -> u64;
    /// True if it uses the day of its host.
    fn charges_host(&self) -> bool;
    /// True if a call whose answer was lost can be judged later.
    fn is_recoverable(&self) -> bool;
    /// Time after which it must not be sent.
    fn start(&self) -> Option<Timestamp> {
        None
    }
    /// The time of [`start`](Self::start), if it binds the job.
    fn must_start_by(&self) -> Option<Timestamp> {
        None
    }
    /// The other user who hosts it.
    fn schedule_for(&self) -> Option<&str> {
        None
    }
    /// The body of the meeting that it makes.
    fn meeting(&self) -> Option<&Meeting> {
        None
    }
    /// The meeting that it is about, where it makes none, and its part among others of it.
    fn target(&self) -> Option<(&Target, Part)> {
        None
    }
    /// Names of the fields that it changes.
    fn changed(&self) -> Option<&[Box<str>]> {
        None
    }
    /// True if it soon becomes useless.
    fn is_momentary(&self) -> bool {
        false
    }
}

macro_rules! kinds {
    ($($(#[$about:meta])* $name:ident = $word:literal),+ $(,)?) => {
        /// The kind of a job's request.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Kind {
            $($(#[$about])* $name,)+
        }

        impl Kind {
            /// Every kind that this version runs.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The kind as jobs, outcomes and metrics write it.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }

            /// Zoom's operation for the request, which sets its rate-limit class.
            pub fn operation(self) -> &'static str {
                match self {
                    $(Self::$name => $name::OPERATION,)+
                }
            }

            /// The call of Zoom's API: its method, and its path with names for values.
            pub fn call(self) -> (&'static str, &'static str) {
                match self {
                    $(Self::$name => $name::CALL,)+
                }
            }

            /// The HTTP status by which Zoom says that it is done.
            pub fn success_status(self) -> u16 {
                match self {
                    $(Self::$name => $name::SUCCESS,)+
                }
            }

            /// The fields it takes, and what to say of others.
            fn fields(self) -> (&'static [usize], &'static [(usize, &'static str)]) {
                match self {
                    $(Self::$name => ($name::TAKES, $name::NOT),)+
                }
            }
        }

        /// The request of one job, checked.
        #[derive(Debug, Clone)]
        pub enum Request {
            $(#[doc = concat!("`", $word, "`")] $name($name),)+
        }

        impl Request {
            /// Reads what a job of `kind` asks for; faults go to `found`.
            pub(crate) fn read(
                kind: Kind,
                envelope: &Envelope<'_>,
                rules: &Rules,
                found: &mut Findings,
            ) -> Option<Self> {
                match kind {
                    $(Kind::$name => $name::read(envelope, rules, found).map(Self::$name),)+
                }
            }

            /// Time after which it is not sent, whether or not that binds its job.
            pub fn start(&self) -> Option<Timestamp> {
                self.asked().start()
            }

            pub(crate) fn asked(&self) -> &dyn Asked {
                match self {
                    $(Self::$name(asked) => asked,)+
                }
            }
        }
    };
}

kinds! {
    /// Schedule a meeting.
    #[default]
    CreateMeeting = "create_meeting",
    /// Change a meeting.
    UpdateMeeting = "update_meeting",
    /// Delete a meeting.
    DeleteMeeting = "delete_meeting",
    /// End a meeting that runs.
    EndMeeting = "end_meeting",
}

impl Kind {
    /// Every kind's word, for people: `a, b or c`.
    pub fn words() -> String {
        read::either(&Self::ALL.iter().map(|kind| kind.as_str().to_owned()).collect::<Vec<_>>())
    }

    /// Refuses fields that a job of this kind does not take.
    pub(crate) fn check_fields(self, envelope: &Envelope<'_>, found: &mut Findings) {
        let (takes, not) = self.fields();
        for index in OF_KINDS {
            if takes.contains(&index) || envelope.get(index).is_none() {
                continue;
            }
            let field = envelope::NAMES[index];
            let why = not.iter().find(|(at, _)| *at == index).map(|(_, why)| *why);
            let why = why.map(|why| format!(": {why}")).unwrap_or_default();
            let message = format!("`{field}` does not go with {self}{why}");
            found.fault(InvalidJob::new(field, message));
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let found = Self::ALL.iter().find(|kind| kind.as_str() == text);
        found.copied().ok_or(UnknownWord("the kind must be one that zoomd runs"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back_as_they_are_written() {
        for kind in Kind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(*kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
        assert!("dance".parse::<Kind>().is_err());
    }
}
