//! zoomd: schedules Zoom meetings for other services. Jobs come in by Redis,
//! meetings are made at Zoom, outcomes go out by Redis.
//!
//! This crate is the composition root: the command line, the configuration, the
//! daemon's process (signals, readiness, telemetry, HTTP) and `zoomd dev`. It
//! decides nothing about jobs or grants; that is `zoomd-workers`. It speaks to
//! Redis only through `zoomd-store` and to Zoom only through `zoom-api`.

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
