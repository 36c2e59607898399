//! Accounts and their grants.
//!
//! Owns `a:<A>` (what admission reads) and `g:<A>` (the sealed tokens), the
//! list of accounts, and every way a grant comes or goes that is not a
//! rotation: add, import, connect, pause, remove. Each change, its event, its
//! line in the timeline and the waking of the account's jobs are one script.
//! Never talks to Zoom; rotations are in `rotation`.
//!
//! Invariant: a stored grant is only ever replaced by one whose
//! [`GrantVersion`] is greater, and a removed account keeps the epoch it was
//! removed at, so that nothing older can bring it back.

mod record;
mod secrets;
mod version;

pub use record::{AccountRecord, AccountState, Candidate, GrantKind, GrantRecord, Plan};
pub use secrets::GrantSecrets;
pub use version::{Epoch, GrantVersion, NotAnEpoch};
