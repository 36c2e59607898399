//! `GET /accounts` and `/accounts/{account}`, and what is done to one.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use zoomd_store::grants::AccountState;
use zoomd_wire::AccountName;

use super::answer::{Answer, Page, ok};
use super::params::{Account, Because, Body, Params, demanded, limit, reason};
use super::{Backend, Problem};
use crate::actor::Actor;
use crate::acts::{LinkRequest, Via, missing};
use crate::config::units;
use crate::http::public::Paths;
use crate::queries::accounts::{self, Wanted};
use crate::views::account::View;

/// Accounts that are read for one page.
const READS: usize = 2_000;
/// Time for which a rotation is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
/// Minimum lifetime of a token that is handed out, where the request names none.
const MIN_LIFE: Duration = Duration::from_secs(300);

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
    let asked = LinkRequest {
        ttl: body.ttl.as_deref().unwrap_or_default(),
        label: body.label.as_deref().unwrap_or_default(),
        plan: body.plan.as_deref().unwrap_or_default(),
        return_to: body.return_to.as_deref().unwrap_or_default(),
        take_over: body.take_over,
    };
    let new = asked
        .check(account, &backend.config.public.return_to)
        .map_err(|(field, why)| Problem::bad_request(format!("{field} {why}")).field(field))?;
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
