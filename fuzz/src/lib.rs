//! Properties that hold for every text from outside.

pub mod job;
pub mod reply;
