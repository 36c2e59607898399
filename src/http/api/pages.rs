//! `GET /results`, `/failures`, `/events`, `/audit`: pages of streams.

use std::sync::Arc;

use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use zoomd_store::audit;
use zoomd_store::streams::{self, Stream};
use zoomd_wire::EntryId;

use super::answer::{Answer, Page, ok};
use super::params::{Params, limit};
use super::{Backend, Problem};
use crate::queries::outcomes;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PageQuery {
    after: Option<String>,
    limit: Option<usize>,
}

impl PageQuery {
    fn place(&self) -> Result<Option<EntryId>, Problem> {
        let place = self.after.as_deref().map(str::parse::<EntryId>).transpose();
        place.map_err(|error| Problem::bad_request(format!("after: {error}")).field("after"))
    }
}

/// A page of a stream, oldest first.
#[derive(Serialize)]
struct Entries {
    items: Vec<Value>,
    /// Value of `after` for the next page; `null` at the end.
    next: Option<String>,
    /// The last entry that was read: the value of `after` for a later request.
    last: Option<String>,
}

pub async fn results(state: State<Arc<Backend>>, query: Params<PageQuery>) -> Answer {
    page(&state, &query.0, Stream::Results).await
}

pub async fn failures(state: State<Arc<Backend>>, query: Params<PageQuery>) -> Answer {
    page(&state, &query.0, Stream::Failures).await
}

pub async fn events(state: State<Arc<Backend>>, query: Params<PageQuery>) -> Answer {
    page(&state, &query.0, Stream::Events).await
}

async fn page(backend: &Backend, query: &PageQuery, stream: Stream) -> Answer {
    let (after, most) = (query.place()?, limit(query.limit)?);
    let found = streams::page(backend.store(), stream, after, most).await?;
    let last = found.last().map(|item| item.id.clone()).or_else(|| query.after.clone());
    let next = last.clone().filter(|_| found.len() == most);
    Ok(ok(&Entries { items: found.iter().map(outcomes::entry).collect(), next, last }))
}

/// An act as the audit shows it.
#[derive(Serialize)]
struct Act {
    id: String,
    at: Timestamp,
    who: String,
    via: String,
    what: String,
    of: String,
    reason: String,
    outcome: String,
}

/// Acts with who did them, newest first.
pub async fn audit(
    State(backend): State<Arc<Backend>>,
    Params(query): Params<PageQuery>,
) -> Answer {
    let most = limit(query.limit)?;
    let found = audit::page(backend.store(), query.place()?, most).await?;
    let next = found.last().filter(|_| found.len() == most).map(|entry| entry.id.to_string());
    let act = |audit::Entry { id, act }| Act {
        id: id.to_string(),
        at: id.time(),
        who: act.who,
        via: act.via,
        what: act.what,
        of: act.of,
        reason: act.reason,
        outcome: act.outcome,
    };
    Ok(ok(&Page { items: found.into_iter().map(act).collect(), next }))
}
