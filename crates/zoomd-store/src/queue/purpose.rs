//! Purpose of a lease: the call itself, or a look what became of one.

/// The purpose of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// The job's own call; its budgets are charged.
    Attempt,
    /// Looking what became of an earlier call; one call of a look's class is
    /// charged, further ones are taken with [`Calls`](crate::calls::Calls).
    Lookup,
}
