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
    /// `PUT /v2/meetings/{id}/status`
    Status,
    /// `GET /v2/meetings/{id}/invitation`
    Invitation,
    /// `POST /v2/meetings/{id}/registrants`
    Register,
    /// `GET /v2/meetings/{id}/registrants`
    Registrants,
    /// `GET /v2/users/{user}/upcoming_meetings`
    Upcoming,
    /// `GET /v2/users`
    Users,
    /// `GET /v2/users/me` (or another user)
    Me,
    /// Any other path.
    Other,
    /// All of them.
    Any,
}

impl Endpoint {
    /// Every real endpoint.
    pub const ALL: [Self; 16] = [
        Self::Authorize,
        Self::Token,
        Self::Revoke,
        Self::Create,
        Self::List,
        Self::Get,
        Self::Update,
        Self::Delete,
        Self::Status,
        Self::Invitation,
        Self::Register,
        Self::Registrants,
        Self::Upcoming,
        Self::Users,
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

/// The endpoint of a request and the variable part of its path (still encoded). A
/// slash at the end means nothing.
pub(crate) fn route<'p>(method: &Method, path: &'p str) -> (Endpoint, &'p str) {
    let none = (Endpoint::Other, "");
    let path = path.strip_suffix('/').unwrap_or(path);
    match (path, method) {
        ("/oauth/authorize", &Method::GET) => return (Endpoint::Authorize, ""),
        ("/oauth/token", &Method::POST) => return (Endpoint::Token, ""),
        ("/oauth/revoke", &Method::POST) => return (Endpoint::Revoke, ""),
        _ => {}
    }
    let Some(rest) = path.strip_prefix("/v2/") else { return none };
    let mut parts = rest.split('/');
    let named = (parts.next(), parts.next().unwrap_or_default(), parts.next());
    if parts.next().is_some() {
        return none;
    }
    let endpoint = match (named.0, named.1, named.2, method.as_str()) {
        (Some("users"), "", None, "GET") => Endpoint::Users,
        (_, "", ..) => return none,
        (Some("users"), _, None, "GET") => Endpoint::Me,
        (Some("users"), _, Some("meetings"), "POST") => Endpoint::Create,
        (Some("users"), _, Some("meetings"), "GET") => Endpoint::List,
        (Some("users"), _, Some("upcoming_meetings"), "GET") => Endpoint::Upcoming,
        (Some("meetings"), _, None, "GET") => Endpoint::Get,
        (Some("meetings"), _, None, "PATCH") => Endpoint::Update,
        (Some("meetings"), _, None, "DELETE") => Endpoint::Delete,
        (Some("meetings"), _, Some("status"), "PUT") => Endpoint::Status,
        (Some("meetings"), _, Some("invitation"), "GET") => Endpoint::Invitation,
        (Some("meetings"), _, Some("registrants"), "POST") => Endpoint::Register,
        (Some("meetings"), _, Some("registrants"), "GET") => Endpoint::Registrants,
        _ => return none,
    };
    (endpoint, named.1)
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
            ("GET", "/v2/meetings/12/", Endpoint::Get, "12"),
            ("POST", "/v2/users/me/meetings/", Endpoint::Create, "me"),
            ("POST", "/oauth/token/", Endpoint::Token, ""),
            ("GET", "/v2/meetings/12/invitation", Endpoint::Invitation, "12"),
            ("PUT", "/v2/meetings/12/status", Endpoint::Status, "12"),
            ("POST", "/v2/meetings/12/registrants", Endpoint::Register, "12"),
            ("GET", "/v2/meetings/12/registrants", Endpoint::Registrants, "12"),
            ("GET", "/v2/users/me/upcoming_meetings", Endpoint::Upcoming, "me"),
            ("GET", "/v2/users", Endpoint::Users, ""),
            ("GET", "/v2/users/", Endpoint::Users, ""),
            ("GET", "/v2/meetings", Endpoint::Other, ""),
            ("GET", "/v2/meetings/12/x/y", Endpoint::Other, ""),
        ];
        for (method, path, endpoint, arg) in table {
            let method = Method::from_bytes(method.as_bytes()).expect("a method");
            assert_eq!(route(&method, path), (endpoint, arg), "{method} {path}");
        }
    }
}
