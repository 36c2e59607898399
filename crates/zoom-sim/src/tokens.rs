//! Tokens: issue, use and end.
//!
//! Invariant: a grant has at most one valid refresh token.

use std::hash::{DefaultHasher, Hash, Hasher};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::config::Reuse;
use crate::counters::Rule;
use crate::grants::{Grant, Known, Token, TokenKind, TokenState, Tokens};
use crate::world::World;

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

impl World {
    /// A consent: a grant with its first pair. Kills the grant before it of the
    /// same user and app, where the rules say so.
    pub(crate) fn consent(&mut self, user: usize, app: usize, scope: Option<&str>) -> usize {
        let s2s = self.apps[app].s2s_account.is_some();
        let earlier = self.grants.by_user_app.get(&(user, app)).copied();
        if let Some(earlier) = earlier {
            if s2s && self.grants.all[earlier].dead.is_none() {
                return earlier;
            }
            if self.rules.tokens.one_grant_per_user {
                self.kill_grant(earlier, "superseded");
            }
        }
        let scope = scope.unwrap_or(&self.apps[app].scope).into();
        let index = self.grants.all.len();
        self.grants.all.push(Grant {
            user,
            app,
            scope,
            dead: None,
            in_flight: 0,
            rotations: 0,
            refresh: None,
            access: Vec::new(),
        });
        self.grants.by_user_app.insert((user, app), index);
        index
    }

    /// The latest grant of a user, of any app.
    pub(crate) fn grant_of(&self, user: usize) -> Option<usize> {
        let of_app = |app| self.grants.by_user_app.get(&(user, app)).copied();
        (0..self.apps.len()).filter_map(of_app).max()
    }

    /// Issues a pair (or only an access token) for a grant.
    pub(crate) fn issue(&mut self, grant: usize, with_refresh: bool) -> Tokens {
        let rules = &self.rules.tokens;
        let (access_ttl, refresh_ttl) = (rules.access_ttl_ms, rules.refresh_ttl_ms);
        let (serial, access_token) = self.mint(TokenKind::Access, grant, access_ttl);
        self.grants.all[grant].access.push(serial);
        self.counters.access_tokens_issued += 1;
        let refresh_token = with_refresh.then(|| {
            let (serial, token) = self.mint(TokenKind::Refresh, grant, refresh_ttl);
            self.grants.all[grant].refresh = Some(serial);
            self.counters.refresh_tokens_issued += 1;
            token
        });
        let scope = self.grants.all[grant].scope.to_string();
        Tokens { access_token, refresh_token, expires_in: access_ttl / 1_000, scope }
    }

    fn mint(&mut self, kind: TokenKind, grant: usize, ttl_ms: i64) -> (u64, String) {
        self.grants.last_serial += 1;
        let serial = self.grants.last_serial;
        let issued_ms = self.now_ms();
        let expires_ms = issued_ms + ttl_ms;
        let text = self.token_text(kind, grant, serial, issued_ms, expires_ms);
        let (hash, state) = (hash(&text), TokenState::Live);
        let token =
            Token { kind, grant, hash, issued_ms, expires_ms, state, used: false, reuses: 0 };
        self.grants.tokens.insert(serial, token);
        (serial, text)
    }

    /// A token is a function of its serial: it need not be kept to be shown again.
    fn token_text(&self, kind: TokenKind, grant: usize, serial: u64, iat: i64, exp: i64) -> String {
        let grant = &self.grants.all[grant];
        let (user, app) = (&self.users[grant.user], &self.apps[grant.app]);
        let kind = if kind == TokenKind::Access { "access_token" } else { "refresh_token" };
        let claims = format!(
            r#"{{"ver":9,"clientId":"{client}","code":"{code:016x}","iss":"urn:zoom:connect:clientid:{client}","authenticationId":"{code:016x}","userId":"{user}","groupNumber":0,"aud":"https://oauth.zoom.us","accountId":"{account}","nbf":{iat},"exp":{exp},"tokenType":"{kind}","iat":{iat},"jti":"{jti:016x}","tolerance_id":0}}"#,
            client = app.client_id,
            code = self.mixed(11, serial),
            user = user.id,
            account = self.accounts[user.account].id,
            iat = iat / 1_000,
            exp = exp / 1_000,
            jti = self.mixed(12, serial),
        );
        let mut text = String::with_capacity(claims.len() * 4 / 3 + 160);
        text.push_str("eyJzdiI6IjAwMDAwMSIsImFsZyI6IkhTNTEyIiwidiI6IjIuMCIsImtpZCI6InNpbSJ9.");
        URL_SAFE_NO_PAD.encode_string(&claims, &mut text);
        let tail = |n: u64| self.mixed(13 + n, serial);
        text.push_str(&format!(".{serial:016x}{:016x}{:016x}{:016x}", tail(0), tail(1), tail(2)));
        text
    }

    /// State of a token if it is of this kind; else unknown.
    pub(crate) fn know(&self, text: &str, kind: TokenKind) -> Known {
        let unknown = Known { state: TokenState::Unknown, grant: None, serial: 0 };
        let tail = text.rsplit('.').next().unwrap_or_default();
        let serial = tail.get(..16).and_then(|hex| u64::from_str_radix(hex, 16).ok());
        let Some(serial) = serial.filter(|s| *s <= self.grants.last_serial) else { return unknown };
        let Some(token) = self.grants.tokens.get(&serial) else {
            return Known { state: TokenState::Dead, ..unknown };
        };
        if token.kind != kind || token.hash != hash(text) {
            return unknown;
        }
        let expired = token.state == TokenState::Live && token.expires_ms <= self.now_ms();
        let state = if expired { TokenState::Expired } else { token.state };
        Known { state, grant: Some(token.grant), serial }
    }

    pub(crate) fn mark_used(&mut self, known: Known) {
        if let Some(token) = self.grants.tokens.get_mut(&known.serial) {
            token.used = true;
        }
    }

    /// True when a used token may be presented once more; uses up that right.
    fn tolerated(&mut self, known: Known) -> bool {
        let Reuse::Tolerant(allowed) = self.rules.tokens.reuse else { return false };
        let token = self.grants.tokens.get_mut(&known.serial);
        token.is_some_and(|token| {
            let may = token.reuses < allowed;
            token.reuses += u32::from(may);
            may
        })
    }

    /// Judges a presented refresh token: its grant when it may be refreshed.
    pub(crate) fn present(&mut self, text: &str) -> Result<(usize, Known), &'static str> {
        let known = self.know(text, TokenKind::Refresh);
        let user = known.grant.map(|g| self.grants.all[g].user);
        let detail = match known.grant {
            Some(grant) => format!("token {} of grant {grant}", known.serial),
            None => format!("{} characters", text.len()),
        };
        match (known.state, known.grant) {
            (TokenState::Live, Some(grant)) => return Ok((grant, known)),
            (TokenState::Spent, Some(grant)) => {
                self.violate(Rule::SpentRefresh, user, detail);
                if self.grants.all[grant].dead.is_none() && self.tolerated(known) {
                    return Ok((grant, known));
                }
                if self.rules.tokens.reuse == Reuse::RevokeFamily {
                    self.kill_grant(grant, "reuse");
                }
            }
            (TokenState::Expired, _) => self.violate(Rule::ExpiredRefresh, user, detail),
            (TokenState::Unknown, _) => self.violate(Rule::UnknownRefresh, user, detail),
            _ => self.violate(Rule::DeadRefresh, user, detail),
        }
        Err("Invalid Token!")
    }

    /// Refreshes a grant: the current pair becomes used (and invalid), a new one is issued.
    pub(crate) fn rotate(&mut self, grant: usize, presented: Known, with_refresh: bool) -> Tokens {
        let in_flight = self.grants.all[grant].in_flight;
        let user = self.grants.all[grant].user;
        if in_flight > 0 && self.rules.tokens.refresh_kills_access {
            self.violate(Rule::RotationInFlight, Some(user), format!("{in_flight} in flight"));
        }
        self.counters.rotations += 1;
        self.grants.all[grant].rotations += 1;
        self.mark_used(presented);
        if with_refresh && let Some(live) = self.grants.all[grant].refresh.take() {
            self.end_token(live, TokenState::Spent);
        }
        if self.rules.tokens.refresh_kills_access {
            self.end_access(grant);
        } else {
            self.drop_expired(grant);
        }
        self.issue(grant, with_refresh)
    }

    /// A failed refresh ends with the token it was given alive, and whatever was
    /// issued since dead; a grant that ended meanwhile stays so.
    pub(crate) fn put_back(&mut self, text: &str) {
        let known = self.know(text, TokenKind::Refresh);
        let Some(grant) = known.grant.filter(|grant| self.grants.all[*grant].dead.is_none()) else {
            return;
        };
        if let Some(live) = self.grants.all[grant].refresh.replace(known.serial)
            && live != known.serial
        {
            self.end_token(live, TokenState::Dead);
            self.end_access(grant);
        }
        self.grants.gone.retain(|serial| *serial != known.serial);
        if let Some(token) = self.grants.tokens.get_mut(&known.serial) {
            token.state = TokenState::Live;
        }
    }

    /// Ends every access token of the grant.
    pub(crate) fn end_access(&mut self, grant: usize) {
        for serial in std::mem::take(&mut self.grants.all[grant].access) {
            self.end_token(serial, TokenState::Dead);
        }
    }

    /// Forgets access tokens past their life, as the list of a grant must not grow.
    pub(crate) fn drop_expired(&mut self, grant: usize) {
        let now = self.now_ms();
        let (tokens, access) = (&self.grants.tokens, &mut self.grants.all[grant].access);
        let mut over = Vec::new();
        access.retain(|serial| {
            let lives = tokens.get(serial).is_some_and(|t| t.expires_ms > now);
            if !lives {
                over.push(*serial);
            }
            lives
        });
        for serial in over {
            self.end_token(serial, TokenState::Expired);
        }
    }

    fn end_token(&mut self, serial: u64, state: TokenState) {
        let Some(token) = self.grants.tokens.get_mut(&serial) else { return };
        token.state = state;
        if token.kind == TokenKind::Access && !token.used {
            self.counters.access_tokens_never_used += 1;
        }
        self.grants.gone.push_back(serial);
        while self.grants.gone.len() > self.rules.keep.dead_tokens {
            if let Some(oldest) = self.grants.gone.pop_front() {
                self.grants.tokens.remove(&oldest);
            }
        }
    }

    /// Nothing of the grant is good any more.
    pub(crate) fn kill_grant(&mut self, grant: usize, why: &'static str) {
        if self.grants.all[grant].dead.is_some() {
            return;
        }
        self.grants.all[grant].dead = Some(why);
        if let Some(live) = self.grants.all[grant].refresh.take() {
            self.end_token(live, TokenState::Dead);
        }
        self.end_access(grant);
    }

    /// The pair of a grant that is good now.
    pub(crate) fn tokens_of(&self, grant: usize) -> Option<Tokens> {
        let held = &self.grants.all[grant];
        let text = |serial: &u64| {
            let t = self.grants.tokens.get(serial)?;
            Some(self.token_text(t.kind, t.grant, *serial, t.issued_ms, t.expires_ms))
        };
        let newest = held.access.last()?;
        let expires_ms = self.grants.tokens.get(newest)?.expires_ms;
        Some(Tokens {
            access_token: text(newest)?,
            refresh_token: held.refresh.as_ref().and_then(text),
            expires_in: (expires_ms - self.now_ms()).max(0) / 1_000,
            scope: held.scope.to_string(),
        })
    }
}
