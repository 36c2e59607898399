//! The tokens as their own loops see them: only while somebody else has them.

use std::sync::Weak;
use std::time::Duration;

use super::{Inner, Tokens};

/// Longest time for a loop to notice that its owner is gone.
pub(super) const NOTICE: Duration = Duration::from_secs(1);

pub(super) fn up(weak: &Weak<Inner>) -> Option<Tokens> {
    weak.upgrade().map(Tokens).filter(|tokens| !tokens.is_closing())
}
