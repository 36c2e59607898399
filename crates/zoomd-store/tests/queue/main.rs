//! The queue's scripts against a real Redis.

mod admit;
mod amends;
mod bench;
mod bounds;
mod cost;
mod four;
mod hosts;
mod lane;
mod model;
mod month;
mod ops;
mod reader;
mod settle;
mod share;
mod turns;
mod upkeep;
mod wait;
mod walk;
