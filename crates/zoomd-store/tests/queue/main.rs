//! The queue's scripts against a real Redis.

mod admit;
mod bench;
mod bounds;
mod cost;
mod eta;
mod four;
mod hostless;
mod hosts;
mod lane;
mod model;
mod month;
mod ops;
mod piles;
mod reader;
mod reasons;
mod register;
mod replay;
mod settle;
mod share;
mod targets;
mod turns;
mod unweighed;
mod upkeep;
mod vitals;
mod wait;
mod walk;
