//! The engine on a real Redis and a simulated Zoom, in process.

mod ends;
mod resp;
mod world;
