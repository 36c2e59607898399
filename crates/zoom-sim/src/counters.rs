//! Counters of the simulator. A client that keeps Zoom's rules leaves every field of `Broken` at
//! zero.

use serde::{Deserialize, Serialize};

use crate::endpoint::Endpoint;

/// Counts since the start or the last reset.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "each name says it")]
pub struct Counters {
    /// Requests that arrived whole, by endpoint.
    pub arrived: PerEndpoint,
    /// Requests that were answered (or cut off on purpose), by endpoint.
    pub answered: PerEndpoint,
    /// Requests whose client went away before the reply.
    pub abandoned: u64,
    /// Requests whose body never came whole; nothing was done with them.
    pub incomplete: u64,
    pub connections: u64,
    pub connections_open: u64,
    pub peak_in_flight: u64,
    pub meetings_created: u64,
    pub meetings_updated: u64,
    pub meetings_deleted: u64,
    pub consents: u64,
    pub codes_exchanged: u64,
    pub rotations: u64,
    /// Rotations whose client disconnected before the reply: nobody has their tokens.
    pub rotations_abandoned: u64,
    pub s2s_tokens: u64,
    pub revocations: u64,
    pub access_tokens_issued: u64,
    pub refresh_tokens_issued: u64,
    /// Access tokens that became invalid (rotated away, revoked) without having been used.
    pub access_tokens_never_used: u64,
    pub faults_injected: u64,
    /// 429s by its own limits, not by faults.
    pub refused_per_second: u64,
    pub refused_label_day: u64,
    pub refused_user_day: u64,
    /// Rules that the client broke.
    pub broken: Broken,
}

/// Rules a client broke, each counted once per request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "each name says it")]
pub struct Broken {
    /// A used refresh token was presented.
    pub spent_refresh_token: u64,
    /// A refresh token of a revoked or superseded grant was presented.
    pub dead_refresh_token: u64,
    pub expired_refresh_token: u64,
    pub unknown_refresh_token: u64,
    /// An access token was used that a refresh, a revocation or a new consent had killed.
    pub dead_access_token: u64,
    pub expired_access_token: u64,
    pub unknown_access_token: u64,
    pub missing_access_token: u64,
    /// A refresh was answered while a request of the same grant was in flight.
    pub rotation_in_flight: u64,
    /// Arrivals over the account's rate in a sliding second (or minute).
    pub over_per_second: u64,
    pub over_label_day: u64,
    pub over_user_day: u64,
    /// Updates beyond the hundredth of one meeting in 24 hours.
    pub over_meeting_updates: u64,
    /// Meetings beyond the first with the same marker.
    pub twin: u64,
    pub missing_accept: u64,
    /// A token's value in a query.
    pub token_in_query: u64,
    pub wrong_content_type: u64,
    pub wrong_client: u64,
    /// A code that was used, expired, unknown or of another redirect URL or verifier.
    pub bad_code: u64,
    /// A call for which the token has no scope.
    pub missing_scope: u64,
    /// A body Zoom refuses as invalid.
    pub invalid_body: u64,
    /// A start time Zoom would take for another hour (an offset, fractions).
    pub odd_start_time: u64,
}

/// A count for every endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "named as the endpoints are")]
pub struct PerEndpoint {
    pub authorize: u64,
    pub token: u64,
    pub revoke: u64,
    pub create: u64,
    pub list: u64,
    pub get: u64,
    pub update: u64,
    pub delete: u64,
    pub status: u64,
    pub invitation: u64,
    pub register: u64,
    pub registrants: u64,
    pub upcoming: u64,
    pub users: u64,
    pub me: u64,
    pub other: u64,
}

impl PerEndpoint {
    pub(crate) fn slot(&mut self, endpoint: Endpoint) -> &mut u64 {
        match endpoint {
            Endpoint::Authorize => &mut self.authorize,
            Endpoint::Token => &mut self.token,
            Endpoint::Revoke => &mut self.revoke,
            Endpoint::Create => &mut self.create,
            Endpoint::List => &mut self.list,
            Endpoint::Get => &mut self.get,
            Endpoint::Update => &mut self.update,
            Endpoint::Delete => &mut self.delete,
            Endpoint::Status => &mut self.status,
            Endpoint::Invitation => &mut self.invitation,
            Endpoint::Register => &mut self.register,
            Endpoint::Registrants => &mut self.registrants,
            Endpoint::Upcoming => &mut self.upcoming,
            Endpoint::Users => &mut self.users,
            Endpoint::Me => &mut self.me,
            Endpoint::Other | Endpoint::Any => &mut self.other,
        }
    }

    /// The count of an endpoint; of all for `Endpoint::Any`.
    pub fn of(mut self, endpoint: Endpoint) -> u64 {
        match endpoint {
            Endpoint::Any => Endpoint::ALL.iter().map(|e| *self.slot(*e)).sum(),
            one => *self.slot(one),
        }
    }
}

/// One broken rule, as it happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// The simulator's time.
    pub at_ms: i64,
    /// The field of [`Broken`].
    pub rule: String,
    /// The Zoom user concerned, when known.
    pub user: Option<String>,
    /// Details of the violation; never a token.
    pub detail: String,
}

macro_rules! rules {
    ($($variant:ident $field:ident),* $(,)?) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Rule { $($variant),* }

        impl Rule {
            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($field)),* }
            }
        }

        impl Broken {
            pub(crate) fn slot(&mut self, rule: Rule) -> &mut u64 {
                match rule { $(Rule::$variant => &mut self.$field),* }
            }

            /// The rules that were broken, and how often.
            pub fn list(&self) -> Vec<(&'static str, u64)> {
                [$((stringify!($field), self.$field)),*].into_iter().filter(|(_, n)| *n > 0).collect()
            }
        }
    };
}

rules! {
    SpentRefresh spent_refresh_token, DeadRefresh dead_refresh_token,
    ExpiredRefresh expired_refresh_token, UnknownRefresh unknown_refresh_token,
    DeadAccess dead_access_token, ExpiredAccess expired_access_token,
    UnknownAccess unknown_access_token, MissingAccess missing_access_token,
    RotationInFlight rotation_in_flight,
    OverPerSecond over_per_second, OverLabelDay over_label_day, OverUserDay over_user_day,
    OverMeetingUpdates over_meeting_updates,
    Twin twin, MissingAccept missing_accept, TokenInQuery token_in_query,
    WrongContentType wrong_content_type, WrongClient wrong_client, BadCode bad_code,
    MissingScope missing_scope, InvalidBody invalid_body, OddStartTime odd_start_time,
}

impl Broken {
    /// True when no rule was broken.
    pub fn none(&self) -> bool {
        self == &Self::default()
    }
}
