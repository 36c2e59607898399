//! One account: its state, the history of its grant, the rest of its limits at Zoom, and
//! its waiting jobs.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use jiff::Timestamp;
use zoom_api::scopes;
use zoomd_store::grants::Line as GrantLine;
use zoomd_store::inspect::{JobFilter, JobLine};
use zoomd_wire::AccountName;

use super::Console;
use super::accounts::state_of;
use super::answer::{Made, Refused};
use super::asked::Asked;
use super::jobs::jobs_of;
use super::limits::{Bar, bar};
use super::shell::{Shell, Tab};
use super::show::{Moment, number, sentence, words};
use crate::queries::accounts::{Account, one};
use crate::views::account::{View, timestamp};
use crate::views::budget::View as Budget;
use crate::views::line::time;
use crate::views::reason::phrase;

/// Lines of the story.
const LINES: usize = 50;
/// Jobs shown.
const JOBS: usize = 10;
/// Limits shown.
const BARS: usize = 12;

#[derive(Template)]
#[template(path = "account.html")]
struct Page<'a> {
    shell: Shell,
    view: &'a View<'a>,
    state: &'static str,
    stop: Option<Stop>,
    facts: Vec<(&'static str, String)>,
    token: Option<Moment>,
    expired: bool,
    renewed: Option<Moment>,
    issued: Option<Moment>,
    /// The time from which a call gets a new token first; `None` if that is now.
    next_refresh: Option<Moment>,
    /// True where connect links lead somewhere.
    links: bool,
    connected: Option<Moment>,
    scopes: Vec<&'a str>,
    missing: Vec<&'static str>,
    story: Vec<Told>,
    bars: Vec<Bar>,
    jobs: Vec<Job>,
    all_jobs: String,
    waiting: String,
}

/// Reason why the account cannot work.
struct Stop {
    head: &'static str,
    text: String,
    next: String,
}

/// A line of the story of its grant.
struct Told {
    tone: &'static str,
    what: String,
    at: Option<Moment>,
}

struct Job {
    id: String,
    state: &'static str,
    reason: String,
    until: Option<Moment>,
}

fn stop(view: &View<'_>, state: &str) -> Option<Stop> {
    let name = view.account;
    let text = sentence(&words(view.paused.or(view.why).unwrap_or_default()));
    let stop = |head, next| Some(Stop { head, text, next });
    match state {
        "paused" => stop("It is paused", format!("zoomd account resume {name}")),
        "needs_reauth" => stop("It needs authorization", format!("zoomd account login {name}")),
        "superseded" => {
            stop("Its Zoom user is connected under another name", "zoomd account list".to_owned())
        }
        "wrong_app" => stop("Its grant is another app's", format!("zoomd account explain {name}")),
        "removed" => stop("It was removed", format!("zoomd account login {name}")),
        _ => {
            let scopes = view.scopes.join(" ");
            let effect = scopes::lacking(&scopes).map(|(_, effect)| effect)?;
            view.missing_scopes.all().next()?;
            let text = format!("Without them {effect}.");
            let next = format!("zoomd account login {name}");
            Some(Stop { head: "Scopes are missing", text, next })
        }
    }
}

fn told(line: &GrantLine) -> Told {
    let tone = match line.what.as_str() {
        "connected" | "rotated" | "imported" | "added" => "good",
        "rotating" => "idle",
        "needs_reauth" | "verdict" | "refused" => "bad",
        _ => "info",
    };
    let mut what = words(&line.what);
    let generation = line.version.as_deref().and_then(|version| version.rsplit('.').next());
    for (head, part) in [("generation", generation), ("by", line.by.as_deref())] {
        if let Some(part) = part {
            what += &format!(", {head} {part}");
        }
    }
    if let Some(detail) = &line.detail {
        what += &format!(": {detail}");
    }
    Told { tone, what, at: timestamp(line.at).map(Moment::of) }
}

fn job(line: &JobLine) -> Job {
    Job {
        id: line.id.clone(),
        state: line.state.as_str(),
        reason: sentence(line.why.map(phrase).unwrap_or_default()),
        until: line.until_ms.or(line.next_ms).and_then(time).map(Moment::of),
    }
}

fn facts(view: &View<'_>) -> Vec<(&'static str, String)> {
    let mut facts = vec![("Plan", view.plan.to_owned()), ("Kind", words(view.kind))];
    let known = |text: Option<&str>| text.unwrap_or("not known yet").to_owned();
    facts.push(("Zoom account", known(view.zoom_account)));
    facts.push(("Zoom user", known(view.zoom_user)));
    facts.extend(view.cap.map(|cap| ("Cap", format!("{cap} calls in flight"))));
    facts.push(("In flight", number(view.in_flight)));
    if let Some(grant) = &view.grant {
        let generation = view.generation.unwrap_or_default();
        facts.push(("Grant", format!("{} generation {generation}", grant.fingerprint)));
    }
    facts.extend(view.last_error.map(|error| ("Last error", error.to_owned())));
    facts
}

async fn page(console: &Console, shell: Shell, name: &str) -> Made {
    let missing = || Refused::Missing(format!("There is no account {name}."));
    let name: AccountName = name.parse().map_err(|_| missing())?;
    let (ops, grants) = (console.ops(), console.grants());
    let Account { summary, grant, now_ms } = one(grants, &name).await?.ok_or_else(missing)?;
    let view = View::of(&summary).with(grant.as_ref(), now_ms);
    let story = grants.timeline(&name, LINES).await?;
    let lines = ops.budget(name.as_str()).await?.unwrap_or_default();
    let mut bars: Vec<_> =
        lines.iter().filter_map(|line| bar(&Budget::of(name.as_str(), line))).collect();
    bars.sort_by_key(|bar| std::cmp::Reverse(bar.rank()));
    bars.truncate(BARS);
    let filter = JobFilter { account: Some(name.to_string()), state: None };
    let jobs = ops.jobs_in_order(&filter, JOBS).await?;
    let state = state_of(&view);
    let grant = view.grant.as_ref();
    let next = grant.and_then(|grant| grant.next_refresh_at).filter(|at| *at > Timestamp::now());
    let page = Page {
        shell,
        state,
        stop: stop(&view, state),
        facts: facts(&view),
        expired: view.access_expires_at.is_some_and(|at| at <= Timestamp::now()),
        token: view.access_expires_at.map(Moment::of),
        renewed: view.refresh_obtained_at.map(Moment::of),
        issued: grant.and_then(|grant| grant.access_issued_at).map(Moment::of),
        next_refresh: next.map(Moment::of),
        links: console.0.config.public.url.is_some(),
        connected: view.created_at.map(Moment::of),
        scopes: view.scopes.clone(),
        missing: view.missing_scopes.all().collect(),
        story: story.iter().map(told).collect(),
        bars,
        jobs: jobs.jobs.iter().map(job).collect(),
        all_jobs: jobs_of("", name.as_str(), ""),
        waiting: number(view.waiting),
        view: &view,
    };
    Ok(page.render()?)
}

/// Shows the page of one account.
pub(super) async fn show(
    State(console): State<Console>,
    Path(name): Path<String>,
    asked: Asked,
) -> Response {
    let of = console.clone();
    let title = name.clone();
    console
        .answer(asked, Tab::Accounts, &title, async move |shell| page(&of, shell, &name).await)
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_story_is_told_in_words() {
        let mut line = GrantLine::new("needs_reauth").by("cli").detail("invalid_grant");
        line.version = Some("a.7".to_owned());
        let told = told(&line);
        assert_eq!(told.what, "needs reauth, generation 7, by cli: invalid_grant");
        assert_eq!(told.tone, "bad");
    }
}
