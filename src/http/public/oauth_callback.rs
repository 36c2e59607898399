//! A consent that comes back from Zoom.

use hyper::StatusCode;
use hyper::header::{self, HeaderMap, HeaderValue};
use secrecy::SecretString;
use url::form_urlencoded;
use zoom_api::scopes;
use zoomd_store::consent::{Link, Nonce, Taken};
use zoomd_store::grants::Conflict;
use zoomd_workers::consent::{Asked, ConsentError, Consented, Consents, Outcome, Wanted};

use super::page::{Answer, Brand};
use super::{PublicEndpoint, connect, cookie};

/// Zoom's codes are far shorter.
const MOST_QUERY_BYTES: usize = 8 << 10;

/// Parameters with which Zoom sent the browser back.
struct Back {
    state: Nonce,
    code: Option<SecretString>,
    /// Zoom's own word for why there is no code.
    error: Option<String>,
}

impl Back {
    /// `None` for what cannot be an answer to a question of ours.
    fn read(query: &str) -> Option<Self> {
        if query.len() > MOST_QUERY_BYTES {
            return None;
        }
        let (mut state, mut code, mut error) = (None, None, None);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let place = match &*name {
                "state" => &mut state,
                "code" => &mut code,
                "error" => &mut error,
                _ => continue,
            };
            if place.replace(value.into_owned()).is_some() {
                return None;
            }
        }
        let code = code.filter(|code| !code.is_empty()).map(SecretString::from);
        Some(Self { state: Nonce::parse(&state?)?, code, error })
    }
}

/// Takes the state, and with it the code.
pub(super) async fn handle(endpoint: &PublicEndpoint, query: &str, headers: &HeaderMap) -> Answer {
    let (page, https) = (&endpoint.0.brand, endpoint.0.paths.is_https());
    let Some(back) = Back::read(query) else { return ended("unknown", page.not_asked()) };
    // The state stays valid: another daemon may take it, or this one after its restart.
    let consents = endpoint.0.consents.as_ref().filter(|_| !endpoint.is_closing());
    let Some(consents) = consents else { return page.later() };
    let Some(browser) = cookie::read(headers, https) else {
        return ended("unknown", page.not_asked());
    };
    let link = match endpoint.0.links.take(&back.state, Some(&browser)).await {
        Ok(Taken::Good(link)) => link,
        Ok(Taken::Stranger | Taken::Unknown) => return ended("unknown", page.not_asked()),
        Err(error) => {
            tracing::warn!(
                %error,
                "connect link: redis could not be read when zoom sent the browser back"
            );
            return page.later();
        }
    };
    let mut answer = match back.code {
        None => {
            tracing::info!(account = %link.account, "connect link: access was declined at zoom");
            ended("denied", declined(page, &link, back.error.as_deref()))
        }
        Some(code) => match connect::asked(endpoint, consents, &back.state, &browser) {
            Ok(asked) => finish(endpoint, consents.clone(), asked, code, link).await,
            Err(error) => {
                tracing::error!(
                    %error,
                    "connect link: the authorization from zoom cannot be accepted"
                );
                page.later()
            }
        },
    };
    if let Ok(clear) = HeaderValue::try_from(cookie::clear(https)) {
        answer.headers_mut().insert(header::SET_COOKIE, clear);
    }
    answer
}

/// The person said no, or Zoom did. Nothing is wrong with this service.
fn declined(page: &Brand, link: &Link, error: Option<&str>) -> Answer {
    let who = match error {
        None | Some("access_denied") => "You declined access at Zoom.".to_owned(),
        Some(error) => format!("Zoom did not give access ({error})."),
    };
    let text = format!(
        "{who} Nothing was connected. To connect the account after all, open your link again."
    );
    page.ended(StatusCode::FORBIDDEN, "Not connected", &text, link.return_to.as_deref())
}

/// Exchanges the code and stores the grant, whatever becomes of the browser.
async fn finish(
    endpoint: &PublicEndpoint,
    consents: Consents,
    asked: Asked,
    code: SecretString,
    link: Link,
) -> Answer {
    let hand = endpoint.clone();
    let work = async move {
        let conflict = if link.take_over { Conflict::TakeOver } else { Conflict::Refuse };
        let wanted = Wanted { account: link.account.clone(), plan: link.plan, conflict };
        let finished = consents.finish(&asked, &code, &wanted).await;
        if let Ok(Consented { outcome: Outcome::Stored { .. }, .. }) = finished {
            // One that could not be ended is good for another consent, until its time is over.
            if let Err(error) = hand.0.links.spend(&link.digest).await {
                tracing::warn!(
                    %error,
                    "connect link: used, but could not be marked as used in redis"
                );
            }
        }
        told(&hand.0.brand, &link, &finished)
    };
    endpoint.detached(work).await.unwrap_or_else(|| endpoint.0.brand.later())
}

/// Result: a page for the person, a line for the log.
fn told(page: &Brand, link: &Link, finished: &Result<Consented, ConsentError>) -> Answer {
    let account = &link.account;
    let end = |status, head, text: &str| page.ended(status, head, text, link.return_to.as_deref());
    let consented = match finished {
        Ok(consented) => consented,
        Err(error) => return failed(page, link, error),
    };
    match &consented.outcome {
        Outcome::Stored { waiting, .. } => {
            // The change itself is logged by every daemon.
            tracing::debug!(%account, waiting, "connect link: account connected");
            lacking(link, consented.scope.as_deref());
            let label = link.label.as_deref().unwrap_or(account.as_str());
            let text = format!("{label} is connected. You may close this window.");
            ended("stored", end(StatusCode::OK, "Connected", &text))
        }
        Outcome::KeptFor { account: holder } => {
            tracing::warn!(
                %account, %holder,
                "connect link: not connected; the zoom user belongs to another account, whose \
                 authorization was renewed"
            );
            // The page does not name the other account.
            let text = "This Zoom user is already connected here, under another name. That \
                connection still works; nothing was changed. Sign in to Zoom as another user and \
                open your link again, or ask the person who sent it.";
            ended("held", end(StatusCode::CONFLICT, "Not connected", text))
        }
        Outcome::Older => {
            tracing::info!(
                %account,
                "connect link: a newer authorization already exists and was kept"
            );
            let text = "A later sign-in was completed in the meantime and is kept.";
            ended("older", end(StatusCode::CONFLICT, "Not connected", text))
        }
    }
}

fn failed(page: &Brand, link: &Link, error: &ConsentError) -> Answer {
    tracing::warn!(account = %link.account, %error, "connect link: not connected");
    let (outcome, status, text) = match error {
        ConsentError::Transport(_) => (
            "unreachable",
            StatusCode::SERVICE_UNAVAILABLE,
            "Zoom did not answer. Open your link again in a minute.",
        ),
        ConsentError::Refused(_) | ConsentError::NoRefreshToken => (
            "refused",
            StatusCode::FORBIDDEN,
            "Zoom did not confirm the sign-in. Open your link again.",
        ),
        _ => (
            "unstored",
            StatusCode::SERVICE_UNAVAILABLE,
            "The connection could not be stored. Open your link again in a minute.",
        ),
    };
    ended(outcome, page.ended(status, "Not connected", text, link.return_to.as_deref()))
}

/// An app without the scopes connects well; what its jobs come to is told here.
fn lacking(link: &Link, scope: Option<&str>) {
    if let Some((missing, effect)) = scope.and_then(scopes::lacking) {
        let missing = missing.join(" and ");
        tracing::warn!(
            account = %link.account, missing, effect,
            "connect link: the app lacks scopes"
        );
    }
}

fn ended(outcome: &'static str, answer: Answer) -> Answer {
    metrics::counter!("zoomd_consents_total", "outcome" => outcome).increment(1);
    answer
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn only_one_state_and_one_code_is_an_answer() {
        let state = Nonce::generate();
        let state = state.expose();
        let back = Back::read(&format!("code=a%2Bb&state={state}&x=1")).expect("an answer");
        assert_eq!(back.code.expect("a code").expose_secret(), "a+b");
        let denied = Back::read(&format!("error=access_denied&state={state}")).expect("an answer");
        assert!(denied.code.is_none());
        let long = format!("code={}&state={state}", "a".repeat(MOST_QUERY_BYTES));
        for bad in [
            "",
            "code=a",
            "code=a&state=short",
            &format!("code=a&state={state}&state={state}"),
            &format!("code=a&code=b&state={state}"),
            &long,
        ] {
            assert!(Back::read(bad).is_none(), "{bad}");
        }
    }
}
