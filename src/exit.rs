//! The exit codes of the program, a closed list that scripts rely on.

use std::process::ExitCode;

/// Exit code of the process.
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
    /// Redis, Zoom or a required daemon is unreachable.
    Unreachable = 5,
    /// Interrupted by Ctrl-C.
    Interrupted = 130,
}

impl Exit {
    /// All exit codes with their meaning, for the help topic and the manual.
    pub const ALL: [(Self, &'static str); 7] = [
        (Self::Done, "success (also when the reader of a pipe closes it)"),
        (Self::Failed, "failure; see the message"),
        (Self::Usage, "invalid command line or configuration"),
        (Self::NotFound, "the account, job, failure or meeting does not exist"),
        (Self::Consent, "authorization is needed: zoomd account login NAME"),
        (Self::Unreachable, "Redis, Zoom or a required daemon is unreachable"),
        (Self::Interrupted, "interrupted by Ctrl-C"),
    ];
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
