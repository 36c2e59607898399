//! Overview: the verdict, waiting jobs with their reasons, accounts that need attention.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use jiff::Timestamp;
use zoomd_store::inspect::{Level, Problem, Window};

use super::Console;
use super::answer::Refused;
use super::asked::Asked;
use super::chart::{Chart, chart};
use super::limits::{Bar, bar};
use super::shell::{Shell, Tab};
use super::show::{Moment, number, sentence, words};
use crate::health::held;
use crate::queries::budget::{Lines, near_end};
use crate::views::budget::View;
use crate::views::reason::phrase;
use crate::views::status::{Found, Numbers};

/// Reasons shown; the page of jobs has all.
const REASONS_MAX: usize = 12;
/// Limits shown; the page of limits has all.
const BARS_MAX: usize = 6;

#[derive(Template)]
#[template(path = "overview.html")]
struct Page<'a> {
    shell: Shell,
    problems: Vec<Trouble>,
    tiles: Vec<Tile>,
    charts: [Chart; 2],
    /// Limits close to their end; `None`: not counted yet.
    bars: Option<Vec<Bar>>,
    reasons: Vec<Reason<'a>>,
    more_reasons: usize,
    waiting: String,
    numbers: &'a Numbers<'a>,
    accounts: Vec<(String, u64)>,
    daemons: Vec<Daemon<'a>>,
    refreshed: Option<String>,
    paused: Option<String>,
}

/// A problem.
struct Trouble {
    tone: &'static str,
    what: String,
    since: Option<Moment>,
    held: Option<String>,
    next: String,
}

struct Tile {
    name: &'static str,
    number: String,
    address: &'static str,
    note: String,
    tone: &'static str,
}

/// Jobs that wait for the same.
struct Reason<'a> {
    phrase: String,
    account: Option<&'a str>,
    jobs: String,
    oldest: Option<Moment>,
    expected: Option<Moment>,
}

pub(super) struct Daemon<'a> {
    pub(super) id: &'a str,
    pub(super) host: &'a str,
    pub(super) version: &'a str,
    pub(super) alive: bool,
    pub(super) started: Option<Moment>,
    pub(super) seen: Option<Moment>,
}

fn trouble(problem: &Problem) -> Trouble {
    let tone = match problem.level {
        Level::Down => "bad",
        Level::Degraded => "warn",
        Level::Notice => "idle",
    };
    let since = problem.since_ms.and_then(|ms| Timestamp::from_millisecond(ms).ok());
    Trouble {
        tone,
        what: sentence(&problem.what),
        since: since.map(Moment::of),
        held: held(problem),
        next: problem.next.clone(),
    }
}

fn tiles(numbers: &Numbers<'_>) -> Vec<Tile> {
    let tile = |name, count, address, note: String, tone| Tile {
        name,
        number: number(count),
        address,
        note,
        tone,
    };
    let tone = |count: u64, tone| if count > 0 { tone } else { "" };
    let (running, waiting) = (numbers.running, numbers.waiting);
    let failed = numbers.failures_last_day;
    vec![
        tile("Queued", numbers.queued, "/jobs?state=queued", String::new(), ""),
        tile("Running", running, "/jobs?state=running", String::new(), tone(running, "info")),
        tile("Waiting", waiting, "/jobs?state=waiting", String::new(), tone(waiting, "warn")),
        tile("Sleeping", numbers.sleeping, "/jobs?state=sleeping", String::new(), ""),
        tile(
            "Succeeded",
            numbers.succeeded_total,
            "/jobs?state=succeeded",
            "in all".to_owned(),
            "good",
        ),
        tile(
            "Failed",
            failed,
            "/jobs?state=failed",
            format!("last 24 h, {} in all", number(numbers.failed_total)),
            tone(failed, "bad"),
        ),
    ]
}

/// The rotations of the last days, in one line.
pub(super) fn refreshed(numbers: &Numbers<'_>) -> Option<String> {
    let of = &numbers.rotations;
    let share = of.share_in_time?;
    // Cut, not rounded: one late of many is not all in time.
    let percent = (share * 10_000.0).floor() / 100.0;
    let all = of.in_time + of.late + of.repaired + of.lost;
    Some(format!(
        "{} in {} days, {percent} % stored in time, {} lost",
        number(all),
        of.days,
        of.lost
    ))
}

/// The daemons heard of lately.
pub(super) fn daemons<'a>(numbers: &Numbers<'a>) -> Vec<Daemon<'a>> {
    let daemons = numbers.daemons.iter().map(|daemon| Daemon {
        id: daemon.id,
        host: daemon.host,
        version: daemon.version,
        alive: daemon.alive,
        started: daemon.started_at.map(Moment::of),
        seen: daemon.seen_at.filter(|_| !daemon.alive).map(Moment::of),
    });
    daemons.collect()
}

impl<'a> Page<'a> {
    fn of(
        shell: Shell,
        numbers: &'a Numbers<'a>,
        found: &'a Found,
        charts: [Chart; 2],
        bars: Option<Vec<Bar>>,
    ) -> Self {
        let lines = &found.waiting.lines;
        let reasons = lines.iter().zip(&numbers.waiting_by_reason).take(REASONS_MAX);
        let reasons = reasons.map(|(line, view)| Reason {
            phrase: sentence(phrase(line.why)),
            account: view.account,
            jobs: number(view.jobs),
            oldest: view.oldest_at.map(Moment::of),
            expected: view.expected_at.map(Moment::of),
        });
        Self {
            problems: shell.problems().iter().map(trouble).collect(),
            tiles: tiles(numbers),
            charts,
            bars,
            reasons: reasons.collect(),
            more_reasons: lines.len().saturating_sub(REASONS_MAX),
            waiting: number(numbers.queued + numbers.waiting + numbers.sleeping),
            accounts: numbers.accounts.iter().map(|(state, n)| (words(state), *n)).collect(),
            daemons: daemons(numbers),
            refreshed: refreshed(numbers),
            paused: numbers.paused.then(|| numbers.pause_reason.unwrap_or_default().to_owned()),
            shell,
            numbers,
        }
    }
}

/// The limits closest to their end.
fn close(lines: &Lines) -> Vec<Bar> {
    let views = lines.iter().map(|(account, line)| View::of(account, line));
    let mut bars: Vec<_> = views.filter_map(|view| bar(&view)).collect();
    bars.sort_by_key(|bar| std::cmp::Reverse(bar.rank()));
    bars.truncate(BARS_MAX);
    bars
}

pub(super) async fn show(State(console): State<Console>, asked: Asked) -> Response {
    let (ops, of) = (console.ops().clone(), console.clone());
    console
        .answer(asked, Tab::Overview, "Overview", async move |shell| {
            let look = shell.look.clone().ok_or(Refused::Away)?;
            let found = look.numbers.as_ref().ok_or(Refused::Away)?;
            let hour = chart(Window::Hour, &ops.history(Window::Hour).await?);
            let week = chart(Window::Week, &ops.history(Window::Week).await?);
            let bars = match of.0.health.days_near_end() {
                Some(days) => Some(close(&near_end(&ops, &days).await?)),
                None => None,
            };
            let charts = [hour, week];
            let numbers = Numbers::of(found);
            let page = Page::of(shell, &numbers, found, charts, bars);
            Ok(page.render()?)
        })
        .await
}
