//! Whose grants are, where their records do not say.
//!
//! Accounts of one Zoom account share its limits, and a host goes by several
//! names; a consent finds both out at once. An imported refresh token says
//! neither: with the commit of its first rotation what the new access token says
//! of itself is taken as a hint, so that the gate opens with it, and here Zoom is
//! asked (`users/me`) where the scopes allow it. Once for each consent and
//! process; what cannot be found out is asked again after the next start.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use zoom_api::scopes::{self, Need};
use zoomd_store::budget::Label;
use zoomd_store::calls::Begun;
use zoomd_store::grants::{AccountState, Epoch, Identity, Learnt};
use zoomd_wire::AccountName;

use crate::metric;
use crate::pipeline::shop::Shop;
use crate::tokens::{Token, Usable};

/// Consents remembered as asked for.
const MOST: usize = 100_000;

/// Asks for one after the other, for as long as the engine runs.
pub(crate) async fn serve(shop: Arc<Shop>) {
    let mut asked = HashSet::new();
    loop {
        let account = shop.tokens.strangers().next().await;
        let Some(epoch) = unknown(&shop, &account).await else { continue };
        if asked.len() >= MOST {
            asked.clear();
        }
        if asked.contains(&(account.clone(), epoch)) {
            continue;
        }
        match ask(&shop, &account).await {
            Ok(Some(identity)) => {
                asked.insert((account.clone(), epoch));
                learn(&shop, &account, epoch, &identity).await;
            }
            Ok(None) => drop(asked.insert((account, epoch))),
            Err(why) => tracing::debug!(%account, why, "its Zoom user was not asked for now"),
        }
    }
}

/// The epoch of a grant whose user is to be asked for, and may be.
async fn unknown(shop: &Shop, account: &AccountName) -> Option<Epoch> {
    let look = shop.tokens.look(account).await.ok().flatten()?;
    let grant = look.grant?;
    let wanted = look.account.state == AccountState::Active && look.account.aliases.is_empty();
    let scope = grant.scope.as_deref().unwrap_or_default();
    (wanted && scopes::missing(scope, Need::Me).is_none()).then_some(grant.version.epoch)
}

/// `None` when Zoom does not say; an error when it may later.
async fn ask(shop: &Shop, account: &AccountName) -> Result<Option<Identity>, &'static str> {
    let time = shop.queue.settings().request_timeout;
    let begun = shop.calls.begin(account, Label::Light, time).await;
    let Ok(Begun::Go(call)) = begun else { return Err("a call may not begin") };
    let usable = shop.tokens.usable(account.as_str(), call.version, time).await;
    let Usable::Token(token) = usable else {
        let _ = call.end().await;
        return Err("there is no token");
    };
    let answer = users_me(shop, account, &token).await;
    // Its entry ends by itself otherwise.
    let _ = call.end().await;
    answer
}

async fn users_me(
    shop: &Shop,
    account: &AccountName,
    token: &Token,
) -> Result<Option<Identity>, &'static str> {
    let began = Instant::now();
    let answer = token.client.users_me(&token.access).await;
    let word = match &answer {
        Ok(reply) => metric::status(reply.status),
        Err(error) => error.kind.as_str(),
    };
    shop.meters.called("users_me", word, began.elapsed());
    let Ok(reply) = answer else { return Err("zoom was not reached") };
    if reply.status == 401 {
        shop.tokens.refused(account.as_str(), token.version).await;
    }
    match reply.user() {
        Ok(user) => Ok(Some(Identity {
            zoom_user: Some(user.id),
            zoom_account: user.account_id,
            aliases: user.email.into_iter().collect(),
        })),
        Err(error) => {
            tracing::debug!(%account, %error, "zoom does not tell whose the grant is");
            if matches!(reply.status, 401 | 429 | 500..) { Err("zoom refused") } else { Ok(None) }
        }
    }
}

async fn learn(shop: &Shop, account: &AccountName, epoch: Epoch, identity: &Identity) {
    match shop.grants.learn(account, epoch, identity).await {
        Ok(Learnt::Stored | Learnt::Changed) => {}
        Ok(Learnt::AlsoHeldBy { account: other }) => tracing::error!(
            %account, %other,
            "both accounts have a grant of the same Zoom user, and Zoom keeps the newer one alone: \
             remove the other"
        ),
        Err(error) => tracing::warn!(%account, %error, "a grant's user could not be stored"),
    }
}
