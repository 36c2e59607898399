//! Everything zoomd keeps in Redis: queue, grants, budgets, job records; all Lua.
//!
//! A [`Store`] is one namespace on one Redis. It owns the connections, the
//! names of all keys ([`keys`]) and the scripts; nobody else names a key or
//! speaks to Redis. A decision that two daemons could make differently is made
//! inside a script, by the clock of Redis; nothing here reads another clock to
//! decide, and nothing here knows what Zoom is beyond the labels of its limits.

mod answer;
pub mod budget;
pub mod calls;
pub mod clock;
pub mod conn;
pub mod consent;
pub mod duplicates;
mod durable;
pub mod error;
pub mod eta;
pub mod grants;
pub mod keys;
pub mod layout;
pub mod listener;
pub mod meta;
pub mod neighbours;
pub mod ops;
mod permissions;
pub mod probe;
pub mod queue;
mod refusal;
pub mod rekey;
mod rights;
pub mod rotation;
pub mod script;
mod scripts;
pub mod seal;
mod store;
pub mod streams;
mod ticks;
pub mod types;
mod version;
pub mod wake;

pub use conn::{Conn, TlsFiles};
pub use error::{ErrorKind, StoreError};
pub use keys::Keys;
pub use permissions::{MissingRights, Rights};
pub use script::Script;
pub use store::{Replicas, Store, StoreConfig};
