//! The engine on a real Redis and a simulated Zoom, in process.

mod confirmed;
mod deletes;
mod ends;
mod folds;
mod forgets;
mod hosts;
mod layout;
mod lost;
mod meeting_ends;
mod newer;
mod operators;
mod panics;
mod proxy;
mod reads;
mod redis_trouble;
mod resp;
mod searches;
mod seen;
mod takeover;
mod unknown_creates;
mod updates;
mod waits;
mod world;
mod zoom_trouble;
