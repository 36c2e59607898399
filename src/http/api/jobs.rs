//! `GET /jobs`, `GET` and `DELETE /jobs/{id}`.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use zoomd_store::admin::Cancelled;
use zoomd_store::inspect::{BLIND_LOOK, JobQuery, State as JobState};

use super::answer::{Answer, Page, ok, with};
use super::params::{Because, Body, Named, Params, limit, reason};
use super::{Backend, Problem};
use crate::actor::Actor;
use crate::acts::Via;
use crate::error::CliError;
use crate::queries::{jobs, outcomes};
use crate::views::job::View;

/// The query of `GET /jobs`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    account: Option<String>,
    state: Option<String>,
    kind: Option<String>,
    user: Option<String>,
    q: Option<String>,
    cursor: Option<String>,
    limit: Option<usize>,
}

/// Jobs that match.
pub async fn list(State(backend): State<Arc<Backend>>, query: Params<ListQuery>) -> Answer {
    let Params(ListQuery { account, state, kind, user, q, cursor, limit: asked }) = query;
    let unknown = |field: &str, known: String| {
        Problem::bad_request(format!("{field} must be one of {known}")).field(field)
    };
    let state = match state {
        None => None,
        Some(word) => Some(
            JobState::ALL
                .into_iter()
                .find(|s| s.as_str() == word)
                .ok_or_else(|| unknown("state", JobState::ALL.map(JobState::as_str).join(", ")))?,
        ),
    };
    if let Some(word) = &kind {
        word.parse::<zoomd_wire::Kind>().map_err(|_| {
            let all: Vec<_> = zoomd_wire::Kind::ALL.iter().map(|kind| kind.as_str()).collect();
            unknown("kind", all.join(", "))
        })?;
    }
    let from = cursor.map(|text| text.parse()).transpose();
    let from = from.map_err(|()| Problem::bad_request("no such cursor").field("cursor"))?;
    let query = JobQuery { account, state, kind, user, text: None };
    let page = jobs::search(backend.ops(), query, q.as_deref(), from, limit(asked)?).await?;
    let items: Vec<_> = page.jobs.iter().map(|job| View::of(job, false)).collect();
    Ok(ok(&Page { items, next: page.next.map(|place| place.to_string()) }))
}

/// One job with its story.
pub async fn show(State(backend): State<Arc<Backend>>, Named(id): Named<String>) -> Answer {
    let view = jobs::one(backend.ops(), &id).await?.ok_or_else(|| missing(&id))?;
    let mut shown = serde_json::to_value(View::of(&view, true)).unwrap_or_default();
    if let Some(outcome) = shown.get_mut("outcome") {
        outcomes::hide_in(outcome);
    }
    if view.outcome.is_none() {
        shown.as_object_mut().map(|fields| fields.remove("outcome"));
    }
    Ok(ok(&shown))
}

fn missing(id: &str) -> Problem {
    let text = format!("no job {id}: it does not wait or run, and has no recent outcome");
    let searched = format!(
        "searched: jobs that wait or run, listed failures, the jobs that wait to be read and the \
         outcomes, at most {BLIND_LOOK} of each; zoomd job show {id} searches further"
    );
    CliError::not_found(text).hint(searched).into()
}

#[derive(Serialize)]
struct Ended<'a> {
    job_id: &'a str,
    result: &'static str,
}

/// Cancels a job that is not in flight.
pub async fn cancel(
    State(backend): State<Arc<Backend>>,
    Extension(actor): Extension<Actor>,
    Named(id): Named<String>,
    Body(because): Body<Because>,
) -> Answer {
    let targets = [id.as_str().into()];
    let hand = backend.hand(actor, Via::Api);
    let found = hand.cancel(&targets, reason(&because.reason)?, |_| ()).await?;
    let cancelled = found.first().copied().unwrap_or(Cancelled::NotFound);
    let ended = Ended { job_id: &id, result: cancelled.as_str() };
    let conflict = |text: &str| Problem::new(StatusCode::CONFLICT, cancelled.as_str(), text);
    match cancelled {
        Cancelled::Done => Ok(ok(&ended)),
        Cancelled::AfterReconcile => Ok(with(StatusCode::ACCEPTED, &ended)),
        Cancelled::NotFound => Err(missing(&id)),
        Cancelled::InFlight => Err(conflict("the job is in flight and cannot be cancelled")
            .hint("its outcome comes in a moment")),
        Cancelled::Over => Err(conflict("the job has its outcome already")),
        _ => Err(conflict("the job moved while it was looked at").retry_after(1)),
    }
}
