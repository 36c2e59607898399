//! A Zoom for tests: OAuth with rotating refresh tokens, meetings, limits, and
//! whatever can go wrong, on demand. It knows Zoom's published contract and
//! nothing of its clients: it shares no type with any of them.
//!
//! ```no_run
//! # async fn example() {
//! use zoom_sim::{Config, Endpoint, Fault, Sim, What};
//! let sim = Sim::start(Config::unlimited()).await;
//! let tokens = sim.grant("ada");
//! sim.fault(Fault::new(Endpoint::Create, What::Status(503)).after());
//! // … a client creates a meeting at sim.url() with tokens.access_token …
//! sim.wait_for(Endpoint::Create, 1).await.unwrap();
//! assert_eq!(sim.meetings_of("ada").len(), 1);
//! assert!(sim.counters().broken.none());
//! # }
//! ```
//!
//! Invariant: what a request does, it does under one lock, so that "before" and
//! "after the meeting exists" are exact.

mod api;
mod body;
mod call;
mod clock;
mod coding;
mod config;
mod control;
mod counters;
mod draft;
mod endpoint;
mod faults;
mod limits;
mod list;
mod marker;
mod meetings;
mod oauth;
mod occurrences;
mod odd;
mod people;
mod recurrence;
mod reply;
mod seeds;
mod serve;
mod settings;
mod shared;
mod sim;
mod tokens;
mod update;
mod webhook;
mod world;

pub use coding::Coding;
pub use config::{
    ADMIN_SCOPE, App, Config, DEFAULT_SCOPE, Headers, Hooks, Keep, Labels, Lags, LimitRules, Plan,
    RetryAfter, Reuse, Rules, TokenRules,
};
pub use counters::{Broken, Counters, PerEndpoint, Violation};
pub use endpoint::Endpoint;
pub use faults::{Fault, FaultId, FaultState, What, When};
pub use limits::{Label, LimitKind, Rate, Table};
pub use meetings::MeetingView;
pub use odd::{Dates, End, ListRules, OddRow, Order, PastStart};
pub use seeds::Seed;
pub use shared::TimedOut;
pub use sim::{Sim, StartError, WAIT};
pub use tokens::{TokenState, Tokens};
pub use webhook::{Answer, Event, WebhookError, hmac_hex, post as post_webhook, signature};
pub use world::{Consent, RequestView, UserSpec, UserView};
