//! The calls to the OAuth pages.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use url::Url;
use url::form_urlencoded::Serializer;
use zeroize::Zeroizing;

use super::{App, Pkce, RawTokenReply};
use crate::client::Client;
use crate::decode;
use crate::error::TransportError;
use crate::headers::retry_after;

impl Client {
    /// The consent page to send a person to.
    pub fn authorize_url(&self, app: &App, redirect: &str, state: &str, pkce: &Pkce) -> Url {
        let mut url = self.settings().endpoints.oauth_url("authorize");
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &app.client_id)
            .append_pair("redirect_uri", redirect)
            .append_pair("state", state)
            .append_pair("code_challenge", &pkce.challenge())
            .append_pair("code_challenge_method", "S256");
        url
    }

    /// Exchanges the code that consent brought back. A code works once.
    pub async fn exchange_code(
        &self,
        app: &App,
        code: &SecretString,
        redirect: &str,
        pkce: &Pkce,
    ) -> Result<RawTokenReply, TransportError> {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.expose_secret()),
            ("redirect_uri", redirect),
            ("code_verifier", pkce.verifier().expose_secret()),
        ];
        self.token_call("token", app, &form).await
    }

    /// Exchanges a refresh token for a new pair.
    pub async fn refresh(
        &self,
        app: &App,
        refresh_token: &SecretString,
    ) -> Result<RawTokenReply, TransportError> {
        let form =
            [("grant_type", "refresh_token"), ("refresh_token", refresh_token.expose_secret())];
        self.token_call("token", app, &form).await
    }

    /// Requests an access token of a server-to-server app; uses no refresh token.
    pub async fn account_credentials(
        &self,
        app: &App,
        zoom_account_id: &str,
    ) -> Result<RawTokenReply, TransportError> {
        let form = [("grant_type", "account_credentials"), ("account_id", zoom_account_id)];
        self.token_call("token", app, &form).await
    }

    /// Ends the grant behind an access token.
    pub async fn revoke(
        &self,
        app: &App,
        token: &SecretString,
    ) -> Result<RawTokenReply, TransportError> {
        let form = [("token", token.expose_secret())];
        self.token_call("revoke", app, &form).await
    }

    async fn token_call(
        &self,
        leaf: &str,
        app: &App,
        form: &[(&str, &str)],
    ) -> Result<RawTokenReply, TransportError> {
        let url = self.settings().endpoints.oauth_url(leaf);
        let mut headers = HeaderMap::new();
        let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(CONTENT_TYPE, form_type);
        headers.insert(AUTHORIZATION, app.basic());
        let sent = self.token_exchange(url, headers, encode(form).into());
        let (status, headers, body) = sent.await?;
        let mut reply = RawTokenReply::new(status, body.to_vec()).coded(decode::codings(&headers));
        reply.retry_after = headers
            .get(http::header::RETRY_AFTER)
            .and_then(|value| retry_after(value.to_str().ok()?));
        Ok(reply)
    }
}

/// The form, in memory that is wiped when the last holder lets go.
fn encode(form: &[(&str, &str)]) -> Bytes {
    let room = form.iter().map(|(key, value)| key.len() + 3 * value.len() + 2).sum();
    let mut serializer = Serializer::new(String::with_capacity(room));
    serializer.extend_pairs(form);
    Bytes::from_owner(Zeroizing::new(serializer.finish().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Endpoints, Settings};

    #[test]
    fn the_form_is_encoded() {
        assert_eq!(encode(&[("a", "b c&d"), ("e", "ü")]), "a=b+c%26d&e=%C3%BC");
    }

    #[test]
    fn the_consent_page_names_the_challenge_not_the_verifier() {
        let endpoints = Endpoints::new("http://localhost/v2", "http://localhost", false).unwrap();
        let client = Client::new(Settings::new(endpoints)).unwrap();
        let app = App::new("id", SecretString::from("secret"));
        let pkce = Pkce::from_verifier(SecretString::from("verifier"));
        let url = client.authorize_url(&app, "http://localhost:3000/zoom", "s&t", &pkce);
        let challenge = pkce.challenge();
        assert_eq!(
            url.as_str(),
            format!(
                "http://localhost/oauth/authorize?response_type=code&client_id=id\
                 &redirect_uri=http%3A%2F%2Flocalhost%3A3000%2Fzoom&state=s%26t\
                 &code_challenge={challenge}&code_challenge_method=S256"
            )
        );
    }
}
