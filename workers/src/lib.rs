//! Processing of jobs: what a daemon of zoomd does between Redis and Zoom.
//!
//! [`Engine`] starts every loop of a daemon and ends them in order. Inside it, [`pipeline`]
//! is the way of a job from the stream to a settled outcome, [`attempt`] one call to Zoom
//! with all that surrounds it, [`kinds`] the difference between creating, updating,
//! deleting and ending a meeting, [`decide`] the meaning of Zoom's answers as pure
//! functions, [`reconcile`] the search for a call whose answer was lost, and [`rotation`]
//! with [`tokens`] the refresh of access tokens under a lock.
//!
//! It joins zoom-api, which knows Zoom and nothing of zoomd, with zoomd-store, which knows
//! Redis and nothing of Zoom. It reads no configuration file and no environment variable;
//! the binary `zoomd` does, and hands over a [`Setup`].

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
pub mod trace;

pub use engine::{Engine, Setup};
pub use error::Error;
pub use settings::{MarkerPlace, Settings};
