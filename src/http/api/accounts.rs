//! `GET /accounts` and `/accounts/{account}`.

use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;
use zoomd_store::grants::AccountState;

use super::Backend;
use super::Problem;
use super::answer::{Answer, Page, ok};
use super::params::{Account, Params, limit};
use crate::error::CliError;
use crate::queries::accounts::{self, Wanted};
use crate::views::account::View;

/// Accounts that are read for one page.
const READS: usize = 2_000;

/// The query of `GET /accounts`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    state: Option<String>,
    #[serde(default)]
    all: bool,
    after: Option<String>,
    limit: Option<usize>,
}

/// Accounts in the order of their names.
pub async fn list(State(backend): State<Arc<Backend>>, query: Params<ListQuery>) -> Answer {
    let Params(ListQuery { state, all, after, limit: asked }) = query;
    let state = state.map(|word| word.parse::<AccountState>()).transpose();
    let state = state.map_err(|error| Problem::bad_request(error).field("state"))?;
    let wanted = Wanted { state, all };
    let page = accounts::page(backend.grants(), &wanted, after, limit(asked)?, READS).await?;
    let items: Vec<_> = page.accounts.iter().map(View::of).collect();
    Ok(ok(&Page { items, next: page.next }))
}

/// One account with its grant.
pub async fn show(State(backend): State<Arc<Backend>>, Account(name): Account) -> Answer {
    let found = accounts::one(backend.grants(), &name).await?;
    let found = found.ok_or_else(|| CliError::not_found(format!("there is no account {name}")))?;
    Ok(ok(&View::of(&found.summary).with(found.grant.as_ref(), found.now_ms)))
}
