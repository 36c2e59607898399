//! Rights of the Redis user: those that are used, and a check that they are granted.
//!
//! The used rights are derived from the texts of the scripts and from [`Keys`](crate::Keys), so no
//! list can become outdated. There are two checks: in the first lines of each script ([`lead`]),
//! since a right can be taken away at any time, and in [`Store::rights`](crate::Store::rights),
//! before the first write of a process.

pub(crate) mod commands;
pub(crate) mod lead;

#[cfg(test)]
mod tests;
