//! The engine on a real Redis and a simulated Zoom, in process.

mod ends;
mod forgets;
mod lost;
mod operators;
mod panics;
mod proxy;
mod redis_trouble;
mod resp;
mod seen;
mod waits;
mod world;
mod zoom_trouble;
