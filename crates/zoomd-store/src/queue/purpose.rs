//! Purpose of a lease: the call itself, or a look what became of one.

/// The purpose of a lease, or of the next one of a job that has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// The job's own call; its budgets are charged.
    Attempt,
    /// Looking what became of an earlier call; one call of a look's class is
    /// charged, further ones are taken with [`Calls`](crate::calls::Calls).
    Lookup,
    /// The job's own call, which carries no other job and is carried by none: Zoom refused one
    /// that did.
    Alone,
    /// None: the unresolved call of the job before it in its line carried it, and holds it.
    Carried,
}

impl Purpose {
    /// The letter of lua/lib/rooms.lua.
    pub(crate) fn letter(self) -> char {
        match self {
            Self::Attempt => 'c',
            Self::Lookup => 'r',
            Self::Alone => 'a',
            Self::Carried => 'p',
        }
    }

    /// The purpose with this letter.
    pub(crate) fn of(letter: u8) -> Self {
        match letter {
            b'r' => Self::Lookup,
            b'a' => Self::Alone,
            b'p' => Self::Carried,
            _ => Self::Attempt,
        }
    }

    /// The purpose of a lease on a job that was to go next for this one.
    pub(crate) fn leased(self) -> Self {
        match self {
            Self::Attempt | Self::Alone => Self::Attempt,
            Self::Lookup | Self::Carried => Self::Lookup,
        }
    }
}
