//! The audit: acts with actor, object, time, reason and outcome.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;
use zoomd_store::audit::{Entry, page};

use super::Console;
use super::answer::Made;
use super::asked::Asked;
use super::shell::{Shell, Tab};
use super::show::{Moment, sentence, words};

/// Acts of one page.
const ROWS: usize = 100;

/// The place of the page.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Filter {
    before: Option<String>,
}

#[derive(Template)]
#[template(path = "audit.html")]
struct Page {
    shell: Shell,
    rows: Vec<Row>,
    next: Option<String>,
}

struct Row {
    at: Moment,
    who: String,
    via: String,
    what: String,
    of: String,
    reason: String,
    outcome: String,
}

fn row(entry: &Entry) -> Row {
    let act = &entry.act;
    Row {
        at: Moment::of(entry.id.time()),
        who: act.who.clone(),
        via: act.via.clone(),
        what: sentence(&act.what.replace('.', " ")),
        of: act.of.clone(),
        reason: act.reason.clone(),
        outcome: words(&act.outcome),
    }
}

async fn list(console: &Console, shell: Shell, filter: Filter) -> Made {
    let before = filter.before.and_then(|id| id.parse().ok());
    let entries = page(console.ops().store(), before, ROWS + 1).await?;
    let more = entries.len() > ROWS;
    let entries = &entries[..entries.len().min(ROWS)];
    let last = entries.last().filter(|_| more);
    let next = last.map(|entry| format!("/audit?before={}", entry.id));
    Ok(Page { shell, rows: entries.iter().map(row).collect(), next }.render()?)
}

/// Shows the newest acts, or older ones.
pub(super) async fn show(
    State(console): State<Console>,
    Query(filter): Query<Filter>,
    asked: Asked,
) -> Response {
    console.list(asked, (Tab::Audit, "Audit"), filter, list).await
}
