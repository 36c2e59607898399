//! `GET /status`, `/daemons`, `/budget`.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::Backend;
use super::Problem;
use super::answer::{Answer, Page, ok};
use super::params::{Params, limit};
use crate::error::CliError;
use crate::queries::budget::Walk;
use crate::views;
use crate::views::status::{Numbers, View};

/// The verdict and the numbers.
pub async fn status(State(backend): State<Arc<Backend>>) -> Answer {
    let look = backend.look().await?;
    Ok(ok(&View {
        namespace: &backend.config.namespace,
        judgement: &look.judgement,
        numbers: look.numbers.as_ref().map(Numbers::of),
    }))
}

#[derive(Serialize)]
struct Daemons<'a> {
    daemons: Vec<views::status::Daemon<'a>>,
}

/// Daemons heard of lately.
pub async fn daemons(State(backend): State<Arc<Backend>>) -> Answer {
    let look = backend.look().await?;
    let numbers = look.numbers.as_ref().map(Numbers::of).ok_or_else(redis_away)?;
    Ok(ok(&Daemons { daemons: numbers.daemons }))
}

fn redis_away() -> Problem {
    CliError::unreachable("Redis could not be asked").hint("GET /api/v1/status says more").into()
}

/// The query of `GET /budget`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BudgetQuery {
    account: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
}

/// Limits: those of one account, or those of all accounts that are in use or closed.
pub async fn budget(State(backend): State<Arc<Backend>>, query: Params<BudgetQuery>) -> Answer {
    let Params(BudgetQuery { account, after, limit: asked }) = query;
    let (lines, next) = match account {
        Some(account) => {
            let lines = backend.ops().budget(&account).await?.ok_or_else(|| {
                CliError::not_found(format!("no account named {account}")).code("unknown_account")
            })?;
            (lines.into_iter().map(|line| (account.clone(), line)).collect(), None)
        }
        None => {
            let mut walk = Walk::after(after);
            let lines = walk.next(backend.ops(), limit(asked)?).await?;
            (lines, walk.place().map(str::to_owned))
        }
    };
    let items: Vec<_> =
        lines.iter().map(|(account, line)| views::budget::View::of(account, line)).collect();
    Ok(ok(&Page { items, next }))
}
