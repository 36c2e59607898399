//! Configuration of a simulated Zoom: set at the start, most of it changeable while it runs
//! (`Rules`). Plain data, read and written as JSON by the control endpoint.

use std::net::{Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::odd::{ListRules, PastStart};
use crate::plan::{Label, Plan, Table};

/// Everything `Sim::start` needs. `Config::default()` is a Pro account on a free
/// port of the loopback, with one app (`sim-client`, `sim-secret`).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Seed of ids and tokens; random if absent, so that the tokens of one simulator are invalid at
    /// another.
    pub seed: Option<u64>,
    /// The apps of the marketplace.
    pub apps: Vec<App>,
    /// Rules that can change while it runs.
    pub rules: Rules,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            seed: None,
            apps: vec![App::default()],
            rules: Rules::default(),
        }
    }
}

impl Config {
    /// A Zoom that limits nothing.
    pub fn unlimited() -> Self {
        let mut config = Self::default();
        config.rules.limits.plan = Plan::Unlimited;
        config.rules.limits.user_day = None;
        config.rules.limits.meeting_updates = None;
        config
    }

    /// The given plan, with Zoom's hundred a user and day.
    pub fn plan(plan: Plan) -> Self {
        let mut config = Self::default();
        config.rules.limits.plan = plan;
        config
    }
}

/// An app of the marketplace: what a client id stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct App {
    pub client_id: String,
    /// The client secret; absent for a public client, which proves itself by PKCE.
    pub client_secret: Option<String>,
    /// The only redirect URLs allowed; empty allows any.
    pub redirect_urls: Vec<String>,
    /// The scopes its tokens carry.
    pub scope: String,
    /// Set for a server-to-server app: the Zoom account it belongs to.
    pub s2s_account: Option<String>,
    /// A disabled app is refused everywhere and its tokens are invalid.
    pub disabled: bool,
}

impl Default for App {
    fn default() -> Self {
        Self {
            client_id: "sim-client".into(),
            client_secret: Some("sim-secret".into()),
            redirect_urls: Vec::new(),
            scope: DEFAULT_SCOPE.into(),
            s2s_account: None,
            disabled: false,
        }
    }
}

impl App {
    /// A server-to-server app of the Zoom account `account`.
    pub fn server_to_server(client_id: &str, secret: &str, account: &str) -> Self {
        Self {
            client_id: client_id.into(),
            client_secret: Some(secret.into()),
            scope: ADMIN_SCOPE.into(),
            s2s_account: Some(account.into()),
            ..Self::default()
        }
    }
}

/// Default scopes of a user-managed app.
pub const DEFAULT_SCOPE: &str = "meeting:write:meeting meeting:read:list_meetings \
    meeting:read:meeting meeting:update:meeting meeting:delete:meeting meeting:update:status user:read:user";

/// Default scopes of a server-to-server app.
pub const ADMIN_SCOPE: &str = "meeting:write:meeting:admin meeting:read:list_meetings:admin \
    meeting:read:meeting:admin meeting:update:meeting:admin meeting:delete:meeting:admin meeting:update:status:admin \
    user:read:user:admin";

/// Rules that can change while the simulator runs.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// Lifetime rules of tokens.
    pub tokens: TokenRules,
    /// Rates and days.
    pub limits: LimitRules,
    /// Contents, delay and form of the list of meetings.
    pub list: ListRules,
    /// Reaction to a create whose start is past.
    pub past_start: PastStart,
    /// The ids of meetings are strings of digits, in every reply.
    pub ids_as_text: bool,
    /// Delays before changes become visible.
    pub lags: Lags,
    /// Receiver of `meeting.*` events; none when absent.
    pub hooks: Option<Hooks>,
    /// A meeting that runs is not deleted (3002).
    pub running_not_deleted: bool,
    /// The end of a meeting that does not run is refused; else it is 204.
    pub end_of_idle_refused: bool,
    /// Limits of how much is kept.
    pub keep: Keep,
    /// Prefix of a marker in an agenda; the letters and digits after it belong to the marker.
    pub marker_prefix: String,
    /// The `api_url` of a token reply: absent is this simulator, empty leaves it out.
    pub api_url: Option<String>,
    /// Errors are XML for a client that sends no `Accept`, or one without JSON, as seen of Zoom.
    pub xml_without_accept: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            tokens: TokenRules::default(),
            limits: LimitRules::default(),
            list: ListRules::default(),
            past_start: PastStart::default(),
            ids_as_text: false,
            lags: Lags::default(),
            hooks: None,
            running_not_deleted: false,
            end_of_idle_refused: true,
            keep: Keep::default(),
            marker_prefix: "zd-".into(),
            api_url: None,
            xml_without_accept: true,
        }
    }
}

/// Lifetime rules of tokens.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokenRules {
    /// Reaction to a used refresh token that is presented again.
    pub reuse: Reuse,
    /// Life of an access token.
    pub access_ttl_ms: i64,
    /// Life of a refresh token from its issue.
    pub refresh_ttl_ms: i64,
    /// Life of an authorization code.
    pub code_ttl_ms: i64,
    /// A refresh invalidates the access tokens issued before it immediately.
    pub refresh_kills_access: bool,
    /// A second consent of the same user to the same app kills the first grant.
    pub one_grant_per_user: bool,
    /// A new server-to-server token kills the one before, as until June 2023.
    pub one_s2s_token: bool,
}

impl Default for TokenRules {
    fn default() -> Self {
        Self {
            reuse: Reuse::Strict,
            access_ttl_ms: 3_599_000,
            refresh_ttl_ms: 90 * 86_400_000,
            code_ttl_ms: 300_000,
            refresh_kills_access: true,
            one_grant_per_user: true,
            one_s2s_token: false,
        }
    }
}

/// Reaction to a used refresh token that is presented again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reuse {
    /// Refused; nothing else happens.
    Strict,
    /// Each used token is accepted this number of times more; each time the token then valid
    /// becomes used.
    Tolerant(u32),
    /// Refused, and the whole grant dies with it.
    RevokeFamily,
}

/// Rates and days.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitRules {
    /// The plan of every account that has none of its own.
    pub plan: Plan,
    /// Figures that replace the plan's.
    pub table: Option<Table>,
    /// Creates and updates a host and UTC day; absent is without limit.
    pub user_day: Option<u32>,
    /// A used-up day of a host is reported in Zoom's older words, with this status and code 300.
    pub older_words: Option<u16>,
    /// Updates of one meeting in 24 hours; absent is without limit.
    pub meeting_updates: Option<u32>,
    /// True if calls over a limit are refused; else they are counted and allowed.
    pub enforce: bool,
    /// Creates that were refused for their content count towards the user's day.
    pub failed_creates_count: bool,
    /// The label of each operation.
    pub labels: Labels,
    /// Rate headers to send.
    pub headers: Headers,
    /// Format of `Retry-After`.
    pub retry_after: RetryAfter,
}

impl Default for LimitRules {
    fn default() -> Self {
        Self {
            plan: Plan::Pro,
            table: None,
            user_day: Some(100),
            older_words: None,
            meeting_updates: Some(100),
            enforce: true,
            failed_creates_count: true,
            labels: Labels::default(),
            headers: Headers::Documented,
            retry_after: RetryAfter::Iso,
        }
    }
}

/// The label of each operation; Zoom has changed them before.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "named as the operations are")]
pub struct Labels {
    pub create: Label,
    pub list: Label,
    pub get: Label,
    pub update: Label,
    pub delete: Label,
    pub me: Label,
}

impl Default for Labels {
    fn default() -> Self {
        let light = Label::Light;
        Self {
            create: light,
            list: Label::Medium,
            get: light,
            update: light,
            delete: light,
            me: light,
        }
    }
}

/// Rate headers to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Headers {
    /// As once documented; those of the user's day as seen live (of another quota).
    Documented,
    None,
}

/// Format of `Retry-After`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryAfter {
    /// `2026-05-31T00:00:00Z`, as Zoom's old example has it.
    Iso,
    Seconds,
    HttpDate,
}

/// Delays before changes become visible, other than those of the list.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lags {
    /// Time for which a deleted meeting is still listed.
    pub deleted_ms: i64,
    /// Time for which a read shows a meeting as it was before an update.
    pub update_ms: i64,
    /// Number of reads after an update that still show the meeting as it was before.
    pub update_reads: u32,
}

/// Receiver of `meeting.*` events, and faults of their delivery.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hooks {
    /// An `http` URL.
    pub url: String,
    /// The app's secret token.
    pub secret: String,
    /// Number of deliveries of each event; duplicates are common.
    #[serde(default = "once")]
    pub copies: u32,
    /// The first copy leaves so much later.
    #[serde(default)]
    pub delay_ms: u64,
    /// `event_ts` is a string.
    #[serde(default)]
    pub time_as_text: bool,
}

fn once() -> u32 {
    1
}

/// Limits of how much is kept in a long campaign.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Keep {
    /// Meetings; the oldest are forgotten beyond it.
    pub meetings: usize,
    /// Invalid tokens; older ones are still known to be invalid, but not their grant.
    pub dead_tokens: usize,
    /// Entries of the request log; 0 keeps none.
    pub requests: usize,
    /// Entries of the list of broken rules.
    pub violations: usize,
}

impl Default for Keep {
    fn default() -> Self {
        Self { meetings: usize::MAX, dead_tokens: 200_000, requests: 1_000, violations: 1_000 }
    }
}
