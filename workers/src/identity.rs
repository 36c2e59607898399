//! Owners of grants, where the records do not name them.
//!
//! Accounts of one Zoom account share its limits, and a host goes by several
//! names; a consent finds both out at once. An imported refresh token says
//! neither: with the commit of its first rotation what the new access token says
//! of itself is taken as a hint, so that the gate opens with it, and here Zoom is
//! asked (`users/me`) where the scopes allow it. Once for each consent and
//! process; what cannot be found out is asked again after the next start, and after a
//! trouble (a 429, an outage) only when that is over.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use zoom_api::scopes::{self, Need};
use zoomd_store::grants::{AccountState, Epoch, Identity, Learnt};
use zoomd_wire::AccountName;

use crate::attempt::asker::Stop;
use crate::attempt::call;
use crate::attempt::exchange::Caller;
use crate::context::EngineContext;
use crate::supervisor::Beat;

/// Consents remembered as asked for, and accounts that rest.
const MOST: usize = 100_000;
/// Pause of an account after a trouble that does not say how long it lasts.
const REST: Duration = Duration::from_secs(60);

/// Asks for one after the other, for as long as the engine runs.
pub(crate) async fn serve(ctx: Arc<EngineContext>, beat: Beat) {
    let (mut asked, mut resting) = (HashSet::new(), HashMap::<AccountName, Instant>::new());
    loop {
        let first = resting.iter().min_by_key(|(_, until)| **until);
        let first = first.map(|(account, until)| (account.clone(), *until));
        let next = async {
            tokio::select! {
                account = ctx.tokens.unidentified_grants().next() => (account, false),
                account = rested(first) => (account, true),
            }
        };
        let (account, has_rested) = beat.waiting(next).await;
        if has_rested {
            resting.remove(&account);
        } else if resting.contains_key(&account) {
            continue;
        }
        let Some(epoch) = unknown(&ctx, &account).await else { continue };
        if asked.len() >= MOST {
            asked.clear();
        }
        if asked.contains(&(account.clone(), epoch)) {
            continue;
        }
        // Some commands and a call, each with a limit of its own.
        match beat.waiting(ask(&ctx, &account)).await {
            Ok(Some(identity)) if learn(&ctx, &account, epoch, &identity).await => {
                asked.insert((account, epoch));
            }
            Ok(None) => drop(asked.insert((account, epoch))),
            token_errors => {
                let rest = token_errors.err().unwrap_or(REST);
                tracing::debug!(%account, ?rest, "zoom user of the account is read later");
                if resting.len() < MOST {
                    resting.insert(account, Instant::now() + rest);
                }
            }
        }
    }
}

/// The account whose rest is over first, when it is.
async fn rested(first: Option<(AccountName, Instant)>) -> AccountName {
    match first {
        Some((account, until)) => {
            tokio::time::sleep_until(until).await;
            account
        }
        None => std::future::pending().await,
    }
}

/// The epoch of a grant whose user is to be asked for, and may be.
async fn unknown(ctx: &EngineContext, account: &AccountName) -> Option<Epoch> {
    let look = ctx.tokens.look(account).await.ok().flatten()?;
    let grant = look.grant?;
    let wanted = look.account.state == AccountState::Active && look.account.aliases.is_empty();
    let scope = grant.scope.as_deref().unwrap_or_default();
    (wanted && scopes::missing(scope, Need::Me).is_none()).then_some(grant.version.epoch)
}

/// `None` when Zoom does not say; an error, with the time until then, when it may
/// later. The call goes by the protocol of all others.
async fn ask(ctx: &EngineContext, account: &AccountName) -> Result<Option<Identity>, Duration> {
    let now = ctx.zoom.redis_now().await.map_err(|_| REST)?;
    let prepared = call::prepare_outside(ctx, account.as_str()).await;
    let (token, permit) = prepared.map_err(|_| REST)?;
    let mut asker = Caller {
        zoom: &ctx.zoom,
        account: account.as_str(),
        host: "me",
        known: (now, std::time::Instant::now()),
        token: &token,
        permit,
        paid: None,
        until: None,
        trace: None,
    };
    match asker.me().await {
        Ok(reply) => match reply.user() {
            Ok(user) => Ok(Some(Identity {
                zoom_user: Some(user.id),
                zoom_account: user.account_id,
                aliases: user.email.into_iter().collect(),
            })),
            Err(error) => {
                tracing::debug!(%account, %error, "zoom does not report the user of the grant");
                Ok(None)
            }
        },
        Err(Stop::Limited(_, limit)) => {
            let left = limit.until.duration_since(now);
            Err(Duration::try_from(left).unwrap_or_default().max(REST))
        }
        Err(Stop::Failed(failure)) if failure.refusal.is_some() => {
            tracing::debug!(%account, why = failure.why, "zoom does not report the user of the grant");
            Ok(None)
        }
        Err(stop) => {
            tracing::debug!(%account, ?stop, "zoom user of the account was not read now");
            Err(REST)
        }
    }
}

/// Stores what Zoom says; false when Redis did not take it.
async fn learn(
    ctx: &EngineContext,
    account: &AccountName,
    epoch: Epoch,
    identity: &Identity,
) -> bool {
    match ctx.grants.learn(account, epoch, identity).await {
        Ok(Learnt::Stored | Learnt::Changed) => {}
        Ok(Learnt::AlsoHeldBy { account: other }) => tracing::error!(
            %account, %other,
            "two accounts have a grant of the same Zoom user, and Zoom keeps only the newer one: remove the other account"
        ),
        Err(error) => {
            // That Redis is away is told once for all that use it.
            tracing::debug!(%account, %error, "redis: could not store the user of a grant; retrying");
            return false;
        }
    }
    true
}
