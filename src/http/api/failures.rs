//! `POST /failures/retry`, `/failures/discard`: by ids, or by a filter with a limit.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use zoomd_store::inspect::FailureFilter;
use zoomd_wire::FailureCode;

use super::answer::{Answer, ok};
use super::params::{Body, demanded, reason};
use super::{Backend, Problem};
use crate::actor::Actor;
use crate::acts::{Rules, Via};
use crate::config::units;
use crate::queries::failures;

/// Failures of one request, where it does not say; and at most.
const LIMIT: usize = 1_000;
const MOST: usize = 10_000;

/// The body: which failures, and why.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Pick {
    ids: Option<Vec<String>>,
    filter: Option<Filter>,
    limit: Option<usize>,
    reason: String,
}

/// Conditions on failures.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Filter {
    account: Option<String>,
    code: Option<String>,
    /// Not older than this: `2h`.
    since: Option<String>,
}

impl Filter {
    fn read(&self) -> Result<FailureFilter, Problem> {
        let bad = |field: &str, text: String| Problem::bad_request(text).field(field);
        if let Some(code) = &self.code {
            code.parse::<FailureCode>()
                .map_err(|_| bad("filter.code", format!("there is no failure code {code}")))?;
        }
        let since = self.since.as_deref().map(|text| {
            let text_error = || bad("filter.since", "since must be a time like 2h".to_owned());
            units::time(text).ok_or_else(text_error)
        });
        let since_ms = since.transpose()?.map(|since| {
            let since = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
            Timestamp::now().as_millisecond().saturating_sub(since)
        });
        Ok(FailureFilter { account: self.account.clone(), code: self.code.clone(), since_ms })
    }
}

impl Pick {
    /// The ids, and whether more match.
    async fn ids(&self, backend: &Backend) -> Result<(Vec<String>, bool), Problem> {
        let most = self.limit.unwrap_or(LIMIT);
        if !(1..=MOST).contains(&most) {
            let text = format!("limit must lie between 1 and {MOST}");
            return Err(Problem::bad_request(text).field("limit"));
        }
        match (&self.ids, &self.filter) {
            (Some(ids), None) if ids.len() > MOST => {
                Err(Problem::bad_request(format!("more than {MOST} ids")).field("ids"))
            }
            (Some(ids), None) => Ok((ids.clone(), false)),
            (None, Some(filter)) => Ok(failures::ids(backend.ops(), &filter.read()?, most).await?),
            _ => Err(Problem::bad_request("name ids, or give a filter, but not both").field("ids")),
        }
    }
}

#[derive(Serialize)]
struct Skipped {
    id: String,
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

#[derive(Serialize)]
struct Retried {
    retried: Vec<String>,
    skipped: Vec<Skipped>,
    more: bool,
}

#[derive(Serialize)]
struct Discarded {
    discarded: Vec<String>,
    skipped: Vec<Skipped>,
    more: bool,
}

/// Starts new runs.
pub async fn retry(
    State(backend): State<Arc<Backend>>,
    Extension(actor): Extension<Actor>,
    Body(pick): Body<Pick>,
) -> Answer {
    let why = reason(&pick.reason)?;
    let (ids, more) = pick.ids(&backend).await?;
    let hand = backend.hand(actor, Via::Api);
    let lines = hand.retry(&ids, Rules::of(&backend.config), why, || ()).await?;
    let (started, others): (Vec<_>, Vec<_>) =
        lines.into_iter().partition(|line| line.result == "started");
    let skipped = others.into_iter().map(|line| Skipped {
        id: line.id,
        reason: line.result.to_owned(),
        message: line.why,
    });
    let retried = started.into_iter().map(|line| line.id).collect();
    Ok(ok(&Retried { retried, skipped: skipped.collect(), more }))
}

/// Takes failures off the list.
pub async fn discard(
    State(backend): State<Arc<Backend>>,
    Extension(actor): Extension<Actor>,
    Body(pick): Body<Pick>,
) -> Answer {
    let why = demanded(&pick.reason)?;
    let (ids, more) = pick.ids(&backend).await?;
    let lines = backend.hand(actor, Via::Api).discard(&ids, why).await?;
    let (gone, others): (Vec<_>, Vec<_>) =
        lines.into_iter().partition(|line| line.result == "discarded");
    let skipped = others.into_iter().map(|line| Skipped {
        id: line.id,
        reason: line.result.to_owned(),
        message: None,
    });
    let discarded = gone.into_iter().map(|line| line.id).collect();
    Ok(ok(&Discarded { discarded, skipped: skipped.collect(), more }))
}
