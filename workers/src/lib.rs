//! Processing of jobs.
//!
//! Joins zoom-api, which knows Zoom and nothing of us, and zoomd-store, which
//! knows Redis and nothing of Zoom. [`Engine`] is the whole of it; [`decide`] is
//! what an answer of Zoom's means, as a pure function; [`pipeline`] is the way
//! from the stream to a settled outcome; [`reconcile`] asks Zoom what became of
//! a call whose answer was lost.

pub mod attempt;
pub mod backoff;
pub mod call_context;
pub mod consent;
pub mod context;
pub mod deauthorization;
pub mod decide;
mod engine;
mod error;
mod failpoints;
mod hurry;
mod identity;
pub mod journal;
pub mod kinds;
mod metric;
pub mod patience;
pub mod pipeline;
pub mod problems;
pub mod reconcile;
pub mod report;
pub mod rotation;
mod settings;
mod shortage;
pub mod state;
pub mod supervisor;
pub mod tasks;
pub mod timetable;
pub mod tokens;

pub use engine::{Engine, Setup};
pub use error::Error;
pub use settings::{MarkerPlace, Settings};
