//! Acts from pages: a page that names the act and the number of things, then the act, then
//! a page with the result. Works without the script.
//!
//! An act touches at most as many things as were confirmed: their count bounds a filter.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use axum::{Extension, Form};

use super::Console;
use super::account_act;
use super::answer::{Made, Refused};
use super::asked::Asked;
use super::came::{Came, Done};
use super::shell::{Shell, Tab};
use super::show::{Moment, number, sentence};
use super::wish::{Things, Verb, Wish};
use crate::actor::Actor;
use crate::acts::{Hand, Rules, Via};
use crate::http::carry;

/// Things acted on at once.
const AT_ONCE: usize = 1_000;
/// Things named on a page.
const NAMED: usize = 20;
/// Validities of a connect link, in words.
const LIVES: [(&str, &str); 4] =
    [("7d", "7 days"), ("1h", "an hour"), ("1d", "a day"), ("30d", "30 days")];
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
    /// Beginnings of the addresses that a person may be sent back to.
    ways_back: Vec<String>,
}

#[derive(Template)]
#[template(path = "acted.html")]
struct DonePage {
    shell: Shell,
    head: String,
    others: Vec<Done>,
    more: usize,
    back: String,
    /// A link that is shown once, with its end.
    link: Option<(String, Option<Moment>)>,
    /// More about what came of it.
    told: String,
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

async fn ask(console: &Console, shell: Shell, wish: Wish, refused: Option<String>) -> Made {
    let things = wish.things(console.ops(), AT_ONCE).await?;
    let ids = things.ids();
    let many = if matches!(things, Things::Whole) { 1 } else { ids.len() };
    let head = format!("{} {}?", wish.verb.word(), wish.of(many as u64));
    let named = ids.iter().take(NAMED).map(|id| (*id).to_owned()).collect();
    let (more, back) = (ids.len().saturating_sub(NAMED), wish.back());
    let button = label(wish.verb.word(), many);
    let ways_back = console.0.config.public.return_to.clone();
    let page =
        AskPage { shell, head, named, more, count: many, refused, back, button, ways_back, wish };
    Ok(page.render()?)
}

/// Asks whether it is meant.
pub(super) async fn show(
    State(console): State<Console>,
    Query(wish): Query<Wish>,
    asked: Asked,
) -> Response {
    let refused = may(asked.actor.as_ref(), wish.verb);
    let of = console.clone();
    console
        .answer(asked, Tab::None, wish.verb.word(), async move |shell| {
            ask(&of, shell, wish, refused).await
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
        .or(wish.is_open().then(|| "Confirm how many.".to_owned()))
        .or(wish.is_unsure().then(|| "Type the name of the account to confirm.".to_owned()))
        .or_else(|| account_act::refused(&console, &wish));
    if refused.is_some() {
        return ask(&console, shell, wish, refused).await;
    }
    let things = wish.things(ops, wish.count.clamp(1, AT_ONCE)).await?;
    let hand = console.0.hand(actor, Via::Console);
    let Came { lines, link, told } = carry_out(&console, &hand, &wish, things).await?;
    let well = lines.iter().filter(|one| one.well).count() as u64;
    let others: Vec<_> = lines.into_iter().filter(|one| !one.well || one.why.is_some()).collect();
    let head = match &link {
        Some(_) => sentence(&wish.of(well)),
        None => format!("{}: {}", wish.verb.word(), wish.of(well)),
    };
    let more = others.len().saturating_sub(NAMED);
    let others = others.into_iter().take(NAMED).collect();
    Ok(DonePage { shell, head, others, more, back: wish.back(), link, told }.render()?)
}

async fn carry_out(
    console: &Console,
    hand: &Hand,
    wish: &Wish,
    things: Things,
) -> Result<Came, Refused> {
    let reason = wish.reason.as_str();
    if wish.is_of_account() {
        return account_act::carry_out(console, hand, wish).await;
    }
    let lines = match (wish.verb, things) {
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
        (Verb::Pause, _) => {
            hand.pause(reason).await?;
            vec![Done::whole("")]
        }
        (Verb::Resume, _) => {
            hand.resume().await?;
            vec![Done::whole("")]
        }
        _ => Vec::new(),
    };
    Ok(lines.into())
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
