//! A word out of a closed vocabulary.

/// A word that is not in the vocabulary; the message lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnknownWord(pub(crate) &'static str);
