//! Everything zoomd keeps in Redis: queue, grants, budgets, job records; all Lua.
//!
//! A [`Store`] is one namespace on one Redis. It owns the connections, the names of all
//! keys ([`keys`]) and the scripts. [`queue`] admits, leases and settles jobs; [`grants`]
//! and [`rotation`] keep the accounts' tokens, encrypted; [`limits`] are Zoom's budgets;
//! [`inspect`] is what operators read, [`admin`] what they change.
//!
//! ```no_run
//! use zoomd_store::{Store, StoreConfig, inspect::Ops};
//! # async fn look() -> Result<(), zoomd_store::StoreError> {
//! let store = Store::open(&StoreConfig::new("redis://127.0.0.1:6379", "zoomd"))?;
//! println!("{} jobs are waiting", Ops::new(store).status().await?.waiting);
//! # Ok(())
//! # }
//! ```
//!
//! A decision that two daemons could make differently is made inside a script, by the clock
//! of Redis. Nothing here knows Zoom beyond the labels of its limits.
//!
//! Errors: every method that asks Redis fails with a [`StoreError`] if Redis cannot be
//! reached or denies a command; [`StoreError::is_transient`] tells whether to try again. A
//! method's own documentation names only other errors.

mod accounts;
pub mod admin;
pub mod audit;
pub mod calls;
pub mod clock;
pub mod duplicates;
mod durable;
pub mod error;
pub mod eta;
mod events;
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
