//! The effect of a job on a meeting that it did not make, as one word.

/// The fate of the meeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The job's own call deleted it.
    Deleted,
    /// It was there before, and is not any more.
    AlreadyGone,
}

impl Effect {
    /// The word in a result.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::AlreadyGone => "already_gone",
        }
    }
}
