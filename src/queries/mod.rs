//! What is read of a namespace for people and programs: the command line, the API and the
//! console ask here, so that they tell the same.
//!
//! Owns the order of the reads and their bounds; what is shown of them is made in `views`.

pub mod accounts;
pub mod budget;
pub mod failures;
pub mod jobs;
pub mod outcomes;
pub mod status;
