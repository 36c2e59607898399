//! A client for Zoom's OAuth and Meetings REST API.
//!
//! Owns: the HTTP exchange with Zoom, the reading of its answers, and what is
//! known of its habits (which text names which limit, which error means which
//! trouble). Knows Zoom and nothing of the program that calls it.
//!
//! Never does: repeat a call, follow a redirect, wait for a limit, keep a token,
//! or put a token, a query string or a `start_url` into an error or a log line.
//!
//! Invariant: an error says whether the request can have reached Zoom
//! ([`Sent`]). `Sent::No` is a promise; anything less certain is `Sent::Maybe`.
//!
//! ```text
//! Client ── post_meeting, list_meetings, … ─▶ Reply ── created(), error(), limit_kind()
//!        └─ exchange_code, refresh, revoke ───▶ RawTokenReply ── parse()
//! webhook::WebhookSecret ── verify() ─▶ webhook::Told ── read()
//! ```

mod body;
mod client;
mod connector;
mod decode;
mod endpoints;
mod error;
mod failure;
mod headers;
mod limit_words;
mod limits;
mod meetings;
mod oauth;
mod objects;
mod pager;
mod proxy;
mod reply;
pub mod scopes;
mod settings;
mod text;
mod tls;
mod token;
mod transport;
pub mod webhook;
mod zoom_error;

pub use body::SendBody;
pub use client::Client;
pub use endpoints::{EndpointError, Endpoints};
pub use error::{Sent, SetupError, TransportError, TransportKind, Unreadable};
pub use headers::{RateHeaders, RateType, RetryAfter, retry_after};
pub use limit_words::LimitKind;
pub use limits::{Limit, asked_rest, limit_kind, next_utc_midnight};
pub use meetings::{ListKind, ListQuery, MeetingRef};
pub use oauth::{
    App, Pkce, RawTokenReply, RefusalCause, RefusalKind, TokenRefusal, TokenReply,
    classify_token_error,
};
pub use objects::{Created, Listed, Meeting, OddRow, Page, User, id_digits};
pub use pager::{Pager, PagerFull, Step};
pub use proxy::{PROXY_VARIABLES, Proxies, ProxyError};
pub use reply::Reply;
pub use settings::Settings;
pub use token::{AccessToken, Claims, InvalidToken};
pub use zoom_error::{Class, FieldError, ZoomError};
