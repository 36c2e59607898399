//! Tokens for a process that is no daemon: it asks one.
//!
//! A rotation belongs into the journal of a process that lasts, so a command
//! asks the daemons through Redis and waits for the commit. Only with none
//! running does it rotate by itself, and then needs the daemons' data folder.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use tokio::sync::OnceCell;
use zoom_api::TokenRefusal;
use zoomd_store::StoreError;
use zoomd_store::grants::{AccountState, GrantVersion};
use zoomd_store::rotation::{Asking, Look, OpenIntent, Rotations};
use zoomd_wire::AccountName;

use super::cache::Cached;
use super::{NoToken, Refused, Token, Tokens, TokensConfig, lock};
use crate::journal::JournalError;
use crate::rotation::ours::Ours;
use crate::rotation::{NOT_OPENED, Order, Urge, Wish};

/// Between two looks at what a daemon was asked for.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// Between two askings: the first may have met a rotation that was ending.
const ASK_AGAIN: Duration = Duration::from_secs(2);
/// Longest wait for a daemon to acknowledge a request: on a busy machine it may need seconds.
/// If no daemon listens there is no wait.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(3);
/// Time for which a failure that only an operator can fix is waited out: it may be older than
/// the fix. A daemon reads its keys and app again with each request.
const APP_PATIENCE: Duration = Duration::from_secs(10);
const DAEMON_PATIENCE: Duration = Duration::from_secs(3);

#[derive(Debug)]
pub struct CommandTokens {
    config: TokensConfig,
    rotations: Rotations,
    ours: Ours,
    own: OnceCell<Tokens>,
    /// Tokens that Zoom refused although they should live: not handed out again.
    refused: Mutex<HashMap<AccountName, GrantVersion>>,
}

impl CommandTokens {
    /// Asks nobody and opens nothing yet.
    #[must_use]
    pub fn new(config: TokensConfig) -> Self {
        let rotations = Rotations::new(config.store.clone());
        let ours = Ours::new(config.client.clone(), config.app.clone());
        Self { config, rotations, ours, own: OnceCell::new(), refused: Mutex::default() }
    }

    /// A token that lives for at least `min_life`, by a rotation if need be.
    pub async fn token(
        &self,
        account: &AccountName,
        min_life: Duration,
        patience: Duration,
    ) -> Result<Token, NoToken> {
        let refused = lock(&self.refused).get(account).copied();
        self.wait_for(account, min_life, refused, false, patience).await
    }

    /// Has the stored generation rotated now, and answers the new one. With `probe`
    /// an exchange in doubt is not waited for: the token is presented again.
    pub async fn rotate(
        &self,
        account: &AccountName,
        probe: bool,
        patience: Duration,
    ) -> Result<Token, NoToken> {
        let after = self.look(account).await?.1;
        self.wait_for(account, Duration::ZERO, Some(after), probe, patience).await
    }

    /// Unresolved refresh of the account, in words, and the time that it will take.
    pub async fn doubt(
        &self,
        account: &AccountName,
    ) -> Result<Option<(String, Duration)>, StoreError> {
        let open = self.in_doubt(account).await?;
        Ok(open.map(|(intent, wait)| (intent.told(), wait)))
    }

    /// The open intent of which nobody is at work, and for how long it is in doubt.
    async fn in_doubt(
        &self,
        account: &AccountName,
    ) -> Result<Option<(OpenIntent, Duration)>, StoreError> {
        let Some(look) = self.rotations.look(account).await? else { return Ok(None) };
        if look.account.intent.is_none() {
            return Ok(None);
        }
        let intent = self.rotations.intent(account).await?;
        let intent = intent.filter(|intent| intent.doubt.is_some() || !look.is_leased());
        Ok(intent.map(|intent| {
            let left = intent.due_ms.unwrap_or(look.now_ms).saturating_sub(look.now_ms);
            (intent, Duration::from_millis(u64::try_from(left).unwrap_or(0)))
        }))
    }

    /// Zoom refused the token of `version` with 401: the next one is of a later version,
    /// unless this one is so young that a new one would not help.
    pub(super) async fn refused(&self, account: &str, version: GrantVersion) -> Refused {
        let Ok(name) = AccountName::new(account) else { return Refused::Replaced };
        let before = Instant::now();
        // Obstacles are reported when a token is asked for.
        let Ok((look, stored)) = self.look(&name).await else { return Refused::Replaced };
        let cached = Cached::open(&self.ours, &self.config.vault, &look, before).ok().flatten();
        let young = cached.is_some_and(|cached| cached.is_young(Instant::now()));
        if stored == version && young && !look.is_forked() {
            return Refused::TooYoung;
        }
        lock(&self.refused).insert(name, version);
        Refused::Replaced
    }

    /// Ends what was begun.
    pub async fn shutdown(&self) {
        if let Some(own) = self.own.get() {
            own.shutdown().await;
        }
    }

    async fn look(&self, account: &AccountName) -> Result<(Look, GrantVersion), NoToken> {
        let look = self.rotations.look(account).await?.ok_or(NoToken::NoAccount)?;
        let usable = matches!(look.account.state, AccountState::Active | AccountState::WrongApp);
        match look.grant.as_ref().filter(|_| usable).map(|grant| grant.version) {
            Some(version) => Ok((look, version)),
            None => {
                let state = look.account.state.to_string();
                Err(NoToken::State { state, why: look.account.why })
            }
        }
    }

    /// Checks that the stored grant can be decrypted here. Where it cannot, no rotation helps:
    /// each would bring one more token that cannot be decrypted.
    fn can_open(&self, look: &Look) -> Result<(), NoToken> {
        let Some(grant) = &look.grant else { return Ok(()) };
        if !self.ours.made(look.account.kind, grant) {
            return Err(match self.config.app {
                Some(_) => NoToken::OtherApp,
                None => NoToken::NoApp,
            });
        }
        let name = look.account.name.as_str();
        match self.config.vault.open_grant(name, grant.version, &grant.sealed) {
            Err(error) if error.is_wrong_key() => Err(NoToken::Sealed(error)),
            // A damaged one the daemon finds too, and says so in the state.
            _ => Ok(()),
        }
    }

    async fn wait_for(
        &self,
        account: &AccountName,
        min_life: Duration,
        after: Option<GrantVersion>,
        mut probe: bool,
        patience: Duration,
    ) -> Result<Token, NoToken> {
        let begun = Instant::now();
        let until = begun + patience;
        let mut asked: Option<Instant> = None;
        // The intent that a daemon was asked to find out about.
        let mut probed: Option<String> = None;
        loop {
            let before = Instant::now();
            let (look, version) = self.look(account).await?;
            self.can_open(&look)?;
            let cached = Cached::open(&self.ours, &self.config.vault, &look, before)?;
            let good = |cached: &Cached| cached.is_usable(min_life, Instant::now());
            if Some(version) != after
                && let Some(cached) = cached.filter(good)
            {
                return Ok(cached.into_token());
            }
            let left = until.saturating_duration_since(Instant::now());
            if asked.is_none_or(|at| at.elapsed() >= ASK_AGAIN) {
                // Once: the token is presented again no more often than that.
                if std::mem::take(&mut probe) {
                    probed = self.rotations.intent(account).await?.map(|intent| intent.id);
                    if !self.ask(account, version, probed.as_deref()).await? {
                        return self.by_itself(account, min_life, after, probed, left).await;
                    }
                } else {
                    if let Some((intent, wait)) = self.in_doubt(account).await?
                        && wait > left
                        && probed.as_ref() != Some(&intent.id)
                    {
                        return Err(NoToken::InDoubt { told: intent.told(), wait });
                    }
                    if !self.ask(account, version, None).await? {
                        return self.by_itself(account, min_life, after, None, left).await;
                    }
                }
                asked = Some(Instant::now());
                continue;
            }
            if let Some(error) = lost_cause(&look, begun.elapsed()) {
                return Err(error);
            }
            if left.is_zero() {
                return Err(NoToken::TimedOut(why_not(&look)));
            }
            tokio::time::sleep(LOOK_AGAIN.min(left)).await;
        }
    }

    /// Asks every daemon to replace `version`, or to find out about the intent `probe`;
    /// whether one says that it will. That somebody listens proves nothing: it may be
    /// another program, or the daemon of another database.
    async fn ask(
        &self,
        account: &AccountName,
        version: GrantVersion,
        probe: Option<&str>,
    ) -> Result<bool, StoreError> {
        let nonce = format!("{:016x}", rand::random::<u64>());
        let asking = probe.map_or(Asking::Command, |intent| Asking::Probe { intent });
        if self.rotations.ask(account, version, &nonce, asking).await? == 0 {
            return Ok(false);
        }
        let begun = Instant::now();
        while !self.rotations.is_acknowledged(&nonce).await? {
            if begun.elapsed() > ACKNOWLEDGED_WITHIN {
                return Ok(false);
            }
            tokio::time::sleep(LOOK_AGAIN / 2).await;
        }
        Ok(true)
    }

    /// No daemon is there: the journal is opened, and what dead ones left in it is
    /// seen to first.
    async fn by_itself(
        &self,
        account: &AccountName,
        min_life: Duration,
        after: Option<GrantVersion>,
        probe: Option<String>,
        patience: Duration,
    ) -> Result<Token, NoToken> {
        let started = self.own.get_or_try_init(|| Tokens::start(self.config.clone())).await;
        let own = started.map_err(|error| {
            NoToken::NoDaemon(format!(
                "no daemon responds, and this process cannot refresh tokens: {error}"
            ))
        })?;
        if let Err(error) = own.repair_first().await {
            tracing::debug!(%error, "the journal could not be compared with redis");
        }
        if let Some(intent) = probe {
            let account = account.clone();
            own.run(Order { account, wish: Wish::ProbeNow(intent), urge: Urge::Command }).await;
        }
        own.wait_for(account, min_life, after, patience).await
    }
}

/// Error if longer waiting does not help: it has lasted for `waited` and no rotation is under way.
fn lost_cause(look: &Look, waited: Duration) -> Option<NoToken> {
    let account = &look.account;
    if look.is_leased() || account.intent.is_some() || waited < DAEMON_PATIENCE {
        return None;
    }
    if account.state == AccountState::WrongApp {
        return Some(NoToken::DaemonApp(account.why.clone().unwrap_or_default()));
    }
    let last = look.grant.as_ref().and_then(|grant| grant.last_error.as_deref())?;
    if last.starts_with(NOT_OPENED) {
        return Some(NoToken::DaemonKey(last.to_owned()));
    }
    let stays = last.starts_with(TokenRefusal::OF_APP) || last.starts_with(JournalError::BEGINS);
    (stays && waited >= APP_PATIENCE).then(|| NoToken::TimedOut(why_not(look)))
}

/// Reason why the request had no effect, as far as the record shows.
fn why_not(look: &Look) -> String {
    let last = look.grant.as_ref().and_then(|grant| grant.last_error.clone());
    match last {
        Some(error) => format!("the last token refresh failed: {error}"),
        None if look.account.intent.is_some() => "a token refresh is unresolved".to_owned(),
        None => "no daemon has refreshed it yet".to_owned(),
    }
}
