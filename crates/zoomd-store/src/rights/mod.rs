//! The rights of the Redis user: which are used, and whether they are there.
//!
//! What is used is derived from the texts of the scripts and from
//! [`Keys`](crate::Keys), so no list can fall behind. Two places ask: the first
//! lines of each script ([`lead`]), since a right can be taken away at any time,
//! and [`Store::rights`](crate::Store::rights), before the first
//! write of a process.

pub(crate) mod commands;
pub(crate) mod lead;

#[cfg(test)]
mod tests;
