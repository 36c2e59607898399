//! What happens to a job.

pub mod rotation;
pub mod tokens;
