//! OAuth: consent, exchange, refresh, revoke.
//!
//! A refresh token works once. So a token call is one attempt on a connection
//! of its own, and its answer is handed over raw, to be kept before anybody
//! looks into it. Parameters travel in the form body, the app's secret in the
//! `Authorization` header, nothing in the query.

mod app;
mod calls;
mod pkce;
mod refusal;
mod reply;

pub use app::App;
pub use pkce::Pkce;
pub use refusal::{RefusalCause, RefusalKind, TokenRefusal, classify_token_error};
pub use reply::{RawTokenReply, TokenReply};
