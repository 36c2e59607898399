//! A link: the page it leads to, and the way on to Zoom.
//!
//! Looking at a link changes nothing, for mail programs and chats look at links
//! before people do. The button posts; only then is there a state.

use hyper::StatusCode;
use hyper::header::{self, HeaderMap, HeaderValue};
use zoom_api::Pkce;
use zoomd_store::consent::Nonce;
use zoomd_workers::consent::{Asked, ConsentError, Consents};

use super::page::Answer;
use super::{PublicEndpoint, cookie};

/// The page of a link.
pub(super) async fn show(endpoint: &PublicEndpoint, token: &str) -> Answer {
    let page = &endpoint.0.brand;
    let Some(token) = Nonce::parse(token) else { return page.no_link() };
    match endpoint.0.links.look(&token).await {
        Ok(Some(link)) => page.invite(link.label.as_deref().unwrap_or(link.account.as_str())),
        Ok(None) => page.no_link(),
        Err(error) => {
            tracing::warn!(%error, "connect link: redis could not be read");
            page.later()
        }
    }
}

/// The button was pressed: a state, a cookie, and on to Zoom.
pub(super) async fn begin(endpoint: &PublicEndpoint, token: &str, headers: &HeaderMap) -> Answer {
    let page = &endpoint.0.brand;
    if is_from_elsewhere(headers) {
        let text = "The button was pressed on another site. Open your link and press it there.";
        return page.says(StatusCode::FORBIDDEN, "Not from here", text);
    }
    let Some(token) = Nonce::parse(token) else { return page.no_link() };
    let Some(consents) = &endpoint.0.consents else {
        tracing::error!("connect link: opened, but no OAuth app is configured");
        return page.later();
    };
    let (state, browser) = (Nonce::generate(), Nonce::generate());
    let asked = match asked(endpoint, consents, &state, &browser) {
        Ok(asked) => asked,
        Err(error) => {
            tracing::error!(%error, "connect link: the authorization cannot be started");
            return page.later();
        }
    };
    match endpoint.0.links.begin(&token, &state, &browser).await {
        Ok(Some(link)) => {
            tracing::info!(account = %link.account, "connect link: opened");
        }
        Ok(None) => return page.no_link(),
        Err(error) => {
            tracing::warn!(%error, "connect link: the authorization could not be started");
            return page.later();
        }
    }
    let mut answer = page.go_to(asked.page.as_str());
    let cookie = cookie::set(&browser, endpoint.0.paths.is_https());
    if let Ok(mut cookie) = HeaderValue::try_from(cookie) {
        cookie.set_sensitive(true);
        answer.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    answer
}

/// The question that goes with this state in this browser: the same each time,
/// so that any daemon can finish what another began.
pub(super) fn asked(
    endpoint: &PublicEndpoint,
    consents: &Consents,
    state: &Nonce,
    browser: &Nonce,
) -> Result<Asked, ConsentError> {
    let secret = endpoint.0.grants.vault().fingerprints()?;
    let pkce = Pkce::from_verifier(secret.verifier(state.expose(), browser.expose()));
    consents.ask_as(state.expose(), pkce)
}

/// Browsers say where a request comes from; those that do not are let through.
fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin")
}
