//! Errors of a configuration.

/// A configuration that cannot be used. The text shows no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ConfigError {
    /// Problem and where it was said.
    pub message: String,
    /// Suggested fix.
    pub hint: Option<String>,
}

impl ConfigError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<crate::input::InputError> for ConfigError {
    fn from(error: crate::input::InputError) -> Self {
        Self { message: error.message, hint: error.hint }
    }
}
