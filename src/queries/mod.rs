//! Reads of a namespace for people and programs. The command line, the API and the console all
//! read here, so that they show the same data.
//!
//! Owns the order of the reads and their bounds; what is shown of them is made in `views`.

pub mod accounts;
pub mod budget;
pub mod failures;
pub mod jobs;
pub mod outcomes;
pub mod status;
