//! The queue's scripts against a real Redis.

mod admit;
mod bench;
mod reader;
mod settle;
mod upkeep;
mod wait;
