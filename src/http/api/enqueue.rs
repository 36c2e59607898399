//! `POST /jobs`: one job, or many as NDJSON.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::sync::broadcast::error::RecvError;
use zoomd_wire::{FailureCode, MAX_JOB, Warning};

use super::answer::{Answer, ok, with};
use super::params::{self, Params};
use super::{AtWork, Backend, Problem};
use crate::actor::Actor;
use crate::acts::{Accepted, Taken, Via};
use crate::config::units;
use crate::error::CliError;
use crate::http::carry;
use crate::http::live::Bunch;
use crate::queries::outcomes;
use zoomd_store::streams::Stream;

/// Bytes of one request with many jobs.
const MOST_BYTES: usize = 16 << 20;
/// Jobs of one request.
const MOST_JOBS: usize = 10_000;
/// The longest wait for a result.
const LONGEST: Duration = Duration::from_secs(60);
/// Pause between two searches for the result of a job that has run before.
const LOOK: Duration = Duration::from_secs(1);
/// Pause before the first such search.
const FIRST_LOOK: Duration = Duration::from_millis(100);

/// The query of `POST /jobs`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    wait: Option<String>,
}

/// One job that is in the stream.
#[derive(Serialize)]
struct Receipt<'a> {
    id: &'a str,
    job_id: &'a str,
    entry_id: &'a str,
    status: &'static str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    warnings: &'a [Warning],
}

/// One line of many.
#[derive(Serialize)]
struct Line<'a> {
    line: usize,
    id: Option<&'a str>,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    entry_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
}

/// Takes one job or many.
pub async fn create(
    State(backend): State<Arc<Backend>>,
    Extension(actor): Extension<Actor>,
    Extension(place): Extension<AtWork>,
    Extension(client): Extension<carry::Client>,
    Params(query): Params<Query>,
    request: Request,
) -> Answer {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.unwrap_or_default().to_ascii_lowercase();
    let says_many = kind.contains("ndjson") || kind.contains("jsonl");
    let wait = query.wait.as_deref().map(wait_of).transpose()?;
    let body = params::read(request, MOST_BYTES).await?;
    let text = std::str::from_utf8(&body)
        .map_err(|_| invalid("job", "the body is not UTF-8".to_owned()))?;
    if says_many || is_many(text) {
        if wait.is_some() {
            return Err(Problem::bad_request("wait is for one job").field("wait"));
        }
        return many(&backend, actor, text).await;
    }
    let Some(wait) = wait else { return one(&backend, actor, text, None).await };
    let _waiting = backend.waiters.try_acquire().map_err(|_| too_many())?;
    one(&backend, actor, text, Some(Wait { time: wait, place, client })).await
}

/// The wait for a result: how long, and who waits.
struct Wait {
    time: Duration,
    place: AtWork,
    client: carry::Client,
}

fn too_many() -> Problem {
    let text = "the maximum number of requests wait for results";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too_many_waiting", text).retry_after(1)
}

/// True if the text is no JSON document, but its lines are.
fn is_many(text: &str) -> bool {
    let is_json = |text: &str| serde_json::from_str::<&RawValue>(text).is_ok();
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let (first, second) = (lines.next(), lines.next());
    second.is_some() && first.is_some_and(is_json) && !is_json(text)
}

fn wait_of(text: &str) -> Result<Duration, Problem> {
    let wait = units::time(text).filter(|wait| *wait <= LONGEST);
    let text = format!("wait must be a time like 10s, {} s at most", LONGEST.as_secs());
    wait.ok_or_else(|| Problem::bad_request(text).field("wait"))
}

fn invalid(field: &str, message: String) -> Problem {
    let code = FailureCode::InvalidJob.as_str();
    Problem::new(StatusCode::BAD_REQUEST, code, message).field(field)
}

async fn many(backend: &Arc<Backend>, actor: Actor, text: &str) -> Answer {
    let lines = text.lines().map(str::trim).enumerate().filter(|(_, line)| !line.is_empty());
    let lines: Vec<_> = lines.map(|(at, line)| (at + 1, line)).collect();
    if lines.len() > MOST_JOBS {
        let text = format!("{} jobs in one request; it may have {MOST_JOBS}", lines.len());
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", text));
    }
    let texts: Vec<&str> = lines.iter().map(|(_, line)| *line).collect();
    let taken = backend.hand(actor, Via::Api).enqueue(&backend.config, &texts).await?;
    let mut body = Vec::new();
    for ((line, _), taken) in lines.iter().zip(&taken) {
        let status = taken.as_str();
        let empty = Line {
            line: *line,
            id: None,
            status,
            entry_id: None,
            code: None,
            field: None,
            message: None,
        };
        let said = match taken {
            Taken::Accepted(Accepted { id, entry, .. }) => {
                Line { id: Some(id), entry_id: Some(entry), ..empty }
            }
            Taken::Refused { code, field, message } => {
                Line { code: Some(code), field: Some(field), message: Some(message), ..empty }
            }
        };
        serde_json::to_writer(&mut body, &said).unwrap_or_default();
        body.push(b'\n');
    }
    Ok(super::answer::lines(body))
}

async fn one(backend: &Arc<Backend>, actor: Actor, text: &str, wait: Option<Wait>) -> Answer {
    if text.len() > MAX_JOB {
        let text = format!("the job has {} bytes; it may have {MAX_JOB}", text.len());
        return Err(invalid("job", text));
    }
    // Followed before the job is there, so that no result is missed.
    let follow = match &wait {
        Some(_) => Some(backend.live.follow().await.ok_or_else(not_followed)?.0),
        None => None,
    };
    let hand = backend.hand(actor, Via::Api);
    let taken = hand.enqueue(&backend.config, &[text]).await?.pop();
    let accepted = match taken {
        Some(Taken::Accepted(accepted)) => accepted,
        Some(Taken::Refused { code, field, message })
            if code == FailureCode::InvalidJob.as_str() =>
        {
            return Err(invalid(&field, message));
        }
        Some(Taken::Refused { message, .. }) => return Err(conflict(message)),
        None => return Err(Problem::bad_request("there is no job in the body")),
    };
    if let Some((wait, follow)) = wait.zip(follow)
        && let Some(mut outcome) = waited(backend, &accepted, follow, wait).await?
    {
        outcomes::hide_in(&mut outcome);
        if outcome["code"] == FailureCode::IdConflict.as_str()
            && outcome["entry_id"] == accepted.entry.as_str()
        {
            let said = outcome["message"].as_str().unwrap_or("another job has this id");
            return Err(conflict(said.to_owned()));
        }
        return Ok(ok(&outcome));
    }
    let status = if accepted.repeated { "repeated" } else { "accepted" };
    let (id, warnings) = (accepted.id.as_str(), accepted.warnings.as_slice());
    let receipt = Receipt { id, job_id: id, entry_id: &accepted.entry, status, warnings };
    Ok(with(StatusCode::ACCEPTED, &receipt))
}

fn conflict(message: String) -> Problem {
    let code = FailureCode::IdConflict.as_str();
    Problem::new(StatusCode::CONFLICT, code, message).field("id")
}

fn not_followed() -> Problem {
    CliError::unreachable("results cannot be followed now").into()
}

/// The outcome of a job, if it comes while its client waits.
async fn waited(
    backend: &Arc<Backend>,
    job: &Accepted,
    follow: tokio::sync::broadcast::Receiver<Arc<Bunch>>,
    Wait { time, place, mut client }: Wait,
) -> Result<Option<Value>, Problem> {
    place.leave();
    tokio::select! {
        outcome = outcome(backend, job, follow, time) => outcome,
        () = client.left() => Ok(None),
    }
}

/// The result or failure of a job, if it comes in time. One that repeats another has that
/// one's.
async fn outcome(
    backend: &Arc<Backend>,
    job: &Accepted,
    mut follow: tokio::sync::broadcast::Receiver<Arc<Bunch>>,
    wait: Duration,
) -> Result<Option<Value>, Problem> {
    let end = tokio::time::Instant::now() + wait;
    let mut look = tokio::time::Instant::now() + FIRST_LOOK;
    loop {
        let until = look.min(end);
        match tokio::time::timeout_at(until, follow.recv()).await {
            Ok(Ok(bunch)) => {
                if let Some(outcome) = among(&bunch, job) {
                    return Ok(Some(outcome));
                }
            }
            Ok(Err(RecvError::Lagged(_))) => look = tokio::time::Instant::now(),
            Ok(Err(RecvError::Closed)) => return Ok(None),
            Err(_) if until == end => return Ok(None),
            Err(_) => {
                look = tokio::time::Instant::now() + LOOK;
                let found = backend.ops().job_near(&job.id, Some(&job.entry)).await;
                let over = found.ok().flatten().filter(|view| view.state.is_over());
                let json = over.and_then(|view| view.outcome);
                if let Some(outcome) = json.and_then(|json| serde_json::from_str(&json).ok()) {
                    return Ok(Some(outcome));
                }
            }
        }
    }
}

/// The outcome of this job in what came at once.
fn among(bunch: &Bunch, job: &Accepted) -> Option<Value> {
    bunch.items.iter().find_map(|item| {
        let field = match item.stream {
            Stream::Results => "result",
            Stream::Failures => "failure",
            _ => return None,
        };
        let id = item.field("job_id");
        // One with another job's id fails under its entry's.
        let ours = id == job.id || id == job.entry;
        ours.then(|| serde_json::from_str(item.field(field)).ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_jobs_are_told_from_one_by_their_lines() {
        for (text, many) in [
            ("{\"a\":1}", false),
            ("{\n\"a\": 1\n}", false),
            ("{\"a\":1}\n{\"a\":2}\n", true),
            ("{\"a\":1}\n\nnot json", true),
            ("not json\n{\"a\":1}", false),
            ("", false),
        ] {
            assert_eq!(is_many(text), many, "{text}");
        }
    }
}
