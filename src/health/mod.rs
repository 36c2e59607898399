//! The one judgement of a namespace: shown by `status`, `doctor`, `/readyz`, metrics.
//!
//! [`Gatherer`] reads facts from Redis; [`judge`] makes problems of them and decides
//! nothing else; [`Verdict`] puts them into one line and an exit code. No rule about
//! the state of a namespace stands anywhere else.

mod app;
mod facts;
mod gather;
mod judge;
pub mod namespace;
mod stuck;
mod tools;
mod verdict;

pub use app::correct_app;
pub use facts::{Absent, Accounts, Facts, Failing, Found, Here, Unused};
pub use gather::Gatherer;
pub use judge::{judge, watched};
pub use stuck::Stuck;
pub use tools::{Process, Tools, redis_cli};
pub use verdict::{Judgement, Verdict, held};
