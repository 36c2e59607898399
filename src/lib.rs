//! zoomd schedules Zoom meetings for other services: jobs come in through Redis, meetings
//! are made at Zoom, results and failures go out through Redis.
//!
//! This crate is the binary's own: the command line ([`cli`]), the configuration
//! ([`config`]), the daemon's process with its signals, readiness and telemetry
//! ([`daemon`]), the HTTP API and the console ([`http`]), and `zoomd dev`. It decides
//! nothing about jobs or tokens; `zoomd-workers` does. It speaks to Redis only through
//! `zoomd-store` and to Zoom only through `zoom-api`.

pub mod actor;
mod acts;
pub mod cli;
pub mod config;
pub mod daemon;
pub mod dev;
pub mod error;
pub mod exit;
pub mod health;
pub mod http;
pub mod identity;
pub mod input;
pub mod output;
mod queries;
pub mod telemetry;
pub mod text;
mod views;
pub mod zoom;
