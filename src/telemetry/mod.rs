//! What the process tells about itself: the log and the metrics.
//!
//! The log goes to stderr: text for people when that is a terminal, else one
//! JSON object a line. A message can be read alone; fields are for machines.
//! Metrics are named in [`catalogue`] and nowhere else.

pub mod catalogue;
pub mod metrics;

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::SubscriberBuilder;

use crate::config::ConfigError;

/// Sends the log to stderr from here on. A second call changes nothing.
pub fn log(filter: &str) -> Result<(), ConfigError> {
    let filter = read(filter)?;
    let builder = SubscriberBuilder::default()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false);
    if std::io::stderr().is_terminal() {
        let _ = builder.compact().try_init();
    } else {
        let json = builder.json().flatten_event(true).with_current_span(false);
        let _ = json.with_span_list(false).with_target(true).try_init();
    }
    Ok(())
}

/// Refuses a filter that cannot be read.
pub fn check(filter: &str) -> Result<(), ConfigError> {
    read(filter).map(drop)
}

fn read(filter: &str) -> Result<EnvFilter, ConfigError> {
    EnvFilter::try_new(filter).map_err(|error| {
        ConfigError::new(format!("log: \"{filter}\" is not a filter: {error}"))
            .hint("a level such as info or debug, or info,zoomd_workers=debug")
    })
}
