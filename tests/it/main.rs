//! Black-box tests of the binary.

mod account;
mod config;
mod daemon;
mod deploy;
mod dev;
mod doctor;
mod help;
mod house;
mod meeting;
mod metrics;
mod support;
