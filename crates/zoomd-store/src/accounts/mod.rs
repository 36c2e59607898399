//! Accounts: their grants, the refresh of their tokens, consent, and encryption at rest.

pub mod consent;
pub mod encryption;
pub mod grants;
pub mod rekey;
pub mod rotation;
mod version;
