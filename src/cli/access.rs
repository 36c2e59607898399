//! Effect of a command on the namespace.

/// Effect of a command on the namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Does not use the namespace.
    None,
    /// Writes nothing.
    Reads,
    /// Changes what is there, or adds jobs. A read of Zoom belongs here, too: the
    /// call is counted against the account's limits.
    Writes,
    /// May be the first command of a namespace.
    Creates,
}

impl Access {
    /// True if a namespace that no zoomd has used is most likely a mistake.
    pub fn expects_namespace(self) -> bool {
        matches!(self, Self::Reads | Self::Writes)
    }
}
