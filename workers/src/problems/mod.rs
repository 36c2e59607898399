//! The calls to Zoom as they are made, and what goes wrong for a while.
//!
//! [`calls`] watches them ([`endpoints`], [`pace`], [`skew`], [`cause`]); [`lasting`]
//! keeps what goes on for a while. All but [`calls`] are pure: no clock, no IO.

pub mod calls;
pub mod cause;
pub mod endpoints;
pub mod lasting;
pub mod pace;
pub mod skew;
