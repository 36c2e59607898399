//! The queue's scripts against a real Redis.

mod admit;
mod amends;
mod bench;
mod cost;
mod lane;
mod model;
mod ops;
mod reader;
mod settle;
mod upkeep;
mod wait;
