//! The register of meetings: those that zoomd made, by account, or one by its job or number.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;
use zoomd_store::meetings::{Known, ListQuery, Meeting, Meetings};
use zoomd_wire::LastEnd;

use super::Console;
use super::answer::{Made, Refused};
use super::asked::Asked;
use super::shell::{Shell, Tab};
use super::show::Moment;

/// Meetings of one page.
const ROWS: usize = 100;

#[derive(Debug, Default, Deserialize)]
pub(super) struct Filter {
    #[serde(default)]
    account: String,
    #[serde(default)]
    of: String,
    #[serde(default)]
    past: String,
    cursor: Option<String>,
}

#[derive(Template)]
#[template(path = "meetings.html")]
struct Page {
    shell: Shell,
    filter: Filter,
    asked: bool,
    rows: Vec<Row>,
    next: Option<String>,
    other: String,
}

struct Row {
    number: u64,
    topic: String,
    account: String,
    host: String,
    job_id: String,
    start: Option<Moment>,
    ends: Option<Moment>,
    series: bool,
    there: bool,
}

fn row(meeting: Meeting<'_>) -> Row {
    let ends = match meeting.ends {
        LastEnd::At(at) => Some(Moment::of(at)),
        LastEnd::Never => None,
    };
    Row {
        number: meeting.number,
        topic: meeting.topic.unwrap_or_default().into_owned(),
        account: meeting.account.into_owned(),
        host: meeting.host.into_owned(),
        job_id: meeting.job_id.into_owned(),
        start: meeting.timing.start.map(Moment::of),
        ends,
        series: meeting.timing.series.is_some(),
        there: meeting.deleted.is_none(),
    }
}

/// The meetings of a job, the newest first, else that of a number.
async fn named(register: &Meetings, word: &str) -> Result<Vec<Meeting<'static>>, Refused> {
    let Known { last, earlier } = register.by_job(word).await?;
    let mut found: Vec<_> = last.into_iter().chain(earlier.into_iter().rev()).collect();
    if let Some(number) = word.parse().ok().filter(|_| found.is_empty()) {
        found = register.by_number(None, number).await?;
    }
    Ok(found)
}

impl Filter {
    fn address(&self, past: bool, cursor: Option<&str>) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("account", self.account.trim());
        if past {
            query.append_pair("past", "yes");
        }
        if let Some(cursor) = cursor {
            query.append_pair("cursor", cursor);
        }
        format!("/meetings?{}", query.finish())
    }
}

async fn list(console: &Console, shell: Shell, filter: Filter) -> Made {
    let register = Meetings::new(console.ops().store().clone(), console.0.config.meetings.keep);
    let (of, account) = (filter.of.trim(), filter.account.trim());
    let past = !filter.past.is_empty();
    let (meetings, cursor) = if !of.is_empty() {
        (named(&register, of).await?, None)
    } else if !account.is_empty() {
        let query = ListQuery { past, cursor: filter.cursor.clone(), limit: ROWS };
        let page = register.list(account, &query).await?;
        (page.meetings, page.next)
    } else {
        (Vec::new(), None)
    };
    let next = cursor.map(|cursor| filter.address(past, Some(&cursor)));
    let other = filter.address(!past, None);
    let asked = !of.is_empty() || !account.is_empty();
    let rows = meetings.into_iter().map(row).collect();
    Ok(Page { shell, filter, asked, rows, next, other }.render()?)
}

/// Shows meetings.
pub(super) async fn show(
    State(console): State<Console>,
    Query(filter): Query<Filter>,
    asked: Asked,
) -> Response {
    console.list(asked, (Tab::Meetings, "Meetings"), filter, list).await
}
