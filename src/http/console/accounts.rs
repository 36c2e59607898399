//! The list of accounts, page by page in the order of their names.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use jiff::Timestamp;
use serde::Deserialize;
use zoomd_store::grants::{AccountState, AccountSummary};

use super::Console;
use super::answer::Made;
use super::asked::Asked;
use super::shell::{Shell, Tab};
use super::show::{Moment, number, words};
use crate::queries::accounts::{Wanted, page};
use crate::views::account::View;

/// Accounts of one page.
const ROWS: usize = 100;
/// Accounts read for one page, where few are wanted.
const READS: usize = 5_000;

#[derive(Debug, Default, Deserialize)]
pub(super) struct Filter {
    #[serde(default)]
    state: String,
    after: Option<String>,
}

#[derive(Template)]
#[template(path = "accounts.html")]
struct Page {
    shell: Shell,
    tabs: Vec<(String, &'static str, bool)>,
    rows: Vec<Row>,
    next: Option<String>,
    /// True where connect links lead somewhere.
    links: bool,
}

struct Row {
    name: String,
    state: &'static str,
    chip: &'static str,
    why: String,
    plan: &'static str,
    waiting: String,
    token: Option<Moment>,
    expired: bool,
    missing: Vec<&'static str>,
}

/// The state as people see it: a pause is one.
pub(super) fn state_of(view: &View<'_>) -> &'static str {
    if view.paused.is_some() && view.state == AccountState::Active.as_str() {
        return "paused";
    }
    view.state
}

fn row(summary: &AccountSummary) -> Row {
    let view = View::of(summary);
    let state = state_of(&view);
    let why = view.paused.or(view.why).unwrap_or_default();
    Row {
        name: view.account.to_owned(),
        state,
        chip: state,
        why: words(why),
        plan: view.plan,
        waiting: number(view.waiting),
        expired: view.access_expires_at.is_some_and(|at| at <= Timestamp::now()),
        token: view.access_expires_at.map(Moment::of),
        missing: view.missing_scopes.all().collect(),
    }
}

/// The states of the filter, with their addresses.
fn tabs(here: &str) -> Vec<(String, &'static str, bool)> {
    let states = ["", "active", "needs_reauth", "superseded", "wrong_app", "removed"];
    let names = ["all", "active", "needs authorization", "superseded", "wrong app", "removed"];
    let tab = |(state, name): (&str, &'static str)| {
        let address = match state {
            "" => "/accounts".to_owned(),
            state => format!("/accounts?state={state}"),
        };
        (address, name, state == here)
    };
    states.into_iter().zip(names).map(tab).collect()
}

async fn list(console: &Console, shell: Shell, filter: Filter) -> Made {
    let state: Option<AccountState> = filter.state.parse().ok();
    let wanted = Wanted { state, all: false };
    let found = page(console.grants(), &wanted, filter.after, ROWS, READS).await?;
    let here = state.map_or("", AccountState::as_str);
    let next = found.next.map(|after| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        if !here.is_empty() {
            query.append_pair("state", here);
        }
        format!("/accounts?{}", query.append_pair("after", &after).finish())
    });
    let rows = found.accounts.iter().map(row).collect();
    let links = console.0.config.public.url.is_some();
    Ok(Page { shell, tabs: tabs(here), rows, next, links }.render()?)
}

/// Shows the list.
pub(super) async fn show(
    State(console): State<Console>,
    Query(filter): Query<Filter>,
    asked: Asked,
) -> Response {
    console.list(asked, (Tab::Accounts, "Accounts"), filter, list).await
}
