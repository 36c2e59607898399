//! The engine on a real Redis and a simulated Zoom, in process.

mod ends;
mod forgets;
mod lost;
mod operators;
mod panics;
mod resp;
mod waits;
mod world;
