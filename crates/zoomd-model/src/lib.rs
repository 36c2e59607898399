//! Models of the decisions that the scripts of zoomd-store make, for tests alone: no crate
//! depends on this one but to test.
//!
//! [`limits`] is the model of rates, days and gates, [`fair_queue`] that of rooms and turns
//! above it. Tests of zoomd-store lead the models and the scripts through the same random
//! steps and compare them. [`play`](mod@play) continues from where a queue stands, and the
//! expected time that zoomd gives for a waiting job is compared with it. No clock, no IO.

pub mod fair_queue;
pub mod limits;
pub mod play;
