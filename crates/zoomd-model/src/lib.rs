//! Models of what the scripts of zoomd-store decide, for tests alone: no crate depends on
//! this one but to test.
//!
//! [`limits`] is the model of rates, days and gates, [`fair_queue`] that of rooms and
//! turns above it; tests of zoomd-store walk both and the scripts through the same random
//! steps. [`play`](mod@play) goes on with them from where a queue stands, and what
//! zoomd says of a wait is held against that. No clock, no IO.

pub mod fair_queue;
pub mod limits;
pub mod play;
