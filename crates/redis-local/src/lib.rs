//! A private Redis on this machine: a redis-server (or valkey-server) of our
//! own, in its own folder, on a free port of the loopback and a unix socket.
//!
//! `zoomd dev` and every test run on one. It knows nothing of zoomd and speaks
//! only enough of the protocol to see that the server answers. The server dies
//! with the value: `Drop` kills and reaps it.

mod probe;
mod sentinel;
mod server;

pub use sentinel::{MASTER, Sentinel};
pub use server::{Error, Options, RedisServer};
