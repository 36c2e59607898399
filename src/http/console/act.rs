//! Acts from pages: a page that names the act and the number of things, then the act, then
//! a page with the result. Works without the script.
//!
//! An act touches at most as many things as were confirmed: their count bounds a filter.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use axum::{Extension, Form};
use zoomd_store::admin::Cancelled;
use zoomd_store::inspect::Ops;

use super::Console;
use super::answer::{Made, Refused};
use super::asked::Asked;
use super::shell::{Shell, Tab};
use super::show::number;
use super::wish::{Things, Verb, Wish};
use crate::actor::Actor;
use crate::acts::{Discarded, Hand, RetryLine, Rules, Via};
use crate::http::carry;

/// Things acted on at once.
const AT_ONCE: usize = 1_000;
/// Things named on a page.
const NAMED: usize = 20;
/// Characters of a reason.
const REASON_MAX: usize = 500;

#[derive(Template)]
#[template(path = "act.html")]
struct AskPage {
    shell: Shell,
    wish: Wish,
    head: String,
    named: Vec<String>,
    more: usize,
    count: usize,
    refused: Option<String>,
    back: String,
    /// The word of the button.
    button: String,
}

#[derive(Template)]
#[template(path = "acted.html")]
struct DonePage {
    shell: Shell,
    head: String,
    others: Vec<Done>,
    more: usize,
    back: String,
}

/// Result for one thing that was acted on.
struct Done {
    id: String,
    result: &'static str,
    why: Option<String>,
    well: bool,
}

impl Done {
    fn cancelled(id: &str, result: Cancelled) -> Self {
        let why = match result {
            Cancelled::AfterReconcile => Some("checks with Zoom first whether its meeting exists"),
            Cancelled::InFlight => Some("a job in flight cannot be cancelled"),
            Cancelled::Over => Some("it has its outcome"),
            Cancelled::NotFound => Some("there is no such job"),
            Cancelled::Changed => Some("it moved again and again; try once more"),
            Cancelled::Broken => Some("a key of its account is of a wrong type"),
            _ => None,
        };
        let well = matches!(result, Cancelled::Done | Cancelled::AfterReconcile);
        let why = why.map(str::to_owned);
        Self { id: id.to_owned(), result: result.as_str(), why, well }
    }
}

impl From<RetryLine> for Done {
    fn from(line: RetryLine) -> Self {
        let well = line.is_well();
        Self { id: line.id, result: line.result, why: line.why, well }
    }
}

impl From<Discarded> for Done {
    fn from(line: Discarded) -> Self {
        let well = line.result == "discarded";
        let why = (!well).then(|| "it is not on the list of failures".to_owned());
        Self { id: line.id, result: line.result, why, well }
    }
}

fn may(actor: Option<&Actor>, verb: Verb) -> Option<String> {
    match actor {
        Some(actor) if actor.may(verb.role()) => None,
        Some(actor) => {
            Some(format!("This needs the role {}; {} has {}.", verb.role(), actor.name, actor.role))
        }
        None => Some("Nobody is signed in.".to_owned()),
    }
}

async fn ask(ops: &Ops, shell: Shell, wish: Wish, refused: Option<String>) -> Made {
    let things = wish.things(ops, AT_ONCE).await?;
    let ids = things.ids();
    let many = if matches!(things, Things::Whole) { 1 } else { ids.len() };
    let head = format!("{} {}?", wish.verb.word(), wish.of(many as u64));
    let named = ids.iter().take(NAMED).map(|id| (*id).to_owned()).collect();
    let (more, back) = (ids.len().saturating_sub(NAMED), wish.back());
    let button = label(wish.verb.word(), many);
    Ok(AskPage { shell, head, named, more, count: many, refused, back, button, wish }.render()?)
}

/// Asks whether it is meant.
pub(super) async fn show(
    State(console): State<Console>,
    Query(wish): Query<Wish>,
    asked: Asked,
) -> Response {
    let refused = may(asked.actor.as_ref(), wish.verb);
    let ops = console.ops().clone();
    console
        .answer(asked, Tab::None, wish.verb.word(), async move |shell| {
            ask(&ops, shell, wish, refused).await
        })
        .await
}

/// Does it.
pub(super) async fn run(
    State(console): State<Console>,
    Extension(actor): Extension<Actor>,
    asked: Asked,
    Form(wish): Form<Wish>,
) -> Response {
    let of = console.clone();
    let tab = Tab::None;
    console
        .answer(asked, tab, wish.verb.word(), async move |shell| {
            let done = carry::to_the_end(act(of, shell, actor, wish)).await;
            done.unwrap_or(Err(Refused::Defect))
        })
        .await
}

/// Does what `wish` asks for, and makes the page that tells what came of it.
async fn act(console: Console, shell: Shell, actor: Actor, mut wish: Wish) -> Made {
    let ops = console.ops();
    wish.reason = wish.reason.trim().chars().take(REASON_MAX).collect();
    let lacks = wish.verb.asks_why() && wish.reason.is_empty();
    let refused = may(Some(&actor), wish.verb)
        .or(lacks.then(|| "Give a reason.".to_owned()))
        .or(wish.is_open().then(|| "Confirm how many.".to_owned()));
    if refused.is_some() {
        return ask(ops, shell, wish, refused).await;
    }
    let things = wish.things(ops, wish.count.clamp(1, AT_ONCE)).await?;
    let hand = console.0.hand(actor, Via::Console);
    let done = carry_out(&console, &hand, &wish, things).await?;
    let well = done.iter().filter(|one| one.well).count() as u64;
    let others: Vec<_> = done.into_iter().filter(|one| !one.well || one.why.is_some()).collect();
    let head = format!("{}: {}", wish.verb.word(), wish.of(well));
    let more = others.len().saturating_sub(NAMED);
    let others = others.into_iter().take(NAMED).collect();
    Ok(DonePage { shell, head, others, more, back: wish.back() }.render()?)
}

async fn carry_out(
    console: &Console,
    hand: &Hand,
    wish: &Wish,
    things: Things,
) -> Result<Vec<Done>, Refused> {
    let reason = wish.reason.as_str();
    let whole = || vec![Done { id: wish.account.clone(), result: "done", why: None, well: true }];
    let missing = || Refused::Missing(format!("There is no account {}.", wish.account));
    let account = || wish.account.trim().parse().map_err(|_| missing());
    let there = |found: bool| found.then(whole).ok_or_else(missing);
    Ok(match (wish.verb, things) {
        (Verb::Cancel, Things::Jobs(jobs)) => {
            let found = hand.cancel(&jobs, reason, |_| ()).await?;
            jobs.iter().zip(found).map(|(job, result)| Done::cancelled(&job.id, result)).collect()
        }
        (Verb::Retry, Things::Failures(ids)) => {
            let rules = Rules::of(&console.0.config);
            let lines = hand.retry(&ids, rules, reason, || ()).await?;
            lines.into_iter().map(Done::from).collect()
        }
        (Verb::Discard, Things::Failures(ids)) => {
            hand.discard(&ids, reason).await?.into_iter().map(Done::from).collect()
        }
        (Verb::PauseAccount, _) => {
            there(hand.pause_account(console.grants(), &account()?, reason).await?)?
        }
        (Verb::ResumeAccount, _) => {
            there(hand.resume_account(console.grants(), &account()?).await?)?
        }
        (Verb::Pause, _) => {
            hand.pause(reason).await?;
            whole()
        }
        (Verb::Resume, _) => {
            hand.resume().await?;
            whole()
        }
        _ => Vec::new(),
    })
}

/// The number of things, for the button.
fn label(verb: &str, many: usize) -> String {
    if many > 1 { format!("{verb} {}", number(many as u64)) } else { verb.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::Role;

    #[test]
    fn roles_and_reasons_follow_the_verb() {
        let ada = |role| Actor { name: "ada".to_owned(), role };
        assert!(may(Some(&ada(Role::Enqueue)), Verb::Cancel).is_none());
        assert!(may(Some(&ada(Role::Read)), Verb::Cancel).is_some());
        assert!(may(Some(&ada(Role::Enqueue)), Verb::Retry).is_some());
        assert!(may(None, Verb::Resume).is_some());
        assert!(Verb::Cancel.asks_why() && Verb::Discard.asks_why() && !Verb::Retry.asks_why());
    }
}
