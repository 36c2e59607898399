//! Zoom's webhook: verifies the signature, and removes accounts whose authorization was
//! revoked.
//!
//! Zoom waits three seconds, and asks again only after a 5xx or silence. So what
//! is heard is noted in Redis first, then answered; it is carried out at once
//! where that is quick, and by any daemon's next round where it is not.

use std::time::Duration;

use hyper::StatusCode;
use hyper::header::HeaderMap;
use jiff::Timestamp;
use serde_json::Value;
use zoom_api::webhook::{NoEvent, Told, Unverified};
use zoomd_store::consent::Deauthorization;

use super::PublicEndpoint;
use super::page::{self, Answer, words};

/// Time for which Redis may take to note what was heard.
const NOTE_PATIENCE: Duration = Duration::from_millis(1_500);
/// Time for which the answer waits for the work itself.
const WORK_PATIENCE: Duration = Duration::from_secs(1);
/// A validation token of Zoom's has some 22 characters.
const MOST_PLAIN_TOKEN: usize = 1 << 10;

/// Hears one event.
pub(super) async fn handle(endpoint: &PublicEndpoint, headers: &HeaderMap, body: &[u8]) -> Answer {
    let told = match verified(endpoint, headers, body) {
        Ok(()) => Told::read(body),
        Err(unverified) => {
            tracing::warn!(%unverified, "webhook: rejected");
            let outcome = if unverified == Unverified::Stale { "stale" } else { "unsigned" };
            let refused = words(StatusCode::UNAUTHORIZED, "not verified\n");
            return ended("unknown", outcome, refused);
        }
    };
    match told {
        Ok(Told::UrlValidation { plain_token }) if plain_token.len() <= MOST_PLAIN_TOKEN => {
            ended("url_validation", "ok", validation(endpoint, &plain_token))
        }
        Ok(Told::Deauthorized { user_id, account_id, client_id, at }) => {
            let client_id = client_id.or_else(|| endpoint.0.client_id.clone());
            let deauthorization = Deauthorization {
                client_id: client_id.unwrap_or_default(),
                zoom_user: user_id,
                zoom_account: account_id,
                at_ms: at.unwrap_or_else(Timestamp::now).as_millisecond().unsigned_abs(),
            };
            deauthorization_of(endpoint, deauthorization).await
        }
        // Zoom never repeats what got a 4xx, and disables an endpoint that often
        // answers so. An operator can read the log.
        Ok(Told::UrlValidation { .. }) | Err(NoEvent) => {
            let said = said(body);
            tracing::warn!(
                event = said,
                bytes = body.len(),
                "webhook: valid signature, but the event is not understood; if it is \
                 app_deauthorized, remove the account with zoomd account remove"
            );
            ended("unknown", "unreadable", words(StatusCode::OK, "not understood\n"))
        }
        // Zoom sends what the app is subscribed to, and stops sending to who refuses.
        Ok(_) => ended("other", "ok", words(StatusCode::OK, "ignored\n")),
    }
}

fn verified(endpoint: &PublicEndpoint, headers: &HeaderMap, body: &[u8]) -> Result<(), Unverified> {
    let secret = endpoint.0.webhook.as_ref().ok_or(Unverified::Malformed)?;
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (time, signature) = (text("x-zm-request-timestamp"), text("x-zm-signature"));
    secret.verify(time, signature, body, Timestamp::now())
}

fn validation(endpoint: &PublicEndpoint, plain_token: &str) -> Answer {
    let encrypted = endpoint.0.webhook.as_ref().map(|secret| secret.encrypted_token(plain_token));
    let body = serde_json::json!({"plainToken": plain_token, "encryptedToken": encrypted});
    page::plain(StatusCode::OK, "application/json", body.to_string())
}

/// The event's name, or what stands in its place; the rest of a body may name people.
fn said(body: &[u8]) -> String {
    let event: Option<Value> = serde_json::from_slice(body).ok();
    let name = event.map_or_else(|| "not JSON".to_owned(), |event| event["event"].to_string());
    name.chars().take(80).collect()
}

async fn deauthorization_of(endpoint: &PublicEndpoint, deauthorization: Deauthorization) -> Answer {
    const EVENT: &str = "app_deauthorized";
    let noted =
        tokio::time::timeout(NOTE_PATIENCE, endpoint.0.deauthorizations.hear(&deauthorization))
            .await;
    let trouble = match noted {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some("redis did not answer in time".to_owned()),
    };
    if let Some(error) = trouble {
        tracing::warn!(
            error,
            "webhook: could not store a revoked authorization in redis; zoom will retry"
        );
        let refused = words(StatusCode::SERVICE_UNAVAILABLE, "try again\n");
        return ended(EVENT, "unstored", refused);
    }
    let deauthorizations = endpoint.0.deauthorizations.clone();
    let work = endpoint.detached(async move { deauthorizations.carry_out(&deauthorization).await });
    if let Ok(Some(Err(error))) = tokio::time::timeout(WORK_PATIENCE, work).await {
        tracing::warn!(
            %error,
            "webhook: an authorization was revoked at zoom; removing its account failed and is retried: {error}"
        );
    }
    ended(EVENT, "ok", words(StatusCode::OK, "ok\n"))
}

fn ended(event: &'static str, outcome: &'static str, answer: Answer) -> Answer {
    metrics::counter!("zoomd_webhooks_total", "event" => event, "outcome" => outcome).increment(1);
    answer
}
