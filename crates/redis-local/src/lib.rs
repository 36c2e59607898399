//! A private Redis on this machine, for tests and trials.
//!
//! [`RedisServer`] is a redis-server (or valkey-server) process in a folder of its own, on
//! a free port of the loopback and a unix socket. [`Sentinel`] watches one, with replicas.
//! The process ends with the value: `Drop` kills and reaps it.
//!
//! ```no_run
//! let server = redis_local::RedisServer::start()?;
//! println!("{}", server.url());
//! # Ok::<(), redis_local::Error>(())
//! ```
//!
//! It is no client: it speaks only enough of the protocol to see that the server answers.

mod probe;
mod sentinel;
mod server;

pub use sentinel::{MASTER, Sentinel};
pub use server::{Error, Options, RedisServer};
