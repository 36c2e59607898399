//! Consent given elsewhere: links for people at their own browsers, and what
//! Zoom tells when a person takes a consent back.
//!
//! Owns `cl:<digest>` (a link: which account, how, until when), `cs:<digest>` (a
//! consent that was asked for: its link and its browser) and `bye` (consents
//! that were taken back and are not yet carried out). Redis never holds a
//! token, a state or a cookie, only digests of them; all three are 256 random
//! bits, so a digest cannot be guessed back. Never serves a page and never talks
//! to Zoom.
//!
//! Invariant: a state is good once, within its time, in the browser it was made
//! for, and while its link is. A link is good until its time is over, until a
//! consent came through it, or until its account is removed.

mod deauthorization;
mod link;
mod nonce;

use crate::Store;

pub use deauthorization::Deauthorization;
pub use link::{Link, LinkError, NewLink, STATE_LIFE, Taken};
pub use nonce::{Digest, Nonce};

/// The links and deauthorizations of one namespace. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Links {
    store: Store,
}

impl Links {
    /// Joins a namespace.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// The namespace.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }
}
