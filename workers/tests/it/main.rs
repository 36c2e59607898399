//! The engine on a real Redis and a simulated Zoom, in process.

#![expect(missing_docs, reason = "tests are named by what they show")]

mod ends;
mod resp;
mod world;
