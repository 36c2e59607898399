//! Access to the API and the console: tokens, the cookie of a browser that signed in, and
//! the guards against other sites.
//!
//! Owns every decision on access; `api` and `console` ask it and make no rule of their
//! own. Without tokens only a listener on the loopback answers, and only reads unless
//! `api.allow_write_without_token` is set.

mod session;
mod site;
mod tokens;

use std::net::SocketAddr;

use hyper::{HeaderMap, Method, StatusCode, header};
use jiff::Timestamp;

use super::problem::Problem;
use crate::actor::{Actor, Role};
use crate::config::Config;
use crate::error::CliError;
use session::Session;
use tokens::Tokens;

pub use tokens::{generate, line};

/// The rules of access of one listener.
pub struct Auth {
    tokens: Option<Tokens>,
    session: Option<Session>,
    hosts: Vec<String>,
    loopback: bool,
    write_without_token: bool,
}

/// A browser that signed in.
pub struct SignedIn {
    /// The one whose token it showed.
    pub actor: Actor,
    /// The value of `Set-Cookie`.
    pub cookie: String,
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Auth").field("hosts", &self.hosts).finish_non_exhaustive()
    }
}

impl Auth {
    /// The rules of this configuration for a listener at `address`.
    pub fn new(config: &Config, address: SocketAddr) -> Result<Self, CliError> {
        let api = &config.api;
        Ok(Self {
            tokens: api.tokens_file.as_deref().map(Tokens::open).transpose()?,
            session: Session::new(config.encryption.key.as_ref()),
            hosts: api.hosts.clone(),
            loopback: address.ip().is_loopback(),
            write_without_token: api.allow_write_without_token,
        })
    }

    /// True where a token is asked for, so that a browser has to sign in.
    pub fn asks_for_token(&self) -> bool {
        self.tokens.is_some()
    }

    /// Refuses a request that is for another host, or a write that a page of another site
    /// sent.
    pub fn check_site(&self, method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
        if !site::is_ours(headers, &self.hosts) {
            return Err(Problem::new(
                StatusCode::MISDIRECTED_REQUEST,
                "wrong_host",
                "this host is not known here",
            )
            .hint("use localhost, or add the host to api.hosts (ZOOMD_API_HOSTS)"));
        }
        if !site::is_same(method, headers, session::claim(headers).is_some()) {
            let text = "a page of another site sent this write";
            return Err(Problem::new(StatusCode::FORBIDDEN, "other_origin", text));
        }
        Ok(())
    }

    /// The one who sent the request: by its bearer token, else by its cookie, else, where
    /// there are no tokens, somebody on this machine.
    pub fn actor(&self, headers: &HeaderMap) -> Result<Actor, Problem> {
        let Some(tokens) = &self.tokens else { return self.without_token() };
        if let Some(sent) = headers.get(header::AUTHORIZATION) {
            let token = sent.to_str().ok().and_then(bearer);
            let actor = token.and_then(|token| tokens.actor(&tokens::hash(token)));
            return actor.ok_or_else(|| unauthorized("the token is not known"));
        }
        let claim = session::claim(headers).zip(self.session.as_ref());
        let actor = claim.and_then(|(claim, session)| {
            let now_s = Timestamp::now().as_second();
            let mut named = tokens.hashes(&claim.name).into_iter();
            named.find(|(hash, _)| session.proves(&claim, hash, now_s)).map(|(_, actor)| actor)
        });
        actor.ok_or_else(|| unauthorized("a token is needed"))
    }

    fn without_token(&self) -> Result<Actor, Problem> {
        if !self.loopback {
            let text = "without tokens the API and the console answer on a loopback listener only";
            return Err(Problem::new(StatusCode::FORBIDDEN, "no_tokens", text)
                .hint("set ZOOMD_API_TOKENS_FILE; zoomd config token NAME --role ROLE makes one"));
        }
        Ok(Actor::local(if self.write_without_token { Role::Operate } else { Role::Read }))
    }

    /// Signs a browser in with a token that somebody typed. `https`: the cookie is to be
    /// sent over TLS only.
    pub fn sign_in(&self, token: &str, https: bool) -> Option<SignedIn> {
        let (tokens, session) = (self.tokens.as_ref()?, self.session.as_ref()?);
        let hash = tokens::hash(token.trim());
        let actor = tokens.actor(&hash)?;
        let cookie = session.begin(&actor.name, &hash, Timestamp::now().as_second(), https);
        Some(SignedIn { actor, cookie })
    }

    /// The value of `Set-Cookie` for a browser that signs out.
    pub fn sign_out() -> String {
        session::end()
    }
}

/// Refuses one whose role is less than `role`.
pub fn check_role(actor: &Actor, role: Role) -> Result<(), Problem> {
    if actor.may(role) {
        return Ok(());
    }
    let text = format!("this needs the role {role}; {} has {}", actor.name, actor.role);
    Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", text).hint(
        "use a token with that role; on a loopback listener without tokens, \
         api.allow_write_without_token allows writes",
    ))
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn unauthorized(text: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", text)
        .hint("send Authorization: Bearer TOKEN; zoomd config token NAME --role ROLE makes one")
}
