//! `GET /accounts` and `/accounts/{account}`, and what is done to one.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use zoomd_store::consent::NewLink;
use zoomd_store::grants::{AccountState, Plan};
use zoomd_wire::AccountName;

use super::answer::{Answer, Page, ok};
use super::params::{Account, Because, Body, Params, demanded, limit, reason};
use super::{Backend, Problem};
use crate::actor::Actor;
use crate::acts::{Via, missing};
use crate::config::units;
use crate::http::public::Paths;
use crate::queries::accounts::{self, Wanted};
use crate::text::one_line;
use crate::views::account::View;

/// Accounts that are read for one page.
const READS: usize = 2_000;
/// Time for which a rotation is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
/// Minimum lifetime of a token that is handed out, where the request names none.
const MIN_LIFE: Duration = Duration::from_secs(300);
/// Validity of a connect link, where the request names none.
const LINK: Duration = Duration::from_secs(7 * 24 * 3_600);
/// Maximum number of characters of a label.
const LABEL: usize = 80;
/// Range of validity of a link.
const LINKS: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(60)..=Duration::from_secs(30 * 24 * 3_600);

/// The query of `GET /accounts`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    state: Option<String>,
    #[serde(default)]
    all: bool,
    after: Option<String>,
    limit: Option<usize>,
}

/// Accounts in the order of their names.
pub async fn list(State(backend): State<Arc<Backend>>, query: Params<ListQuery>) -> Answer {
    let Params(ListQuery { state, all, after, limit: asked }) = query;
    let state = state.map(|word| word.parse::<AccountState>()).transpose();
    let state = state.map_err(|error| Problem::bad_request(error).field("state"))?;
    let wanted = Wanted { state, all };
    let page = accounts::page(backend.grants(), &wanted, after, limit(asked)?, READS).await?;
    let items: Vec<_> = page.accounts.iter().map(View::of).collect();
    Ok(ok(&Page { items, next: page.next }))
}

/// One account with its grant.
pub async fn show(State(backend): State<Arc<Backend>>, Account(name): Account) -> Answer {
    shown(&backend, &name).await
}

async fn shown(backend: &Backend, name: &AccountName) -> Answer {
    let found = accounts::one(backend.grants(), name).await?.ok_or_else(|| missing(name))?;
    Ok(ok(&View::of(&found.summary).with(found.grant.as_ref(), found.now_ms)))
}

/// The account after a change; `found` is false where there is no such account.
async fn changed(backend: &Backend, name: &AccountName, found: bool) -> Answer {
    if !found {
        return Err(missing(name).into());
    }
    shown(backend, name).await
}

/// Holds the account's jobs back.
pub async fn pause(
    State(backend): State<Arc<Backend>>,
    Extension(actor): Extension<Actor>,
    Account(name): Account,
    Body(because): Body<Because>,
) -> Answer {
    let why = demanded(&because.reason)?;
    let hand = backend.hand(actor, Via::Api);
    let found = hand.pause_account(backend.grants(), &name, why).await?;
    changed(&backend, &name, found).await
}

/// Lets the account's jobs run again.
pub async fn resume(
    State(backend): State<Arc<Backend>>,
    Extension(actor): Extension<Actor>,
    Account(name): Account,
) -> Answer {
    let hand = backend.hand(actor, Via::Api);
    let found = hand.resume_account(backend.grants(), &name).await?;
    changed(&backend, &name, found).await
}

/// Rotates the account's token now.
pub async fn refresh(
    State(backend): State<Arc<Backend>>,
    Extension(actor): Extension<Actor>,
    Account(name): Account,
) -> Answer {
    let (hand, grants) = (backend.hand(actor, Via::Api), backend.open_grants().await?);
    let how = (false, PATIENCE);
    Ok(ok(&hand.refresh(&backend.config, &grants, &name, how, |_| ()).await?))
}

/// The body of `POST …/token`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TokenBody {
    min_life: Option<String>,
}

#[derive(Serialize)]
struct Handed<'a> {
    account: &'a str,
    access_token: &'a str,
    epoch: String,
    generation: u64,
}

/// A valid access token for another program.
pub async fn token(
    State(backend): State<Arc<Backend>>,
    Extension(actor): Extension<Actor>,
    Account(name): Account,
    Body(body): Body<TokenBody>,
) -> Answer {
    let min_life = body.min_life.map_or(Ok(MIN_LIFE), |text| time("min_life", &text))?;
    let (hand, grants) = (backend.hand(actor, Via::Api), backend.open_grants().await?);
    let token = hand.token(&backend.config, &grants, &name, (min_life, PATIENCE)).await?;
    Ok(ok(&Handed {
        account: name.as_str(),
        access_token: token.access.expose(),
        epoch: token.version.epoch.to_string(),
        generation: token.version.generation,
    }))
}

/// The body of `POST …/connect-link`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LinkBody {
    ttl: Option<String>,
    take_over: bool,
    plan: Option<String>,
    label: Option<String>,
    return_to: Option<String>,
}

/// A link with which somebody else connects the account.
pub async fn connect_link(
    State(backend): State<Arc<Backend>>,
    Extension(actor): Extension<Actor>,
    Account(account): Account,
    Body(body): Body<LinkBody>,
) -> Answer {
    let life = body.ttl.map_or(Ok(LINK), |text| time("ttl", &text))?;
    if !LINKS.contains(&life) {
        let text = "ttl must lie between 1m and 30d";
        return Err(Problem::bad_request(text).field("ttl"));
    }
    let plan = body.plan.map(|word| word.parse::<Plan>()).transpose();
    let plan = plan.map_err(|error| Problem::bad_request(error).field("plan"))?;
    let label = body.label.map(|text| one_line(text.trim()));
    if label.as_ref().is_some_and(|text| !(1..=LABEL).contains(&text.chars().count())) {
        let text = format!("label must have 1 to {LABEL} characters");
        return Err(Problem::bad_request(text).field("label"));
    }
    let take_over = body.take_over;
    let new = NewLink { account, plan, take_over, life, label, return_to: body.return_to };
    let (hand, grants) = (backend.hand(actor, Via::Api), backend.open_grants().await?);
    let paths = Paths::of(&backend.config);
    Ok(ok(&hand.connect_link(&backend.config, &grants, &new, |token| paths.link(token)).await?))
}

/// Removes the account.
pub async fn remove(
    State(backend): State<Arc<Backend>>,
    Extension(actor): Extension<Actor>,
    Account(name): Account,
    Body(because): Body<Because>,
) -> Answer {
    let why = demanded(&because.reason)?;
    let (hand, grants) = (backend.hand(actor, Via::Api), backend.open_grants().await?);
    let removed =
        hand.remove_account(&backend.config, &grants, &name, (false, why), |_| ()).await?;
    if let Some(trouble) = &removed.trouble {
        let text = format!(
            "{name} was removed here, but Zoom may still list the app as authorized: {trouble}"
        );
        let status = axum::http::StatusCode::BAD_GATEWAY;
        return Err(Problem::new(status, "not_revoked", text)
            .hint("its user can remove the app at marketplace.zoom.us, under Installed apps"));
    }
    Ok(ok(&removed))
}

fn time(field: &str, text: &str) -> Result<Duration, Problem> {
    let wrong = || Problem::bad_request(format!("{field} must be a time like 10m")).field(field);
    units::time(reason(text)?).ok_or_else(wrong)
}
