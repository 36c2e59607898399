//! Failures, grouped by their code with what to do about each, and the newest of them.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;
use zoomd_store::inspect::{FailureFilter, FailureLine, Ops};
use zoomd_wire::FailureCode;

use super::Console;
use super::answer::{Made, Refused};
use super::asked::Asked;
use super::shell::{Shell, Tab};
use super::show::{Marked, Moment, number, sentence, words};
use crate::views::failure::View;

/// Failures shown.
const ROWS: usize = 100;
/// Pages of the index that are read to count; a page has 200.
const PAGES: usize = 10;

#[derive(Debug, Default, Deserialize)]
pub(super) struct Filter {
    #[serde(default)]
    code: String,
    #[serde(default)]
    account: String,
}

#[derive(Template)]
#[template(path = "failures.html")]
struct Page {
    shell: Shell,
    filter: Filter,
    all: String,
    day: String,
    groups: Vec<Group>,
    /// Meaning and remedy of the filter's code.
    about: Option<(Marked, Marked)>,
    rows: Vec<Row>,
    counted: String,
    more: bool,
}

/// Failures of one code.
struct Group {
    code: String,
    name: String,
    count: String,
    newest: Moment,
    mend: Marked,
    here: bool,
}

struct Row {
    job_id: String,
    account: String,
    code: String,
    message: String,
    at: Option<Moment>,
    run: u32,
}

fn row(line: &FailureLine) -> Row {
    let view = View::of(line);
    Row {
        job_id: view.job_id,
        account: view.account,
        code: words(&view.code),
        message: sentence(&view.message),
        at: view.failed_at.map(Moment::of),
        run: view.run,
    }
}

/// The newest failures, as far as they are counted, and true if there are more.
async fn newest(ops: &Ops, account: Option<String>) -> Result<(Vec<FailureLine>, bool), Refused> {
    let filter = FailureFilter { account, ..FailureFilter::default() };
    let (mut lines, mut from) = (Vec::new(), None);
    for _ in 0..PAGES {
        let (page, next) = ops.failures(&filter, from.as_ref()).await?;
        lines.extend(page);
        from = next;
        if from.is_none() {
            return Ok((lines, false));
        }
    }
    Ok((lines, true))
}

fn groups(lines: &[FailureLine], here: &str) -> Vec<Group> {
    let mut found: BTreeMap<&str, (u64, i64)> = BTreeMap::new();
    for line in lines {
        let (count, newest) = found.entry(&line.code).or_default();
        *count += 1;
        *newest = line.failed_ms.max(*newest);
    }
    let mut found: Vec<_> = found.into_iter().collect();
    found.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
    let group = |(code, (count, newest)): (&str, (u64, i64))| {
        let newest = jiff::Timestamp::from_millisecond(newest).unwrap_or_default();
        Group {
            code: code.to_owned(),
            name: sentence(&words(code)),
            count: number(count),
            newest: Moment::of(newest),
            mend: Marked(code.parse().map(FailureCode::mend).unwrap_or_default()),
            here: code == here,
        }
    };
    found.into_iter().map(group).collect()
}

async fn list(ops: &Ops, shell: Shell, filter: Filter) -> Made {
    let (all, day) = ops.failure_counts().await?;
    let account = filter.account.trim();
    let (lines, more) = newest(ops, (!account.is_empty()).then(|| account.to_owned())).await?;
    let code: Option<FailureCode> = filter.code.parse().ok();
    let wanted = |line: &&FailureLine| code.is_none_or(|code| line.code == code.as_str());
    let page = Page {
        shell,
        all: number(all),
        day: number(day),
        groups: groups(&lines, code.map_or("", FailureCode::as_str)),
        about: code.map(|code| (Marked(code.meaning()), Marked(code.mend()))),
        rows: lines.iter().filter(wanted).take(ROWS).map(row).collect(),
        counted: number(lines.len() as u64),
        filter,
        more,
    };
    Ok(page.render()?)
}

/// Shows the failures.
pub(super) async fn show(
    State(console): State<Console>,
    Query(filter): Query<Filter>,
    asked: Asked,
) -> Response {
    let ops = console.ops().clone();
    console
        .answer(asked, Tab::Failures, "Failures", async move |shell| {
            list(&ops, shell, filter).await
        })
        .await
}
