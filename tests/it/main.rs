//! Black-box tests of the binary.

mod account;
mod budget;
mod chaos;
mod clocks;
mod config;
mod daemon;
mod deploy;
mod dev;
mod doctor;
mod door;
mod enqueue;
mod examples;
mod failures;
mod full;
mod gate;
mod help;
mod house;
mod jobs;
mod keys;
mod meeting;
mod metrics;
mod rotation;
mod shapes;
mod supervised;
mod support;
mod waiters;
