//! Telemetry of the process: the log and the metrics.
//!
//! The log goes to stderr: text for people when that is a terminal, else one
//! JSON object a line. A message can be read alone; fields are for machines.
//! Metrics are named in [`catalogue`] and nowhere else.
//!
//! Invariant: nobody waits for the log, and nobody fails because of it (`lines`).

pub mod catalogue;
pub mod exposition;
pub mod label_values;
mod lines;
pub mod metrics;
pub mod process;
pub mod traces;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{IsTerminal as _, Write as _};
use std::panic::PanicHookInfo;
use std::sync::{OnceLock, mpsc};
use std::time::Duration;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::SubscriberBuilder;

use crate::config::ConfigError;
use lines::{Lines, Stderr};

/// Longest time to write the last log lines of a process.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The lines of this process' log, once it has one.
static LINES: OnceLock<Lines> = OnceLock::new();

/// Sends the log to stderr from here on, and panics to the log. A second call
/// changes nothing.
pub fn log(filter: &str) -> Result<(), ConfigError> {
    let filter = read(filter)?;
    if LINES.get().is_some() {
        return Ok(());
    }
    let lines = Lines::to(Stderr);
    let lines = lines.map_err(|error| ConfigError::new(format!("log: no thread: {error}")))?;
    let lines = LINES.get_or_init(|| lines);
    // Without its own errors: it prints them to stderr, and panics where that fails.
    let builder = SubscriberBuilder::default()
        .with_env_filter(filter)
        .with_writer(|| lines.clone())
        .log_internal_errors(false)
        .with_target(false);
    if std::io::stderr().is_terminal() {
        let _ = builder.compact().try_init();
    } else {
        let json = builder.json().flatten_event(true).with_current_span(false);
        let _ = json.with_span_list(false).with_target(true).try_init();
    }
    std::panic::set_hook(Box::new(panicked));
    Ok(())
}

/// The hook of the standard library writes to stderr itself, and waits for it. A panic
/// is told whatever the filter lets pass: it is why the process ends.
fn panicked(panic: &PanicHookInfo<'_>) {
    let at = panic.location().map(ToString::to_string);
    let what = panic.payload();
    let text = what.downcast_ref::<&str>().copied();
    let text = text.or_else(|| what.downcast_ref::<String>().map(String::as_str));
    let what = text.unwrap_or("no text");
    let trace = Backtrace::capture();
    let trace = (trace.status() == BacktraceStatus::Captured).then(|| trace.to_string());
    let message = "a panic, which is a defect of zoomd";
    if tracing::enabled!(tracing::Level::ERROR) {
        tracing::error!(at, panic = what, backtrace = trace, "{message}");
    } else if let Some(mut lines) = LINES.get().cloned() {
        let line = serde_json::json!({"level": "ERROR", "message": message, "at": at, "panic": what, "backtrace": trace});
        let _ = lines.write_all(format!("{line}\n").as_bytes());
    }
}

/// Waits until what was logged so far is written, for a bounded time.
pub fn flush() {
    if let Some(lines) = LINES.get() {
        lines.flush(LAST_WORDS);
    }
}

/// Says something at the end of a daemon, and does not wait for a reader that
/// does not read.
pub fn last_words(say: impl FnOnce() + Send + 'static) {
    let (said, heard) = mpsc::channel::<()>();
    let work = move || {
        say();
        drop(said);
    };
    let _ = std::thread::Builder::new().name("last words".to_owned()).spawn(work);
    let _ = heard.recv_timeout(LAST_WORDS);
}

/// Refuses a filter that cannot be read.
pub fn check(filter: &str) -> Result<(), ConfigError> {
    read(filter).map(drop)
}

/// Libraries that tell of themselves at `info` what tells nothing of zoomd. A filter
/// that names one of them has the last word.
const QUIET: &str = "apalis=warn,apalis_core=warn,apalis_cron=warn";

fn read(filter: &str) -> Result<EnvFilter, ConfigError> {
    EnvFilter::try_new(filter)
        .and_then(|_| EnvFilter::try_new(format!("{QUIET},{filter}")))
        .map_err(|error| {
            ConfigError::new(format!("log: \"{filter}\" is not a filter: {error}"))
                .hint("a level such as info or debug, or info,zoomd_workers=debug")
        })
}
