//! Redis itself: the connection, the scripts and the replies of scripts.
//!
//! Knows neither jobs nor accounts. Within this crate `redis` at the start of a path is
//! the client library, and `crate::redis` is this module.

pub mod conn;
pub mod script;
pub(crate) mod script_reply;
pub(crate) mod scripts;
