//! What must hold for every text that comes in from outside.

pub mod job;
pub mod reply;
