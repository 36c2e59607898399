//! Meaning of a reply: steps 7 (judge), 11 and 12, and server-to-server apps.

use std::sync::Arc;
use std::time::{Duration, Instant};

use secrecy::ExposeSecret as _;
use zoom_api::{AccessToken, App, RefusalKind, RetryAfter, TokenRefusal};
use zoomd_store::StoreError;
use zoomd_store::grants::{GrantKind, GrantSecrets, Line};
use zoomd_store::rotation::{Committed, Doubt, Judged, Offer, Origin, Refusal};

use super::commit::Fresh;
use super::doubt::{Says, says};
use super::exchange::Exchanged;
use super::gate::Lease;
use super::need::USUAL_LIFE;
use super::preflight::{Intent, Presented};
use super::{Ended, Rotator, Stop, late, meter};
use crate::failpoints;

const LONGEST_REST: Duration = Duration::from_secs(900);
/// Time for which a refusal is kept while Redis does not take it, and asked again.
const VERDICT_PATIENCE: Duration = Duration::from_secs(120);
const VERDICT_PAUSE: Duration = Duration::from_millis(250);

/// Next step after a reply.
pub(super) enum Next {
    /// The new pair is stored.
    Stored(Box<Fresh>),
    /// Zoom refused this token and another is left.
    Try { token: Box<Presented>, refused: Intent },
}

impl Rotator {
    /// Reads a staged reply and does what it says.
    pub(super) async fn judge(
        &self,
        lease: &mut Lease,
        token: &Presented,
        intent: Intent,
        exchanged: Exchanged,
    ) -> Result<Next, Stop> {
        let refusal = match exchanged.raw.parse() {
            Ok(reply) => {
                self.app_accepted(lease, &token.app);
                let fresh = self.commit(lease, &exchanged, reply, &token.refresh_token).await?;
                return Ok(Next::Stored(Box::new(fresh)));
            }
            Err(refusal) => refusal,
        };
        failpoints::at("refused");
        match says(refusal.kind, exchanged.staged.is_early()) {
            Says::Dead => self.dead(lease, token, intent, &refusal).await,
            Says::Unknown(doubt) => {
                Err(self.in_doubt(lease, &intent, doubt, &refusal.to_string()).await)
            }
            Says::App => {
                let app = &token.app;
                Err(self.wrong_credentials(lease, app, &refusal).await.with_intent(&intent.id))
            }
            Says::Limited => {
                let rest = self.retry_after(lease, &refusal);
                Err(Stop::later("rate_limited", rest, refusal.to_string()).with_intent(&intent.id))
            }
            Says::Refused => {
                let rest = Duration::from_secs(60);
                Err(Stop::later("refused", rest, refusal.to_string()).with_intent(&intent.id))
            }
        }
    }

    /// Rule N. `invalid_grant` says that these bytes are worth nothing; whether
    /// the account is, the store decides.
    async fn dead(
        &self,
        lease: &mut Lease,
        token: &Presented,
        intent: Intent,
        refusal: &TokenRefusal,
    ) -> Result<Next, Stop> {
        let account = lease.account().clone();
        let reason = late::reason(lease.doubt().is_some(), refusal);
        let age = age_in_words(lease.held.grant.obtained_ms, lease.now_ms());
        let line = Line::new("verdict")
            .version(lease.held.grant.version)
            .fingerprint(token.fp)
            .by(&*self.0.daemon)
            .detail(format!("{reason}{age}: {refusal}"));
        let evidence = Refusal {
            account: &account,
            stored: lease.stored(),
            presented: token.fp,
            owner: &lease.owner,
            intent: &intent.id,
            reason,
            line,
            app_rest: self.0.settings.app_rest * 10,
            hold: self.0.settings.settle_after_restart,
            run_id: &self.run_heard(),
        };
        let judged = match self.until_judged(&evidence).await {
            Ok(judged) => judged,
            Err(error) => {
                // The intent stands; a later probe asks Zoom once more.
                self.not_running(&intent.id);
                return Err(Stop::settled("store_error", Ended::Store(error)));
            }
        };
        if judged == Judged::Hold {
            return Err(self.in_doubt(lease, &intent, Doubt::Early, &refusal.to_string()).await);
        }
        if judged != Judged::Candidates {
            self.settled(&intent.id);
        }
        match judged {
            Judged::Candidates => {
                let grant = &mut lease.held.grant;
                grant.refused.push(token.fp);
                let refused = grant.refused.clone();
                let Some(next) = self.candidate(lease, &refused) else {
                    return Err(Stop::changed().with_intent(&intent.id));
                };
                tracing::warn!(%account, "token refresh: zoom rejected the stored token; trying an alternative one");
                let token = Box::new(next.map_err(|stop| stop.with_intent(&intent.id))?);
                Ok(Next::Try { token, refused: intent })
            }
            Judged::Written { obtained_ms } => {
                let now = u64::try_from(lease.now_ms()).unwrap_or(0);
                if obtained_ms > 0 {
                    meter::died_at(Duration::from_millis(now.saturating_sub(obtained_ms)));
                }
                tracing::error!(
                    %account, reason, %refusal,
                    "account needs authorization; next: zoomd account login {account}"
                );
                let state = "needs_reauth".to_owned();
                let ended = Ended::Dead { state, why: Some(reason.to_owned()) };
                Err(Stop::settled("needs_reauth", ended))
            }
            Judged::Mass { deaths } => {
                let wait = self.0.settings.app_rest * 10;
                tracing::error!(
                    deaths,
                    "token refresh: zoom rejected the tokens of many accounts within a minute; no account is changed, and refreshes of the app are retried in {} s",
                    wait.as_secs()
                );
                let why = "the tokens of many accounts of the app became invalid at the same time"
                    .to_owned();
                Err(Stop::settled("mass_death", Ended::Later { wait, why }))
            }
            Judged::Moved | Judged::Covered | Judged::Hold => {
                Err(Stop::settled("moved", Ended::Changed))
            }
        }
    }

    /// A refusal is evidence that cost a presentation: while Redis is away it is
    /// kept, for rule N can be asked however late.
    async fn until_judged(&self, evidence: &Refusal<'_>) -> Result<Judged, StoreError> {
        let begun = Instant::now();
        let mut closing = self.0.closing.subscribe();
        loop {
            let error = match self.0.rotations.verdict(evidence).await {
                Ok(judged) => return Ok(judged),
                Err(error) => error,
            };
            let over = *closing.borrow_and_update() || begun.elapsed() > VERDICT_PATIENCE;
            if over || !error.is_transient() {
                return Err(error);
            }
            tokio::select! {
                () = tokio::time::sleep(VERDICT_PAUSE) => {}
                _ = closing.changed() => {}
            }
        }
    }

    /// Step 12: the app's id or secret is wrong. No account is marked.
    async fn wrong_credentials(&self, lease: &Lease, app: &App, refusal: &TokenRefusal) -> Stop {
        let rest = self.0.settings.app_rest;
        let grant = &lease.held.grant;
        let why = refusal.to_string();
        self.app_refused(lease, app, &why);
        let mark = self.mark_of(Some(app));
        let stopped = self.0.rotations.stop_app(&grant.issuer, &grant.client_id, &mark, rest, &why);
        if let Err(error) = stopped.await {
            tracing::warn!(%error, "token refresh: could not tell the other daemons to stop the app");
        }
        Stop::later("app", rest, why)
    }

    /// A mark of the configured credentials: daemons with others are not stopped.
    pub(super) fn mark(&self) -> String {
        self.mark_of(self.0.ours.app.as_ref())
    }

    fn mark_of(&self, app: Option<&App>) -> String {
        let keys = self.0.vault.fingerprints();
        match (app, keys) {
            (Some(app), Ok(keys)) => keys.app(&app.client_id, "", &app.client_secret).short(),
            _ => "-".to_owned(),
        }
    }

    fn retry_after(&self, lease: &Lease, refusal: &TokenRefusal) -> Duration {
        let named = match refusal.retry_after {
            Some(RetryAfter::Seconds(seconds)) => Duration::from_secs(seconds),
            Some(RetryAfter::At(at)) => {
                let ms = at.as_millisecond().saturating_sub(lease.now_ms());
                Duration::from_millis(u64::try_from(ms).unwrap_or(0))
            }
            None => self.0.settings.rest * 4,
        };
        named.clamp(self.0.settings.rest, LONGEST_REST)
    }

    /// A server-to-server app: asking again is always safe, so there is nothing
    /// to intend, stage or doubt. The token is shared all the same.
    pub(super) async fn ask_again(
        &self,
        lease: &Lease,
        secrets: &GrantSecrets,
    ) -> Result<Fresh, Stop> {
        let (account, grant) = (&lease.held.account, &lease.held.grant);
        let rest = self.0.settings.rest;
        let Some(secret) = secrets.client_secret.clone() else {
            return Err(Stop::later(
                "sealed",
                Duration::from_secs(60),
                "the app has no client secret",
            ));
        };
        let app = App::new(&grant.client_id, secret);
        let zoom_account = account.zoom_account.as_deref().unwrap_or_default();
        let (sent, sent_ms) = (Instant::now(), lease.now_ms());
        let call = self.0.ours.client.account_credentials(&app, zoom_account);
        let answered = self.call_endpoint(call).await;
        let raw = answered.map_err(|error| Stop::later("unreachable", rest, error.to_string()))?;
        let reply = match raw.parse() {
            Ok(reply) => {
                self.app_accepted(lease, &app);
                reply
            }
            Err(refusal) => {
                return Err(match refusal.kind {
                    RefusalKind::App | RefusalKind::DeadGrant => {
                        self.wrong_credentials(lease, &app, &refusal).await
                    }
                    RefusalKind::RateLimited => {
                        let rest = self.retry_after(lease, &refusal);
                        Stop::later("rate_limited", rest, refusal.to_string())
                    }
                    _ => Stop::later("refused", rest, refusal.to_string()),
                });
            }
        };
        let life = reply.expires_in.map_or(USUAL_LIFE, Duration::from_secs);
        let sent_ms = u64::try_from(sent_ms).unwrap_or(0);
        let access = AccessToken::new(reply.access_token.expose_secret())
            .map_err(|error| Stop::later("unreadable", rest, error.to_string()))?;
        let offer = Offer {
            account: account.name.clone(),
            kind: GrantKind::ServerToServer,
            version: grant.version.next(),
            secrets: GrantSecrets {
                access_token: Some(reply.access_token),
                refresh_token: None,
                client_secret: secrets.client_secret.clone(),
            },
            fp: grant.fp,
            lineage: Vec::new(),
            access_expires_ms: sent_ms + u64::try_from(life.as_millis()).unwrap_or(0),
            access_issued_ms: sent_ms,
            obtained_ms: Some(sent_ms),
            scope: reply.scope.clone(),
            issuer: grant.issuer.clone(),
            client_id: grant.client_id.clone(),
            api_url: reply.api_url.clone(),
            origin: Origin::default(),
            owner: Some(lease.owner.clone()),
            intent: None,
            spare: None,
            line: Line::new("renewed").version(grant.version.next()).by(&*self.0.daemon),
        };
        let committed = self.0.rotations.commit(&self.0.vault, &offer).await;
        match committed {
            Ok(Committed::Stored) => {}
            Ok(_) => return Err(Stop::changed()),
            Err(error) => return Err(Stop::later("store_error", rest, error.to_string())),
        }
        let client = self.0.ours.client_at(reply.api_url.as_deref());
        let version = offer.version;
        let scope = reply.scope.map(Arc::from);
        Ok(Fresh { version, access, client, scope, life, issued: sent, stranger: false })
    }
}

/// Age of the refused token, where that is known: what tells a grant that
/// died of age.
fn age_in_words(obtained_ms: u64, now_ms: i64) -> String {
    let age = u64::try_from(now_ms).unwrap_or(0).saturating_sub(obtained_ms) / 1_000;
    match age {
        _ if obtained_ms == 0 => String::new(),
        0..3_600 => format!(", {age} s old"),
        3_600..172_800 => format!(", {} hours old", age / 3_600),
        _ => format!(", {} days old", age / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::age_in_words;

    #[test]
    fn an_age_is_told_as_people_tell_it() {
        let hour = 3_600_000;
        let ages = [0, 59_999, hour, 47 * hour, 48 * hour, 90 * 24 * hour];
        let words = ages.map(|age| age_in_words(1, 1 + age));
        let wanted = ["0 s", "59 s", "1 hours", "47 hours", "2 days", "90 days"];
        assert_eq!(words, wanted.map(|age| format!(", {age} old")));
        assert_eq!(age_in_words(0, hour), "", "an imported token's age is not known");
    }
}
