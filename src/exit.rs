//! The exit codes of the program, a closed list that scripts rely on.

use std::process::ExitCode;

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done, as asked. A reader that closed the pipe early counts as done.
    Done = 0,
    /// Tried and failed.
    Failed = 1,
    /// The command line or the configuration is wrong.
    Usage = 2,
    /// The thing named does not exist.
    NotFound = 3,
    /// Somebody must give (or give again) their consent at Zoom first.
    Consent = 4,
    /// Redis, Zoom or a daemon that is needed does not answer.
    Unreachable = 5,
    /// Interrupted by Ctrl-C.
    Interrupted = 130,
}

impl Exit {
    /// All of them, with what they mean, for the help topic and the manual.
    pub const ALL: [(Self, &'static str); 7] = [
        (Self::Done, "done (also: the reader of a pipe went away)"),
        (Self::Failed, "failed; the message says why"),
        (Self::Usage, "the command line or the configuration is wrong"),
        (Self::NotFound, "the account, job, failure or meeting does not exist"),
        (Self::Consent, "consent is needed: zoomd account login NAME"),
        (Self::Unreachable, "Redis, Zoom or a daemon that is needed does not answer"),
        (Self::Interrupted, "interrupted by Ctrl-C"),
    ];
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
