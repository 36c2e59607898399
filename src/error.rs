//! Errors of the program: what a command, or the daemon at its start, could not do.

use zoomd_store::{ErrorKind, StoreError};

use crate::config::ConfigError;
use crate::exit::Exit;

/// An error for people (message, hint) and for scripts (code, exit).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CliError {
    /// Short and stable, `snake_case`: what scripts compare.
    pub code: &'static str,
    /// One sentence: what failed and why. Lower case, no full stop, no secret.
    pub message: String,
    /// Next step; best a command to type.
    pub hint: Option<String>,
    /// Exit code of the process.
    pub exit: Exit,
}

impl CliError {
    /// An error with a code of its own.
    pub fn new(exit: Exit, code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None, exit }
    }

    /// Tried and failed (exit 1).
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(Exit::Failed, "failed", message)
    }

    /// Wrong arguments or input (exit 2).
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, "usage", message)
    }

    /// Wrong configuration (exit 2).
    pub fn config(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, "config", message)
    }

    /// The thing named does not exist (exit 3).
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(Exit::NotFound, "not_found", message)
    }

    /// Consent is needed first (exit 4).
    pub fn consent(message: impl Into<String>) -> Self {
        Self::new(Exit::Consent, "needs_reauth", message)
    }

    /// A dependency does not answer (exit 5).
    pub fn unreachable(message: impl Into<String>) -> Self {
        Self::new(Exit::Unreachable, "unreachable", message)
    }

    /// Ctrl-C (exit 130).
    pub fn interrupted() -> Self {
        Self::new(Exit::Interrupted, "interrupted", "interrupted")
    }

    /// The reader of our output went away: not an error of ours, nothing to say.
    pub fn broken_pipe() -> Self {
        Self::new(Exit::Done, "broken_pipe", "")
    }

    /// With the next thing to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// With another code.
    #[must_use]
    pub fn code(mut self, code: &'static str) -> Self {
        self.code = code;
        self
    }
}

impl From<crate::input::InputError> for CliError {
    fn from(error: crate::input::InputError) -> Self {
        Self { hint: error.hint, ..Self::usage(error.message) }
    }
}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        let cli = Self::config(error.message);
        match error.hint {
            Some(hint) => cli.hint(hint),
            None => cli,
        }
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        let kind = error.kind();
        if error.is_no_permission() {
            let hint = "zoomd doctor shows the missing right of the Redis user";
            return Self::new(Exit::Unreachable, kind.as_str(), error.to_string()).hint(hint);
        }
        let (exit, hint) = match kind {
            ErrorKind::Unreachable => {
                (Exit::Unreachable, "is Redis running? check ZOOMD_REDIS_URL with zoomd doctor")
            }
            ErrorKind::Auth => {
                (Exit::Unreachable, "set user and password in ZOOMD_REDIS_URL or its _FILE form")
            }
            ErrorKind::ReadOnly => {
                (Exit::Unreachable, "this Redis accepts no writes; see zoomd doctor")
            }
            ErrorKind::OutOfMemory => (Exit::Unreachable, "Redis is full; see zoomd doctor"),
            ErrorKind::Layout => (Exit::Usage, "run the version of zoomd that the daemons have"),
            ErrorKind::Config => (Exit::Usage, "see zoomd doctor"),
            _ => (Exit::Failed, "see zoomd doctor"),
        };
        Self::new(exit, kind.as_str(), error.to_string()).hint(hint)
    }
}

impl From<std::io::Error> for CliError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Self::broken_pipe(),
            _ => Self::failed(error.to_string()),
        }
    }
}

/// Result of every command.
pub type CliResult = Result<Exit, CliError>;
