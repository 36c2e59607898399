//! Rotations against a real Redis and a simulated Zoom.

mod asked;
mod basics;
mod doubt;
mod durable;
mod hold;
mod house;
mod late;
mod news;
mod rules;
mod sick;
mod storm;
mod trouble;
