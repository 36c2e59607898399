//! The OAuth endpoints: consent (given by itself), token, revoke.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::call::{Call, Form};
use crate::codes::Code;
use crate::counters::Rule;
use crate::faults::{Strike, What};
use crate::grants::{TokenKind, TokenState, Tokens};
use crate::reply::Reply;
use crate::world::{Consent, World};

impl World {
    pub(crate) fn authorize(&mut self, call: &Call) -> Reply {
        let page = |text: &str| Reply::other(400, "text/html", format!("<h1>{text}</h1>"));
        let client = call.query("client_id").unwrap_or_default();
        let Some(app) = self.apps.iter().position(|a| a.client_id == client && !a.disabled) else {
            self.violate(Rule::WrongClient, None, "authorize");
            return page("Invalid client_id (4,702)");
        };
        let Some(redirect) = call.query("redirect_uri") else {
            return page("Invalid redirect (4,700)");
        };
        let allowed = &self.apps[app].redirect_urls;
        if !allowed.is_empty() && !allowed.contains(&redirect) {
            return page("Invalid redirect (4,709)");
        }
        if call.query("response_type").as_deref() != Some("code") {
            return page("Invalid response_type (4,700)");
        }
        let Ok(mut target) = url::Url::parse(&redirect) else {
            return page("Invalid redirect (4,709)");
        };
        let consent = self.consents.pop_front().unwrap_or_default();
        let deny = consent.deny || call.query("sim_deny").is_some();
        if deny {
            target.query_pairs_mut().append_pair("error", "access_denied");
        } else {
            let code = self.new_code(call, app, &redirect, consent);
            target.query_pairs_mut().append_pair("code", &code);
        }
        if let Some(state) = call.query("state") {
            target.query_pairs_mut().append_pair("state", &state);
        }
        Reply::redirect(302, target.into())
    }

    fn new_code(&mut self, call: &Call, app: usize, redirect: &str, consent: Consent) -> String {
        self.counters.consents += 1;
        let name = call.query("sim_user").or(consent.user).unwrap_or_else(|| "owner".into());
        let user = self.user_or_new(&name);
        let challenge = call.query("code_challenge").map(|challenge| {
            (challenge, call.query("code_challenge_method").as_deref() == Some("S256"))
        });
        let now = self.now_ms();
        self.codes.retain(|_, code| code.expires_ms > now);
        let text = format!(
            "{:016x}{:016x}",
            self.mixed(41, self.counters.consents),
            self.mixed(42, self.counters.consents)
        );
        let expires_ms = now + self.rules.tokens.code_ttl_ms;
        let (redirect, scope) = (redirect.to_owned(), consent.scope);
        self.codes.insert(text.clone(), Code { user, app, redirect, challenge, expires_ms, scope });
        text
    }

    /// The app that asks, proved by its secret, or (a public one) to be proved by PKCE.
    fn client(&mut self, form: &Form) -> Result<(usize, bool), Reply> {
        let (id, secret) = match (&form.basic, form.get("client_id")) {
            (Some((id, secret)), _) => (Some(id.as_str()), Some(secret.as_str())),
            (None, id) => (id, form.get("client_secret")),
        };
        let app = id.and_then(|id| self.apps.iter().position(|a| a.client_id == id));
        let good = app.filter(|app| {
            let app = &self.apps[*app];
            app.client_secret.is_none() || app.client_secret.as_deref() == secret
        });
        match good {
            Some(app) if self.apps[app].disabled => {
                let reason = "The app is disabled (4717)";
                Err(Reply::oauth(400, "unauthorized_client", Some(reason)))
            }
            Some(app) => Ok((app, secret.is_some())),
            None => {
                self.violate(Rule::WrongClient, None, "token");
                let reason = "Invalid client_id or client_secret";
                Err(Reply::oauth(400, "invalid_client", Some(reason)))
            }
        }
    }

    pub(crate) fn token(&mut self, form: &Form, strikes: &[Strike]) -> Reply {
        let (app, _) = match self.client(form) {
            Ok(client) => client,
            Err(reply) => return reply,
        };
        let lacks_refresh = |s: &Strike| match &s.what {
            What::TokenWithout(fields) => fields.iter().any(|f| f == "refresh_token"),
            _ => false,
        };
        let with_refresh = !strikes.iter().any(lacks_refresh);
        let issued = match form.get("grant_type") {
            Some("authorization_code") => self.exchange(form, app),
            Some("refresh_token") => self.refresh(form, app, with_refresh),
            Some("account_credentials") => self.account_credentials(form, app),
            _ => Err(Reply::oauth(400, "unsupported_grant_type", Some("unsupported grant type"))),
        };
        match issued {
            Ok(tokens) => self.token_reply(&tokens),
            Err(reply) => reply,
        }
    }

    fn exchange(&mut self, form: &Form, app: usize) -> Result<Tokens, Reply> {
        let presented = form.get("code").unwrap_or_default();
        let code = self.codes.remove(presented).filter(|code| code.app == app);
        let invalid = |why: &str| {
            let reason = format!("Invalid authorization code {why}");
            Err(Reply::oauth(400, "invalid_request", Some(&reason)))
        };
        let Some(code) = code else {
            self.violate(Rule::BadCode, None, "unknown or used");
            return invalid(presented);
        };
        if code.expires_ms <= self.now_ms() {
            self.violate(Rule::BadCode, Some(code.user), "expired");
            return invalid("(4733)");
        }
        if form.get("redirect_uri") != Some(&code.redirect) {
            self.violate(Rule::BadCode, Some(code.user), "redirect_uri");
            return Err(Reply::oauth(400, "invalid_request", Some("Redirect URI mismatch.")));
        }
        let public = self.apps[app].client_secret.is_none();
        let proved = match (&code.challenge, form.get("code_verifier")) {
            (Some((challenge, true)), Some(verifier)) => {
                URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) == *challenge
            }
            (Some((challenge, false)), Some(verifier)) => verifier == challenge,
            (None, None) => !public,
            _ => false,
        };
        if !proved {
            self.violate(Rule::BadCode, Some(code.user), "code_verifier");
            return Err(Reply::oauth(400, "invalid_grant", Some("Invalid code verifier")));
        }
        self.counters.codes_exchanged += 1;
        let grant = self.consent(code.user, app, code.scope.as_deref());
        Ok(self.issue(grant, true))
    }

    fn refresh(&mut self, form: &Form, app: usize, with_refresh: bool) -> Result<Tokens, Reply> {
        let presented = form.get("refresh_token").unwrap_or_default();
        let invalid = |reason| Reply::oauth(400, "invalid_grant", Some(reason));
        let (grant, known) = self.present(presented).map_err(invalid)?;
        if self.grants.all[grant].app != app {
            let user = self.grants.all[grant].user;
            self.violate(Rule::WrongClient, Some(user), "refresh token of another app");
            return Err(invalid("Invalid Token!"));
        }
        Ok(self.rotate(grant, known, with_refresh))
    }

    fn account_credentials(&mut self, form: &Form, app: usize) -> Result<Tokens, Reply> {
        let Some(account) = self.apps[app].s2s_account.clone() else {
            let reason = "unsupported grant type";
            return Err(Reply::oauth(400, "unsupported_grant_type", Some(reason)));
        };
        if form.get("account_id") != Some(&account) {
            return Err(Reply::oauth(400, "invalid_request", Some("Bad Request")));
        }
        let owner = self.owner_of(&account);
        let grant = self.consent(owner, app, None);
        if self.rules.tokens.one_s2s_token {
            self.end_access(grant);
        } else {
            self.drop_expired(grant);
        }
        self.counters.s2s_tokens += 1;
        Ok(self.issue(grant, false))
    }

    fn token_reply(&self, tokens: &Tokens) -> Reply {
        let mut body = json!({
            "access_token": tokens.access_token,
            "token_type": "bearer",
            "expires_in": tokens.expires_in,
            "scope": tokens.scope,
        });
        if let Some(refresh) = &tokens.refresh_token {
            body["refresh_token"] = refresh.as_str().into();
        }
        match self.rules.api_url.as_deref() {
            None => body["api_url"] = self.url.as_str().into(),
            Some("") => {}
            Some(url) => body["api_url"] = url.into(),
        }
        Reply::value(200, &body)
    }

    pub(crate) fn revoke(&mut self, form: &Form) -> Reply {
        if let Err(reply) = self.client(form) {
            return reply;
        }
        let token = form.get("token").unwrap_or_default();
        let mut known = self.know(token, TokenKind::Access);
        if known.state == TokenState::Unknown {
            known = self.know(token, TokenKind::Refresh);
        }
        match (known.state, known.grant) {
            (TokenState::Live, Some(grant)) => {
                self.counters.revocations += 1;
                self.kill_grant(grant, "revoked");
                Reply::value(200, &json!({ "status": "success" }))
            }
            _ => Reply::oauth(400, "invalid_request", Some("Invalid Token!")),
        }
    }
}
