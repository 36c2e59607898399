//! The values of each label: closed lists, so that every counter exists at 0 from the
//! start and docs/metrics.md can name them.
//!
//! Words of an enum come from the enum. The others stand here; a test compares every
//! scrape of the black-box tests with them.

use zoom_api::{LimitKind, TransportKind};
use zoomd_store::inspect::CODES;
use zoomd_store::limits::Label;
use zoomd_store::queue::WaitReason;
use zoomd_wire::{FailureCode, Kind};

pub const ACCOUNT_STATES: [&str; 5] =
    ["active", "paused", "needs_reauth", "superseded", "wrong_app"];
/// Places of jobs, and the results kept.
const DEPTHS: [&str; 5] = ["queued", "running", "waiting", "sleeping", "kept"];
/// Outcomes of a token refresh.
const REFRESHES: [&str; 28] = [
    "rotated",
    "app",
    "app_stopped",
    "busy",
    "candidate",
    "changed",
    "closing",
    "erased",
    "held",
    "in_doubt",
    "journal",
    "known",
    "late",
    "local",
    "mass_death",
    "moved",
    "needs_reauth",
    "older",
    "rate_limited",
    "refused",
    "sealed",
    "settling",
    "stored",
    "store_error",
    "unpersisted",
    "unreachable",
    "unreadable",
    "wrong_app",
];
/// Outcomes at the page of a connect link.
const CONSENTS: [&str; 8] =
    ["stored", "denied", "held", "older", "refused", "unknown", "unreachable", "unstored"];
/// Operations on Redis, by the loop that makes them.
const REDIS_OPS: [&str; 10] =
    ["admit", "amend", "claim", "expire", "grant", "promote", "read", "renew", "settle", "sweep"];
/// Calls to Zoom that no kind of job is named after.
const READS: [&str; 4] = ["list_meetings", "get_meeting", "users_me", "api_read"];
/// Statuses of HTTP: those that matter, and the class of the others.
const STATUSES: [&str; 16] = [
    "200", "201", "204", "400", "401", "403", "404", "429", "500", "502", "503", "504", "2xx",
    "3xx", "4xx", "5xx",
];
const SCHEDULES: [&str; 6] = ["forget", "ids", "keep_alive", "meetings", "seen", "trim"];

/// The values that a label of this metric takes; `None`: an open set.
pub fn of(metric: &str, label: &str) -> Option<Vec<&'static str>> {
    let closed = |words: &[&'static str]| Some(words.to_vec());
    match (metric, label) {
        (_, "version" | "account" | "part") => None,
        ("zoomd_jobs_total" | "zoomd_job_duration_seconds", "kind") => {
            // A job whose kind cannot be read has none.
            Some(kinds().chain([""]).collect())
        }
        (_, "kind") => Some(kinds().collect()),
        ("zoomd_jobs_total" | "zoomd_job_duration_seconds", "outcome") => {
            let codes = FailureCode::ALL.iter().map(|code| code.as_str());
            Some(std::iter::once("succeeded").chain(codes).collect())
        }
        ("zoomd_consents_total", "outcome") => closed(&CONSENTS),
        ("zoomd_reconciled_total", "outcome") => closed(&["adopted", "absent", "unknown"]),
        ("zoomd_schedule_runs_total", "outcome") => closed(&["succeeded", "failed"]),
        ("zoomd_trace_spans_total", "outcome") => closed(&["exported", "lost"]),
        ("zoomd_token_refreshes_total", "outcome") => closed(&REFRESHES),
        ("zoomd_webhooks_total", "event") => {
            closed(&["app_deauthorized", "url_validation", "other", "unknown"])
        }
        ("zoomd_webhooks_total", "outcome") => {
            closed(&["ok", "stale", "unreadable", "unsigned", "unstored"])
        }
        ("zoomd_accounts", "state") => closed(&ACCOUNT_STATES),
        ("zoomd_queue_depth", "state") => closed(&DEPTHS),
        ("zoomd_queue_depth", "queue") => closed(&["jobs", "results"]),
        (_, "queue") => closed(&["jobs"]),
        ("zoomd_budgets_low", "limit") => closed(&["label_day", "host_day"]),
        ("zoomd_problem", "code") => closed(&CODES),
        (_, "reason") | ("zoomd_rate_limit_waits_total", "class") => {
            Some(WaitReason::ALL.into_iter().map(WaitReason::as_str).collect())
        }
        ("zoomd_rate_limited_total", "class") => {
            Some(Label::ALL.into_iter().map(|label| label.as_str()).collect())
        }
        ("zoomd_rate_limited_total", "scope") => {
            Some(LimitKind::ALL.into_iter().map(|kind| kind.as_str()).collect())
        }
        ("zoomd_leases_swept_total", "sent") => closed(&["no", "maybe"]),
        ("zoomd_log_lines_lost_total", "why") => closed(&["slow", "failed"]),
        ("zoomd_redis_errors_total", "op") => closed(&REDIS_OPS),
        (_, "schedule") => closed(&SCHEDULES),
        (_, "endpoint") => Some(kinds().chain(READS).collect()),
        (_, "status") => {
            let troubles = TransportKind::ALL.into_iter().map(TransportKind::as_str);
            Some(STATUSES.into_iter().chain(troubles).collect())
        }
        _ => None,
    }
}

/// Description of an open set of values.
pub fn open(label: &str) -> &'static str {
    match label {
        "version" => "the version, such as `0.4.0`",
        "account" => "names of accounts, at most `metrics.per_account`",
        _ => "loops and ports of the daemon, as `/readyz` and the log name them",
    }
}

fn kinds() -> impl Iterator<Item = &'static str> {
    Kind::ALL.iter().map(|kind| kind.as_str())
}
