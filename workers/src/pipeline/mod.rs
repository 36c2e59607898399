//! From the stream to a settled outcome.
//!
//! ```text
//! reader ─▶ intake: parse, admit ─┐                                  ┌─▶ settler ─────▶ Redis
//!                                 ├─▶ bounded channel ─▶ worker ─▶ handler
//! claims: rooms that may go ──────┘   (backend.rs)                   └─ renewer keeps the lease
//! ```
//! A job holds a permit from before its admission until its outcome is handed
//! to the settler, so little more is taken than can be called at once
//! ([`slots`](crate::state::concurrency)), and the channel never fills. All of it runs on one thread.

mod admission;
pub mod backend;
pub mod claims;
mod deferred;
pub mod fetcher;
pub mod leases;
mod newer;
pub mod parse;
pub mod replay;
pub mod settler;
pub mod sweeps;
pub mod wake;
pub mod worker;
