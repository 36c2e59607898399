//! The list of jobs: those that have no outcome yet in the order in which they are
//! expected to run, or the newest outcomes. The address holds the filter.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use zoomd_store::inspect::{JobFilter, JobQuery, JobView, Ops, State as JobState};

use super::Console;
use super::answer::{Made, Refused, go_to};
use super::asked::Asked;
use super::shell::{Shell, Tab};
use super::show::{Moment, number, segment, sentence, words};
use crate::views::job::enqueued;
use crate::views::line::time;
use crate::views::reason::phrase;

/// Jobs of one page.
const ROWS: usize = 100;
/// The states of the filter: their words are those of the states.
const STATES: [JobState; 7] = JobState::ALL;

#[derive(Debug, Default, Deserialize)]
pub(super) struct Filter {
    #[serde(default)]
    state: String,
    #[serde(default)]
    account: String,
    #[serde(default)]
    q: String,
    cursor: Option<String>,
}

#[derive(Template)]
#[template(path = "jobs.html")]
struct Page {
    shell: Shell,
    tabs: Vec<StateTab>,
    filter: Filter,
    rows: Vec<Row>,
    more: bool,
    next: Option<String>,
    note: Option<String>,
    over: bool,
    /// The page that asks whether these jobs are to be cancelled.
    cancel: Option<String>,
}

/// A state of the filter.
struct StateTab {
    name: &'static str,
    address: String,
    count: Option<String>,
    here: bool,
}

/// A job.
struct Row {
    id: String,
    topic: String,
    account: String,
    state: &'static str,
    reason: String,
    /// The time of its next step, or of its outcome.
    at: Option<Moment>,
    unknown: bool,
    came: Option<Moment>,
}

impl Filter {
    fn state(&self) -> Option<JobState> {
        STATES.into_iter().find(|state| state.as_str() == self.state)
    }

    fn account(&self) -> Option<String> {
        let name = self.account.trim();
        (!name.is_empty()).then(|| name.to_owned())
    }

    /// The page that asks whether the jobs of this filter are to be cancelled; `None` for
    /// all jobs, and for jobs that cannot be.
    fn cancel(&self) -> Option<String> {
        let listed = self.address(&self.state, None);
        let (_, query) = listed.split_once('?')?;
        (self.state != JobState::Running.as_str()).then(|| format!("/act?verb=cancel&{query}"))
    }

    /// Copy of the filter with another state.
    fn with(&self, state: &str) -> String {
        self.address(state, None)
    }

    fn address(&self, state: &str, cursor: Option<&str>) -> String {
        let mut pairs = url::form_urlencoded::Serializer::new(String::new());
        if !state.is_empty() {
            pairs.append_pair("state", state);
        }
        if let Some(account) = self.account() {
            pairs.append_pair("account", &account);
        }
        let word = self.q.trim();
        if !word.is_empty() {
            pairs.append_pair("q", word);
        }
        if let Some(cursor) = cursor {
            pairs.append_pair("cursor", cursor);
        }
        let query = pairs.finish();
        if query.is_empty() { "/jobs".to_owned() } else { format!("/jobs?{query}") }
    }
}

/// The address of the jobs in a state, of an account, that match a word; empty: of all.
pub(super) fn jobs_of(state: &str, account: &str, q: &str) -> String {
    let filter = Filter { account: account.to_owned(), q: q.to_owned(), ..Filter::default() };
    filter.with(state)
}

/// The topic of a job's text.
fn topic(job: Option<&[u8]>) -> String {
    let job: Option<Value> = job.and_then(|bytes| serde_json::from_slice(bytes).ok());
    let topic = job.as_ref().and_then(|job| job["meeting"]["topic"].as_str());
    topic.unwrap_or_default().to_owned()
}

fn live(job: &JobView) -> Row {
    let at = job.until_ms.or(job.next_ms).and_then(time);
    Row {
        id: job.id.clone(),
        topic: topic(job.job.as_deref()),
        account: job.account.clone().unwrap_or_default(),
        state: job.state.as_str(),
        reason: sentence(job.why.map(phrase).unwrap_or_default()),
        at: at.map(Moment::of),
        unknown: at.is_none() && job.why.is_some(),
        came: enqueued(job).map(Moment::of),
    }
}

fn moment(value: &Value) -> Option<Moment> {
    let at: Timestamp = value.as_str()?.parse().ok()?;
    Some(Moment::of(at))
}

fn ended(outcome: &Value, state: &'static str) -> Row {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let meeting = &outcome["meeting"];
    let (topic, reason, at) = if state == "succeeded" {
        let made = meeting["id"].as_u64().map(|id| format!("meeting {id}")).unwrap_or_default();
        let effect = outcome["effect"].as_str().map(|effect| effect.replace('_', " "));
        let reason = effect.map_or(made.clone(), |effect| format!("{made} {effect}"));
        (text(&meeting["topic"]), reason, &outcome["finished_at"])
    } else {
        let reason =
            format!("{}: {}", sentence(&words(&text(&outcome["code"]))), text(&outcome["message"]));
        (text(&outcome["job"]["meeting"]["topic"]), reason, &outcome["failed_at"])
    };
    Row {
        id: text(&outcome["job_id"]),
        topic,
        account: text(&outcome["account"]),
        state,
        reason,
        at: moment(at),
        unknown: false,
        came: moment(&outcome["enqueued_at"]),
    }
}

/// A job wherever it is.
fn any(job: &JobView) -> Row {
    let outcome = job.outcome.as_deref().filter(|_| job.state.is_over());
    match outcome.and_then(|json| serde_json::from_str(json).ok()) {
        Some(outcome) => ended(&outcome, job.state.as_str()),
        None => live(job),
    }
}

/// The rows of a page.
struct Found {
    rows: Vec<Row>,
    /// True where there are more that a filter would show.
    more: bool,
    /// The place from which a search continues.
    next: Option<String>,
}

/// The jobs of a filter: unfinished ones in the order in which they are expected to run,
/// others and those of a search as they are found.
async fn find(ops: &Ops, filter: &Filter) -> Result<Found, Refused> {
    let (account, state) = (filter.account(), filter.state());
    let word = filter.q.trim();
    if word.is_empty() && !state.is_some_and(JobState::is_over) {
        let listing = ops.jobs_in_order(&JobFilter { account, state }, ROWS).await?;
        let rows = listing.jobs.iter().map(live).collect();
        return Ok(Found { rows, more: listing.more, next: None });
    }
    let text = (!word.is_empty()).then(|| word.to_owned());
    let query = JobQuery { account, state, text, ..JobQuery::default() };
    let from = filter.cursor.as_deref().and_then(|text| text.parse().ok());
    let page = ops.search_jobs(&query, from, ROWS).await?;
    let next = page.next.map(|place| place.to_string());
    Ok(Found { rows: page.jobs.iter().map(any).collect(), more: false, next })
}

/// Shows the list; a word in the search box that is a job's id leads to the job.
pub(super) async fn show(
    State(console): State<Console>,
    Query(filter): Query<Filter>,
    asked: Asked,
) -> Response {
    let ops = console.ops().clone();
    let word = filter.q.trim().to_owned();
    if !word.is_empty()
        && filter.cursor.is_none()
        && let Ok(Some(found)) = ops.job(&word).await
    {
        return go_to(&format!("/jobs/{}", segment(&found.id))).into_response();
    }
    console
        .answer(asked, Tab::Jobs, "Jobs", async move |shell| list(&ops, shell, filter, &word).await)
        .await
}

async fn list(ops: &Ops, shell: Shell, filter: Filter, word: &str) -> Made {
    let status = ops.status().await?;
    let Found { rows, more, next } = find(ops, &filter).await?;
    let next = next.map(|place| filter.address(&filter.state, Some(&place)));
    let live = status.queued + status.running + status.waiting + status.sleeping;
    let count = |state: Option<JobState>| {
        Some(number(match state {
            None => live,
            Some(JobState::Queued) => status.queued,
            Some(JobState::Running) => status.running,
            Some(JobState::Waiting) => status.waiting,
            Some(JobState::Sleeping) => status.sleeping,
            Some(JobState::Succeeded) => status.ended.0,
            Some(JobState::Failed) => status.failures.0,
            Some(_) => return None,
        }))
    };
    let tab = |state: Option<JobState>| StateTab {
        name: state.map_or("unfinished", JobState::as_str),
        address: filter.with(state.map_or("", JobState::as_str)),
        count: count(state),
        here: filter.state() == state,
    };
    let tabs = std::iter::once(None).chain(STATES.into_iter().map(Some)).map(tab).collect();
    let note = (!word.is_empty()).then(|| match filter.account() {
        Some(account) => {
            format!("Jobs of {account} whose host is {word} or whose topic begins so.")
        }
        None => format!("No job has the id {word}. These have it as their host."),
    });
    let over = filter.state().is_some_and(JobState::is_over);
    let cancel = filter.cancel().filter(|_| shell.may_cancel() && !over && !rows.is_empty());
    Ok(Page { shell, tabs, filter, rows, more, next, note, over, cancel }.render()?)
}
