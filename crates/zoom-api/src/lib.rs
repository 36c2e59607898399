//! A client for Zoom's OAuth and Meetings REST API.
//!
//! [`Client`] sends one request and answers with a [`Reply`], whose status, body and limits
//! the caller reads: [`Reply::error`] is Zoom's error, [`limit_kind`] the limit that it
//! names. [`webhook`] checks and reads Zoom's webhooks, [`scopes`] knows which scope each
//! call needs.
//!
//! ```no_run
//! use zoom_api::{AccessToken, Client, Endpoints, SendBody, Settings};
//! # async fn create(token: AccessToken) -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::new(Settings::new(Endpoints::zoom()))?;
//! let meeting = r#"{"topic":"Sync","type":2,"start_time":"2030-01-07T10:00:00Z"}"#;
//! let reply = client.post_meeting(&token, "me", SendBody::new(meeting, || true)).await?;
//! if reply.status == 201 {
//!     println!("made meeting {}", reply.created()?.id);
//! } else {
//!     println!("Zoom refused: {}", reply.error().message);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! It never repeats a call, follows a redirect, waits for a limit or keeps a token, and
//! puts no token, query string or `start_url` into an error or a log line.
//!
//! Invariant: an error says whether the request can have reached Zoom ([`Sent`]).
//! `Sent::No` is a promise; anything less certain is `Sent::Maybe`.

#![warn(missing_docs)]

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
mod outbound;
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
pub use outbound::Outbound;
pub use pager::{Pager, PagerFull, Step};
pub use proxy::{PROXY_VARIABLES, Proxies, ProxyError};
pub use reply::Reply;
pub use settings::Settings;
pub use token::{AccessToken, Claims, InvalidToken};
pub use zoom_error::{Class, FieldError, ZoomError};
