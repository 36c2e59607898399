//! The outages that wake somebody up: each is made for real, and whatever they look
//! at then (`status`, `doctor`, `job show`, `enqueue --wait`, `/readyz`, the log)
//! names the cause.

mod accounts;
mod daemons;
mod faces;
mod keys;
mod redis;
mod sentinel;
mod zoom;
