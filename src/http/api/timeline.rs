//! `GET /timeline`: counts over time.

use std::sync::Arc;

use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use zoomd_store::inspect::Window;

use super::answer::{Answer, ok};
use super::params::Params;
use super::{Backend, Problem};

/// The query of `GET /timeline`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimelineQuery {
    window: Option<String>,
}

#[derive(Serialize)]
struct Timeline {
    window: &'static str,
    step_s: i64,
    points: Vec<Point>,
}

#[derive(Serialize)]
struct Point {
    at: Option<Timestamp>,
    succeeded: u64,
    failed: u64,
    waiting: u64,
}

/// Jobs that ended, by minute of the last hour or by hour of the last week.
pub async fn timeline(
    State(backend): State<Arc<Backend>>,
    Params(query): Params<TimelineQuery>,
) -> Answer {
    let (name, window) = match query.window.as_deref() {
        None | Some("1h") => ("1h", Window::Hour),
        Some("7d" | "1w") => ("7d", Window::Week),
        Some(_) => return Err(Problem::bad_request("window must be 1h or 7d").field("window")),
    };
    let points = backend.ops().history(window).await?.into_iter().map(|point| Point {
        at: Timestamp::from_millisecond(point.at_ms).ok(),
        succeeded: point.succeeded,
        failed: point.failed,
        waiting: point.waiting,
    });
    let (step_s, points) = (window.step_ms() / 1_000, points.collect());
    Ok(ok(&Timeline { window: name, step_s, points }))
}
