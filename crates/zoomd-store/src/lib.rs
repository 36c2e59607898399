//! Everything zoomd keeps in Redis: queue, grants, budgets, job records; all Lua.
//!
//! A [`Store`] is one namespace on one Redis. It owns the connections, the
//! names of all keys ([`keys`]) and the scripts; nobody else names a key or
//! speaks to Redis. A decision that two daemons could make differently is made
//! inside a script, by the clock of Redis; nothing here reads another clock to
//! decide, and nothing here knows what Zoom is beyond the labels of its limits.

mod accounts;
pub mod admin;
pub mod audit;
pub mod calls;
pub mod clock;
pub mod duplicates;
mod durable;
pub mod error;
pub mod eta;
pub mod inspect;
pub mod keys;
pub mod layout;
pub mod limits;
pub mod listener;
pub mod meetings;
pub mod meta;
pub mod neighbours;
mod permissions;
pub mod probe;
pub mod queue;
pub mod redis;
mod refusal;
mod rights;
mod store;
pub mod streams;
mod ticks;
pub mod types;
pub mod wake;

pub use self::redis::conn::{Conn, TlsFiles};
pub use self::redis::script::Script;
pub use accounts::{consent, encryption, grants, rekey, rotation};
pub use error::{ErrorKind, StoreError};
pub use keys::Keys;
pub use permissions::{MissingRights, Rights};
pub use store::{Replicas, Store, StoreConfig};
