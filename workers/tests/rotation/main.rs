//! Rotations against a real Redis and a simulated Zoom.

mod basics;
mod doubt;
mod durable;
mod hold;
mod house;
mod news;
mod rules;
mod storm;
mod trouble;
