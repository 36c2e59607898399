//! Views: what programs and people are shown of jobs, failures, limits, accounts and
//! the namespace. The command line and every port share them, so that a field means
//! the same wherever it is read.
//!
//! Pure: records of the store in, values that serialise out. Fields are only ever
//! added.

pub mod account;
pub mod budget;
pub mod failure;
pub mod job;
pub mod line;
pub mod meeting;
pub mod reason;
pub mod status;
pub mod timeline;
pub mod waiting;
