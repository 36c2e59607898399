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
mod codes;
mod coding;
mod config;
mod control;
mod counters;
mod draft;
mod dress;
mod endpoint;
mod errors;
mod faults;
mod grants;
mod limited;
mod limits;
mod list;
mod marker;
mod meetings;
mod oauth;
mod occurrences;
mod odd;
mod people;
mod plan;
mod recurrence;
mod reply;
mod respond;
mod seeds;
mod serve;
mod settings;
mod shared;
mod sim;
mod start;
mod tokens;
mod update;
mod webhook;
mod world;
mod written;

pub use coding::Coding;
pub use config::{
    ADMIN_SCOPE, App, Config, DEFAULT_SCOPE, Headers, Hooks, Keep, Labels, Lags, LimitRules,
    RetryAfter, Reuse, Rules, TokenRules,
};
pub use counters::{Broken, Counters, PerEndpoint, Violation};
pub use endpoint::Endpoint;
pub use faults::{Fault, FaultId, FaultState, What, When};
pub use grants::{TokenState, Tokens};
pub use limits::LimitKind;
pub use odd::{Dates, End, ListRules, OddRow, Order, PastStart};
pub use plan::{Label, Plan, Rate, Table};
pub use seeds::Seed;
pub use shared::{TimedOut, WAIT};
pub use sim::{Sim, StartError};
pub use webhook::{Answer, Event, WebhookError, hmac_hex, post as post_webhook, signature};
pub use world::{Consent, RequestView, UserSpec, UserView};
pub use written::MeetingView;
