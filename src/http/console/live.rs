//! Live page: the newest results, failures and events, the latest first.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use jiff::Timestamp;
use serde_json::Value;
use zoomd_store::streams::{Item, Stream, latest};
use zoomd_wire::EntryId;

use super::Console;
use super::answer::Made;
use super::asked::Asked;
use super::shell::{Shell, Tab};
use super::show::{Moment, words};

/// Lines shown.
const LINES: usize = 100;

#[derive(Template)]
#[template(path = "live.html")]
struct Page {
    shell: Shell,
    lines: Vec<Line>,
}

/// One thing that happened.
struct Line {
    tone: &'static str,
    word: String,
    job_id: String,
    account: String,
    text: String,
    at: Moment,
}

fn line(item: &Item) -> Option<(EntryId, Line)> {
    let id: EntryId = item.id.parse().ok()?;
    let at = Moment::of(Timestamp::from_millisecond(i64::try_from(id.ms).ok()?).ok()?);
    let read = |field: &str| serde_json::from_str::<Value>(item.field(field)).unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (tone, word, text, job_id) = match item.stream {
        Stream::Results => {
            let result = read("result");
            let meeting = &result["meeting"];
            let made = meeting["id"].as_u64().map(|id| format!("meeting {id}")).unwrap_or_default();
            let effect = result["effect"].as_str().map(words).unwrap_or_default();
            let said = [made, effect, text(&meeting["topic"])];
            ("succeeded", "succeeded".to_owned(), said.join(" "), item.field("job_id").to_owned())
        }
        Stream::Failures => {
            let (code, failure) = (words(item.field("code")), read("failure"));
            let said = format!("{code}: {}", text(&failure["message"]));
            ("failed", "failed".to_owned(), said, item.field("job_id").to_owned())
        }
        Stream::Events => {
            let data = read("data");
            let said = ["reason", "detail", "until"].map(|name| text(&data[name]));
            let said: Vec<_> = said.into_iter().filter(|word| !word.is_empty()).collect();
            let event = item.field("event");
            let tone =
                if event.contains("waiting") || event.contains("needs") { "warn" } else { "info" };
            (tone, event.replace('.', " "), words(&said.join(", ")), text(&data["job_id"]))
        }
        Stream::Jobs => return None,
    };
    let account = item.field("account").to_owned();
    Some((id, Line { tone, word: words(&word), job_id, account, text, at }))
}

async fn page(console: &Console, shell: Shell) -> Made {
    let mut lines = Vec::new();
    for stream in [Stream::Results, Stream::Failures, Stream::Events] {
        let items = latest(console.ops().store(), stream, LINES).await?;
        lines.extend(items.iter().filter_map(line));
    }
    lines.sort_by_key(|(id, _)| std::cmp::Reverse((id.ms, id.seq)));
    let lines = lines.into_iter().take(LINES).map(|(_, line)| line).collect();
    Ok(Page { shell, lines }.render()?)
}

/// Shows the page.
pub(super) async fn show(State(console): State<Console>, asked: Asked) -> Response {
    let of = console.clone();
    console.answer(asked, Tab::Live, "Live", async move |shell| page(&of, shell).await).await
}
