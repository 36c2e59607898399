//! The list of jobs: those that have no outcome yet in the order in which they are
//! expected to run, or the newest outcomes. The address holds the filter.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use zoomd_store::inspect::{FailureFilter, JobFilter, JobView, Ops, State as JobState};
use zoomd_store::streams::{Stream, latest};

use super::Console;
use super::answer::{Made, Refused, go_to};
use super::asked::Asked;
use super::shell::{Shell, Tab};
use super::show::{Moment, number, segment};
use crate::views::job::enqueued;
use crate::views::line::time;
use crate::views::reason::phrase;

/// Jobs of one page.
const ROWS: usize = 100;
/// The states of the filter: their words are those of the states.
const STATES: [JobState; 7] = JobState::ALL;

/// The filter.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Filter {
    #[serde(default)]
    state: String,
    #[serde(default)]
    account: String,
    #[serde(default)]
    q: String,
}

#[derive(Template)]
#[template(path = "jobs.html")]
struct Page {
    shell: Shell,
    tabs: Vec<StateTab>,
    filter: Filter,
    rows: Vec<Row>,
    more: bool,
    note: Option<String>,
    over: bool,
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
    /// The time at which it goes on, or had its outcome.
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

    /// The same filter with another state.
    fn with(&self, state: &str) -> String {
        let mut pairs = url::form_urlencoded::Serializer::new(String::new());
        if !state.is_empty() {
            pairs.append_pair("state", state);
        }
        if let Some(account) = self.account() {
            pairs.append_pair("account", &account);
        }
        let query = pairs.finish();
        if query.is_empty() { "/jobs".to_owned() } else { format!("/jobs?{query}") }
    }
}

/// The address of the jobs of an account.
pub(super) fn jobs_of(account: &str) -> String {
    let filter = Filter { account: account.to_owned(), ..Filter::default() };
    filter.with("")
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
        reason: job.why.map(phrase).unwrap_or_default().to_owned(),
        at: at.map(Moment::of),
        unknown: at.is_none() && job.why.is_some(),
        came: enqueued(job).map(Moment::of),
    }
}

fn moment(value: &Value) -> Option<Moment> {
    let at: Timestamp = value.as_str()?.parse().ok()?;
    Some(Moment::of(at))
}

/// An outcome.
fn ended(outcome: &Value, state: &'static str) -> Row {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let meeting = &outcome["meeting"];
    let (topic, reason, at) = if state == "succeeded" {
        let made = meeting["id"].as_u64().map(|id| format!("meeting {id}")).unwrap_or_default();
        let effect = outcome["effect"].as_str().map(|effect| effect.replace('_', " "));
        let reason = effect.map_or(made.clone(), |effect| format!("{made} {effect}"));
        (text(&meeting["topic"]), reason, &outcome["finished_at"])
    } else {
        let reason = format!("{}: {}", text(&outcome["code"]), text(&outcome["message"]));
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

/// The rows of a filter, and whether there are more.
async fn rows(ops: &Ops, filter: &Filter) -> Result<(Vec<Row>, bool), Refused> {
    let account = filter.account();
    match filter.state() {
        Some(JobState::Succeeded) => {
            let items = latest(ops.store(), Stream::Results, ROWS + 1).await?;
            let of = items
                .iter()
                .filter(|item| account.as_deref().is_none_or(|a| item.field("account") == a));
            let read = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
            let rows: Vec<_> =
                of.take(ROWS).map(|i| ended(&read(i.field("result")), "succeeded")).collect();
            Ok((rows, items.len() > ROWS))
        }
        Some(JobState::Failed) => {
            let filter = FailureFilter { account, ..FailureFilter::default() };
            let (lines, next) = ops.failures(&filter, None).await?;
            let read = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
            let more = next.is_some() || lines.len() > ROWS;
            let rows = lines.iter().take(ROWS).map(|line| ended(&read(&line.json), "failed"));
            Ok((rows.collect(), more))
        }
        state => {
            let listing = ops.jobs_in_order(&JobFilter { account, state }, ROWS).await?;
            Ok((listing.jobs.iter().map(live).collect(), listing.more))
        }
    }
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
    let (rows, more) = rows(ops, &filter).await?;
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
    let note = (!word.is_empty()).then(|| format!("No job has the id {word}."));
    let over = filter.state().is_some_and(JobState::is_over);
    Ok(Page { shell, tabs, filter, rows, more, note, over }.render()?)
}
