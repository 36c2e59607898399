//! Every metric of zoomd. docs/metrics.md is printed from this list, and a test
//! finds names that are used in the sources and missing here, or the reverse.
//!
//! Labels take closed sets of words, never an id, an account or a host.

use std::fmt::Write as _;

/// How a metric moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Only up; its name ends in `_total`.
    Counter,
    /// Up and down.
    Gauge,
    /// A distribution, in base units.
    Histogram,
}

/// One metric.
#[derive(Debug)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// How it moves.
    pub shape: Shape,
    /// Its labels, separated by blanks.
    pub labels: &'static str,
    /// What it counts.
    pub help: &'static str,
}

use Shape::{Counter, Gauge, Histogram};

const fn metric(
    name: &'static str,
    shape: Shape,
    labels: &'static str,
    help: &'static str,
) -> Metric {
    Metric { name, shape, labels, help }
}

/// All of them, by name.
pub const METRICS: &[Metric] = &[
    metric("zoomd_accounts", Gauge, "state", "Accounts by state."),
    metric("zoomd_build_info", Gauge, "version", "1; the version that runs."),
    metric(
        "zoomd_calls_forgotten_total",
        Counter,
        "",
        "Calls that Redis forgot and another daemon may have made again.",
    ),
    metric(
        "zoomd_calls_written_back_total",
        Counter,
        "",
        "Calls told to a Redis that came back as another.",
    ),
    metric("zoomd_consents_total", Counter, "outcome", "Consents at the public endpoint."),
    metric(
        "zoomd_entries_vanished_total",
        Counter,
        "",
        "Entries of the jobs stream that somebody trimmed or deleted before they were read.",
    ),
    metric(
        "zoomd_job_duration_seconds",
        Histogram,
        "kind outcome",
        "From a job's first lease to its outcome.",
    ),
    metric(
        "zoomd_job_panics_total",
        Counter,
        "",
        "Handlers that panicked; each is that job's failure alone.",
    ),
    metric(
        "zoomd_job_wait_seconds",
        Histogram,
        "kind",
        "From when a job could have run to its first send.",
    ),
    metric("zoomd_jobs_inflight", Gauge, "kind", "Jobs in this daemon's hands."),
    metric(
        "zoomd_jobs_repeated_total",
        Counter,
        "",
        "Jobs sent again under an id that is waiting, running or done.",
    ),
    metric(
        "zoomd_jobs_total",
        Counter,
        "kind outcome",
        "Jobs with their outcome: `succeeded` or a failure code.",
    ),
    metric(
        "zoomd_jobs_waiting",
        Gauge,
        "reason",
        "Jobs that wait, sleep or are in the stream, by reason (the words of docs/limits.md).",
    ),
    metric(
        "zoomd_jobs_waiting_oldest_age_seconds",
        Gauge,
        "reason",
        "Age of the oldest job that waits for a reason.",
    ),
    metric(
        "zoomd_leases_swept_total",
        Counter,
        "sent",
        "Leases that ended without an outcome, by whether the call may have left.",
    ),
    metric(
        "zoomd_list_rows_unreadable_total",
        Counter,
        "",
        "Rows of Zoom's lists of meetings that name no meeting and were skipped.",
    ),
    metric(
        "zoomd_log_lines_lost_total",
        Counter,
        "why",
        "Log lines dropped because stderr was slow, or refused by the system.",
    ),
    metric(
        "zoomd_outcomes_lost_total",
        Counter,
        "",
        "Calls whose answer was lost; Zoom is asked what became of them.",
    ),
    metric(
        "zoomd_outputs_trimmed_unread_total",
        Counter,
        "",
        "Outcomes trimmed by size before a consumer group had acknowledged them.",
    ),
    metric(
        "zoomd_part_silent_seconds",
        Gauge,
        "part",
        "How long each part of the daemon (a loop, a port) has not moved.",
    ),
    metric(
        "zoomd_problem",
        Gauge,
        "code",
        "Problems that `zoomd status` shows, by code, as this daemon sees them; 0: none.",
    ),
    metric("zoomd_queue_depth", Gauge, "queue state", "Jobs by where they stand."),
    metric(
        "zoomd_queue_oldest_age_seconds",
        Gauge,
        "queue",
        "Age of the oldest entry that no daemon has taken in.",
    ),
    metric(
        "zoomd_rate_limit_waits_total",
        Counter,
        "class",
        "Jobs put into their waiting room, by why.",
    ),
    metric(
        "zoomd_rate_limited_total",
        Counter,
        "class scope",
        "Replies of Zoom that name a rate limit, by rate-limit class and by scope of the limit.",
    ),
    metric(
        "zoomd_reconciled_total",
        Counter,
        "outcome",
        "Lost calls cleared up: `adopted`, `absent` or `unknown`.",
    ),
    metric("zoomd_redis_errors_total", Counter, "op", "Failed operations on Redis."),
    metric(
        "zoomd_refresh_token_age_at_death_seconds",
        Histogram,
        "",
        "Age of a refresh token when Zoom refused it for good.",
    ),
    metric(
        "zoomd_rotation_commit_seconds",
        Histogram,
        "",
        "From a token reply's arrival to its commit in Redis.",
    ),
    metric("zoomd_rotation_in_doubt", Gauge, "", "Rotations whose outcome is not known."),
    metric("zoomd_rotation_journal_bytes", Gauge, "", "Size of this daemon's rotation journal."),
    metric(
        "zoomd_rotation_repairs_total",
        Counter,
        "",
        "Grants committed again after Redis went back in time.",
    ),
    metric(
        "zoomd_rotation_stage_seconds",
        Histogram,
        "",
        "From a token reply's arrival to its being on disk.",
    ),
    metric("zoomd_rotation_unpersisted", Gauge, "", "Rotated tokens that Redis does not have yet."),
    metric("zoomd_schedule_duration_seconds", Histogram, "schedule", "Time a schedule's run took."),
    metric(
        "zoomd_schedule_last_success_timestamp_seconds",
        Gauge,
        "schedule",
        "When a schedule last ran well.",
    ),
    metric("zoomd_schedule_runs_total", Counter, "schedule outcome", "Runs of the schedules."),
    metric(
        "zoomd_settles_stale_total",
        Counter,
        "",
        "Outcomes of a job that somebody else had taken over; dropped.",
    ),
    metric(
        "zoomd_token_lock_wait_seconds",
        Histogram,
        "",
        "Time until requests in flight had ended and a rotation could begin.",
    ),
    metric("zoomd_token_refreshes_total", Counter, "outcome", "Rotations, by outcome."),
    metric("zoomd_token_refused_total", Counter, "", "Access tokens that Zoom refused with 401."),
    metric(
        "zoomd_twin_looks_skipped_total",
        Counter,
        "",
        "Looks for twins that were not made, since too many waited.",
    ),
    metric("zoomd_twins_total", Counter, "", "Meetings found beyond the first of one job."),
    metric(
        "zoomd_webhooks_total",
        Counter,
        "event outcome",
        "Webhooks of Zoom, by what became of them.",
    ),
    metric(
        "zoomd_zoom_circuit_open",
        Gauge,
        "",
        "Hosts of Zoom that seem out of reach, so that jobs wait.",
    ),
    metric("zoomd_zoom_request_duration_seconds", Histogram, "endpoint", "Time of a call to Zoom."),
    metric(
        "zoomd_zoom_requests_total",
        Counter,
        "endpoint status",
        "Calls to Zoom, by HTTP status or kind of trouble.",
    ),
];

/// The table of docs/metrics.md.
pub fn table() -> String {
    let mut text = "| name | type | labels | what |\n|---|---|---|---|\n".to_owned();
    for m in METRICS {
        let shape = match m.shape {
            Counter => "counter",
            Gauge => "gauge",
            Histogram => "histogram",
        };
        let labels = m.labels.split_whitespace().map(|l| format!("`{l}`")).collect::<Vec<_>>();
        let _ = writeln!(text, "| `{}` | {shape} | {} | {} |", m.name, labels.join(" "), m.help);
    }
    text
}
