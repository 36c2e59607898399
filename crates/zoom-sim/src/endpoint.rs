//! The operations of Zoom that are simulated, and what a path stands for.

use std::str::FromStr;

use http::Method;
use serde::{Deserialize, Serialize};

/// One operation. `Any` stands for all of them where faults and waits are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// `GET /oauth/authorize`
    Authorize,
    /// `POST /oauth/token`
    Token,
    /// `POST /oauth/revoke`
    Revoke,
    /// `POST /v2/users/{user}/meetings`
    Create,
    /// `GET /v2/users/{user}/meetings`
    List,
    /// `GET /v2/meetings/{id}`
    Get,
    /// `PATCH /v2/meetings/{id}`
    Update,
    /// `DELETE /v2/meetings/{id}`
    Delete,
    /// `GET /v2/users/me` (or another user)
    Me,
    /// Whatever is not there.
    Other,
    /// All of them.
    Any,
}

impl Endpoint {
    /// Every real endpoint.
    pub const ALL: [Self; 10] = [
        Self::Authorize,
        Self::Token,
        Self::Revoke,
        Self::Create,
        Self::List,
        Self::Get,
        Self::Update,
        Self::Delete,
        Self::Me,
        Self::Other,
    ];

    pub(crate) fn covers(self, other: Self) -> bool {
        self == Self::Any || self == other
    }

    pub(crate) fn is_oauth(self) -> bool {
        matches!(self, Self::Authorize | Self::Token | Self::Revoke)
    }
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        serde_json::from_value(serde_json::Value::String(s.into()))
            .map_err(|_| format!("no such endpoint: {s}"))
    }
}

/// The endpoint of a request and the variable part of its path (still encoded).
pub(crate) fn route<'p>(method: &Method, path: &'p str) -> (Endpoint, &'p str) {
    let none = (Endpoint::Other, "");
    match (path, method) {
        ("/oauth/authorize", &Method::GET) => return (Endpoint::Authorize, ""),
        ("/oauth/token", &Method::POST) => return (Endpoint::Token, ""),
        ("/oauth/revoke", &Method::POST) => return (Endpoint::Revoke, ""),
        _ => {}
    }
    let Some(rest) = path.strip_prefix("/v2/") else { return none };
    if let Some(rest) = rest.strip_prefix("users/") {
        return match (rest.strip_suffix("/meetings"), method) {
            (Some(user), &Method::POST) if !user.contains('/') => (Endpoint::Create, user),
            (Some(user), &Method::GET) if !user.contains('/') => (Endpoint::List, user),
            (None, &Method::GET) if !rest.contains('/') => (Endpoint::Me, rest),
            _ => none,
        };
    }
    match (rest.strip_prefix("meetings/"), method) {
        (Some(id), &Method::GET) if !id.contains('/') => (Endpoint::Get, id),
        (Some(id), &Method::PATCH) if !id.contains('/') => (Endpoint::Update, id),
        (Some(id), &Method::DELETE) if !id.contains('/') => (Endpoint::Delete, id),
        _ => none,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes() {
        let table = [
            ("GET", "/oauth/authorize", Endpoint::Authorize, ""),
            ("GET", "/oauth/token", Endpoint::Other, ""),
            ("POST", "/v2/users/me/meetings", Endpoint::Create, "me"),
            ("GET", "/v2/users/a%40b.c/meetings", Endpoint::List, "a%40b.c"),
            ("GET", "/v2/users/me", Endpoint::Me, "me"),
            ("PATCH", "/v2/meetings/12", Endpoint::Update, "12"),
            ("DELETE", "/v2/meetings/12", Endpoint::Delete, "12"),
            ("GET", "/v2/meetings/12/invitation", Endpoint::Other, ""),
        ];
        for (method, path, endpoint, arg) in table {
            let method = Method::from_bytes(method.as_bytes()).expect("a method");
            assert_eq!(route(&method, path), (endpoint, arg), "{method} {path}");
        }
    }
}
