//! The effect of a job on a meeting that it did not make, as one word.

/// Effect of a job on its meeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The job's changes were made.
    Updated,
    /// It was so already.
    Unchanged,
    /// The job's own call deleted it.
    Deleted,
    /// It was there before, and is not any more.
    AlreadyGone,
    /// The job that was to make it was cancelled before it was sent.
    NeverCreated,
    /// The job's own call ended it.
    Ended,
    /// It did not run.
    AlreadyEnded,
}

impl Effect {
    /// The word in a result.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
            Self::Deleted => "deleted",
            Self::AlreadyGone => "already_gone",
            Self::NeverCreated => "never_created",
            Self::Ended => "ended",
            Self::AlreadyEnded => "already_ended",
        }
    }
}
