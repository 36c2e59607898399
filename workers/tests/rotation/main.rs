//! Rotations against a real Redis and a simulated Zoom.

#![expect(clippy::print_stdout, reason = "a storm says how much it did")]

mod basics;
mod doubt;
mod house;
mod rules;
mod storm;
mod trouble;
