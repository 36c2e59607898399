//! One job: the reason for its wait, the jobs before it and the expected time; its story;
//! the job as it was sent, and its outcome.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use serde_json::Value;
use zoomd_store::inspect::{JobView, Ops, State as JobState};
use zoomd_store::queue::WaitReason;
use zoomd_wire::FailureCode;

use super::Console;
use super::answer::{Made, Refused};
use super::asked::Asked;
use super::jobs::jobs_of;
use super::redact::pretty;
use super::shell::{Shell, Tab};
use super::show::{Marked, Moment, number, segment, sentence, words};
use crate::text::count;
use crate::views::budget::View as Budget;
use crate::views::job::{View, enqueued};
use crate::views::line::{Line, time};
use crate::views::{reason, timeline};

/// Jobs before it that are named.
const AHEAD: u64 = 3;
/// Jobs of the same meeting that are named.
const RELATED: usize = 10;

#[derive(Template)]
#[template(path = "job.html")]
struct Page<'a> {
    shell: Shell,
    view: &'a View<'a>,
    topic: String,
    wait: Option<Wait>,
    outcome: Option<Outcome>,
    steps: Vec<Step<'a>>,
    facts: Vec<(&'static str, Fact)>,
    /// Unfinished jobs of the same meeting, in their order.
    related: Vec<String>,
    /// True where it may still be cancelled.
    cancellable: bool,
    /// The failure of it that is on the list.
    failure: Option<String>,
    sent: Option<String>,
    answered: Option<String>,
}

/// The answer to the question why it does not run.
struct Wait {
    head: String,
    text: String,
    behind: Vec<String>,
    /// The jobs directly before it, the nearest first.
    ahead: Vec<String>,
    /// The jobs of its account that wait, too.
    line: String,
    until: Option<Moment>,
    /// The time of its next attempt, where nobody knows when it will run.
    next_at: Option<Moment>,
    deadline: Option<Moment>,
    next: Option<String>,
    bar: Option<Bar>,
}

/// A limit that it waits for.
struct Bar {
    name: String,
    used: u64,
    most: u64,
    /// Hundredths of the width that are used.
    full: u64,
    resets: Option<Moment>,
}

/// The end of the job.
struct Outcome {
    good: bool,
    head: String,
    text: String,
    fix: Option<Marked>,
    errors: Vec<String>,
    join: Option<String>,
    start: Option<Moment>,
    warnings: Vec<String>,
    /// Further facts: changed fields, the job that carried the call, candidate meetings.
    notes: Vec<String>,
    next: Option<String>,
}

/// A line of the story.
struct Step<'a> {
    tone: &'static str,
    what: &'a str,
    at: Option<Moment>,
    exact: String,
    /// The end of a pause that is not over.
    until: Option<Moment>,
}

/// A value of the table of facts.
enum Fact {
    Text(String),
    Link(String, String),
    At(Moment),
}

fn tone(line: &Line) -> &'static str {
    match (line.kind, line.status, line.code.is_some()) {
        ("result", _, true) => "bad",
        ("result", _, false) => "good",
        ("call", Some(200..=299), _) => "good",
        ("call", _, _) => "warn",
        ("wait", _, _) if line.to.is_none() => "now",
        ("look" | "run", _, _) => "info",
        _ => "idle",
    }
}

fn step(line: &Line) -> Step<'_> {
    Step {
        tone: tone(line),
        what: &line.what,
        at: line.at.map(Moment::of),
        exact: line.at.map(|at| at.strftime("%H:%M:%S%.3f").to_string()).unwrap_or_default(),
        until: line.next_at.filter(|_| line.to.is_none()).map(Moment::of),
    }
}

/// Causes that keep a waiting job from its call, in short sentences.
fn behind(why: WaitReason, view: &JobView) -> Vec<String> {
    let mut said = Vec::new();
    let host = view.host.as_deref().filter(|host| *host != "me");
    let of = host.map_or("this host".to_owned(), |host| format!("host {host}"));
    match view.place.map(|place| place.saturating_sub(1)) {
        Some(0) => said.push(format!("it is the first of {of}")),
        Some(ahead) => said.push(format!("{} of {of} before it", count(ahead, "job"))),
        None => {}
    }
    let account = view.account.as_deref().unwrap_or("its account");
    said.extend(match why {
        WaitReason::NotBefore => Some("its own not_before time".to_owned()),
        WaitReason::Consent => Some(format!("the authorization of {account}")),
        WaitReason::Rotation => Some(format!("a new access token of {account}")),
        WaitReason::HostDay => Some(format!("the daily limit of {of}")),
        WaitReason::LabelDay => Some(format!("the daily limit of calls of {account}")),
        WaitReason::Second => Some(format!("the limit of calls per second of {account}")),
        WaitReason::Limited => Some("a rate limit that Zoom answered with".to_owned()),
        WaitReason::Host => Some(format!("the first create of {of}, which is in flight")),
        WaitReason::InFlight => Some(format!("calls of {account} in flight")),
        WaitReason::Backoff => Some("the pause before the next attempt".to_owned()),
        WaitReason::Reconcile => Some("a search for the meeting at Zoom".to_owned()),
        _ => None,
    });
    let other = view.waits_for.as_ref();
    said.extend(other.map(|id| format!("job {id}, which changes the same meeting")));
    said.extend(view.besides.as_ref().map(|besides| besides.what.clone()));
    said
}

/// The limit that the job waits for.
async fn bar(ops: &Ops, why: WaitReason, view: &JobView) -> Result<Option<Bar>, Refused> {
    let Some(account) = view.account.as_deref() else { return Ok(None) };
    let wanted = |limit: &str| match why {
        WaitReason::HostDay => limit.starts_with("creates of "),
        WaitReason::LabelDay => limit.ends_with(" per day"),
        _ => false,
    };
    if !matches!(why, WaitReason::HostDay | WaitReason::LabelDay) {
        return Ok(None);
    }
    let lines = ops.budget(account).await?.unwrap_or_default();
    let views =
        lines.iter().map(|line| Budget::of(account, line)).filter(|line| wanted(line.limit));
    let share = |line: &Budget<'_>| {
        let used = line.used + line.elsewhere;
        Some((used, line.most.filter(|most| *most > 0)?))
    };
    let named = view.host.as_deref().map(|host| format!("creates of {host}"));
    let fullest = views.max_by_key(|line| {
        let full = share(line).map_or(0, |(used, most)| used * 1_000 / most);
        (named.as_deref() == Some(line.limit), line.waiting > 0, full)
    });
    Ok(fullest.and_then(|line| {
        let (used, most) = share(&line)?;
        let full = (used * 100 / most).min(100);
        let name = sentence(line.limit);
        Some(Bar { name, used, most, full, resets: line.resets_at.map(Moment::of) })
    }))
}

async fn wait(ops: &Ops, view: &JobView) -> Result<Option<Wait>, Refused> {
    let Some(why) = view.why.filter(|_| !view.state.is_over()) else { return Ok(None) };
    let until = view.until_ms.and_then(time);
    let account = view.account.as_deref().unwrap_or_default();
    Ok(Some(Wait {
        head: sentence(reason::phrase(why)),
        text: sentence(&reason::sentence(why, view)),
        behind: behind(why, view),
        ahead: view.waits_for.iter().cloned().chain(ops.ahead(view, AHEAD).await?).collect(),
        line: jobs_of("", account, ""),
        until: until.map(Moment::of),
        next_at: view.next_ms.and_then(time).filter(|_| until.is_none()).map(Moment::of),
        deadline: view.deadline_ms.and_then(time).map(Moment::of),
        next: reason::next(view),
        bar: bar(ops, why, view).await?,
    }))
}

fn notes(outcome: &Value) -> Vec<String> {
    let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let each = |name: &str| outcome[name].as_array().into_iter().flatten();
    let changed: Vec<_> = each("changed").map(word).collect();
    let mut notes = Vec::new();
    notes.extend((!changed.is_empty()).then(|| format!("Changed: {}", changed.join(", "))));
    let carrier = outcome["merged_into"].as_str();
    notes.extend(carrier.map(|id| format!("One call did it together with job {id}")));
    let candidates = each("candidates");
    notes.extend(candidates.map(|one| {
        format!(
            "It may be meeting {} {}",
            word(&one["id"]),
            one["topic"].as_str().unwrap_or_default()
        )
    }));
    notes
}

fn outcome(view: &JobView) -> Option<Outcome> {
    let value: Value = serde_json::from_str(view.outcome.as_deref()?).ok()?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let code: Option<FailureCode> = value["code"].as_str().and_then(|code| code.parse().ok());
    let meeting = &value["meeting"];
    let list = |list: &Value, line: &dyn Fn(&Value) -> String| -> Vec<String> {
        list.as_array().into_iter().flatten().map(line).collect()
    };
    let good = view.state == JobState::Succeeded;
    let head = if good {
        let effect = value["effect"].as_str().map_or("is made".to_owned(), words);
        meeting["id"].as_u64().map_or("Done".to_owned(), |id| format!("Meeting {id} {effect}"))
    } else {
        sentence(&words(value["code"].as_str().unwrap_or("failed")))
    };
    let retry = value["retryable"].as_bool().unwrap_or(false);
    Some(Outcome {
        good,
        head,
        text: if good { text(&meeting["topic"]) } else { sentence(&text(&value["message"])) },
        fix: code.map(|code| Marked(code.mend())),
        errors: list(&value["zoom"]["errors"], &|error| {
            format!("{}: {}", text(&error["field"]), text(&error["message"]))
        }),
        // Only https links may be followed from here.
        join: meeting["join_url"]
            .as_str()
            .filter(|url| url.starts_with("https://"))
            .map(Into::into),
        start: meeting["start_time"].as_str().and_then(|at| at.parse().ok()).map(Moment::of),
        warnings: list(&value["warnings"], &|warning| text(&warning["message"])),
        notes: notes(&value),
        next: (!good && retry).then(|| format!("zoomd failure retry {}", view.id)),
    })
}

fn facts(view: &JobView, shown: &View<'_>) -> Vec<(&'static str, Fact)> {
    let mut facts = Vec::new();
    let mut add = |name, fact: Option<Fact>| facts.extend(fact.map(|fact| (name, fact)));
    let text = |text: Option<&str>| text.map(|text| Fact::Text(text.to_owned()));
    add("Account", view.account.clone().map(|name| Fact::Link(jobs_of("", &name, ""), name)));
    add("Host", text(view.host.as_deref()));
    let target = shown.target.as_ref();
    let of = target.and_then(|target| target.of);
    let job = of.map(|id| Fact::Link(format!("/jobs/{}", segment(id)), id.to_owned()));
    add("Meeting of job", job);
    let meeting = target.and_then(|target| target.meeting_id);
    add("Meeting", meeting.map(|id| Fact::Text(id.to_string())));
    add("Priority", text(shown.priority));
    add("Enqueued", enqueued(view).map(|at| Fact::At(Moment::of(at))));
    let live = !view.state.is_over();
    add("Deadline", shown.deadline.filter(|_| live).map(|at| Fact::At(Moment::of(at))));
    add("Run", (view.run > 1).then(|| Fact::Text(view.run.to_string())));
    let attempts = view.record.attempts;
    add("Attempts", (attempts > 0).then(|| Fact::Text(number(attempts.into()))));
    add(
        "Unresolved",
        view.record.unresolved.then(|| {
            Fact::Text("the last call may have created the meeting; checking with Zoom".to_owned())
        }),
    );
    add("Daemon", text(view.daemon.as_deref()));
    add("Entry", text(view.entry.as_deref()));
    add("Read from", Some(Fact::Text(words(view.source.as_str()))));
    let twins: Vec<String> = view.duplicates.iter().map(ToString::to_string).collect();
    add("Meetings at Zoom", (!twins.is_empty()).then(|| Fact::Text(twins.join(", "))));
    facts
}

async fn page(ops: &Ops, shell: Shell, id: &str) -> Made {
    let found = ops.job(id).await?;
    let missing = || Refused::Missing(format!("There is no job {id}, or it is over for long."));
    let mut job = found.ok_or_else(missing)?;
    ops.add_blocks(&mut job).await?;
    let view = View::of(&job, true);
    let lines = timeline::of(&job);
    let body: Value =
        job.job.as_deref().and_then(|b| serde_json::from_slice(b).ok()).unwrap_or_default();
    let page = Page {
        shell,
        topic: body["meeting"]["topic"].as_str().unwrap_or_default().to_owned(),
        wait: wait(ops, &job).await?,
        outcome: outcome(&job),
        steps: lines.iter().map(step).collect(),
        facts: facts(&job, &view),
        related: ops.related(&job, RELATED).await?,
        cancellable: !job.state.is_over() && job.daemon.is_none(),
        failure: ops.failure(&job.id).await?.map(|failure| failure.line.id),
        sent: job.job.as_deref().map(pretty),
        answered: job.outcome.as_deref().map(|text| pretty(text.as_bytes())),
        view: &view,
    };
    Ok(page.render()?)
}

/// Shows the page of one job.
pub(super) async fn show(
    State(console): State<Console>,
    Path(id): Path<String>,
    asked: Asked,
) -> Response {
    let ops = console.ops().clone();
    let title = id.clone();
    console.answer(asked, Tab::Jobs, &title, async move |shell| page(&ops, shell, &id).await).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_tells_what_changed_and_what_may_be_meant() {
        let outcome = serde_json::json!({
            "changed": ["topic", "duration"], "merged_into": "order-2",
            "candidates": [{"id": 7, "topic": "Sync"}, {"id": "8"}],
        });
        assert_eq!(
            notes(&outcome),
            [
                "Changed: topic, duration",
                "One call did it together with job order-2",
                "It may be meeting 7 Sync",
                "It may be meeting 8 ",
            ]
        );
        assert!(notes(&Value::Null).is_empty());
    }

    #[test]
    fn a_waiting_job_stands_behind_what_holds_it_back() {
        let mut view = JobView::waiting("order-1");
        view.account = Some("acme".to_owned());
        view.host = Some("ada@acme.test".to_owned());
        view.place = Some(31);
        let said = behind(WaitReason::HostDay, &view);
        assert_eq!(
            said,
            ["30 jobs of host ada@acme.test before it", "the daily limit of host ada@acme.test",]
        );
        view.place = Some(1);
        assert_eq!(behind(WaitReason::Consent, &view)[1], "the authorization of acme");
        (view.place, view.host) = (None, None);
        assert_eq!(behind(WaitReason::NotBefore, &view), ["its own not_before time"]);
    }
}
