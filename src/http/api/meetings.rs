//! `GET /meetings`: the meetings that zoomd made, from the register. Zoom is not asked.

use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;
use zoomd_store::meetings::{self, Meetings};

use super::answer::{Answer, Page, ok};
use super::params::{Params, limit};
use super::{Backend, Problem};
use crate::views::meeting;

/// The query of `GET /meetings`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    account: Option<String>,
    /// The id of a job, or Zoom's number of a meeting.
    q: Option<String>,
    #[serde(default)]
    past: bool,
    cursor: Option<String>,
    limit: Option<usize>,
}

/// Meetings of an account in the order of their ends, or those of a job or a number.
pub async fn list(State(backend): State<Arc<Backend>>, query: Params<ListQuery>) -> Answer {
    let Params(ListQuery { account, q, past, cursor, limit: asked }) = query;
    let register = Meetings::new(backend.store().clone(), backend.config.meetings.keep);
    if let Some(what) = q {
        let mut items = meeting::find(&register, what.trim()).await?;
        items.retain(|found| account.as_ref().is_none_or(|account| *account == found.account));
        return Ok(ok(&Page { items, next: None }));
    }
    let account = account.ok_or_else(|| {
        Problem::bad_request("name an account, or search with q").field("account")
    })?;
    let query = meetings::ListQuery { past, cursor, limit: limit(asked)? };
    let list = meeting::list(&register, &account, &query).await?;
    Ok(ok(&Page { items: list.meetings, next: list.next }))
}
