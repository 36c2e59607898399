//! What the parts of an engine hold together: the jobs in hand, the circuits, the slots,
//! what is wrong with Redis, and the ways to the loops. Knows no loop.

pub mod backlog;
pub mod circuit;
pub mod circuits;
pub mod expiry;
pub mod flight;
pub mod memory;
pub mod notes;
pub mod outbox;
pub mod place;
pub mod ready;
pub mod seen;
pub mod slots;
pub mod suspects;
pub mod trouble;
