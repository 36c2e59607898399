//! One entry of the producers' stream.

use std::sync::Arc;

use bytes::Bytes;

/// One entry of the producers' stream.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Id, as Redis wrote it.
    pub id: Arc<str>,
    /// The field `job` alone; anything else (no such field, further fields) is
    /// malformed and handed on with all its text, cut at 64 KiB.
    pub body: Result<Bytes, Bytes>,
    /// True if it had been delivered before: to an earlier connection of this
    /// daemon, or to another that did not take it.
    pub again: bool,
}
