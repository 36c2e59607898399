//! The queue's scripts against a real Redis.

mod admit;
mod bench;
mod cost;
mod reader;
mod settle;
mod upkeep;
mod wait;
