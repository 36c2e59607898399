//! Every metric of zoomd. docs/metrics.md is printed from this list, and a test
//! finds names that are used in the sources and missing here, or the reverse.
//!
//! Labels take closed sets of words ([`label_values`]), never an id or a host; an
//! account only where `metrics.per_account` allows it.

use std::fmt::Write as _;

use super::label_values;

/// Type of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Only up; its name ends in `_total`.
    Counter,
    /// Up and down.
    Gauge,
    /// A distribution, in base units.
    Histogram,
}

#[derive(Debug)]
pub struct Metric {
    pub name: &'static str,
    /// Type of the metric.
    pub shape: Shape,
    /// Labels, separated by blanks.
    pub labels: &'static str,
    /// Help text: the things it counts.
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

pub const METRICS: &[Metric] = &[
    metric(
        "process_cpu_seconds_total",
        Counter,
        "",
        "Processor time of this process, user and system.",
    ),
    metric("process_max_fds", Gauge, "", "Open files that the system allows this process."),
    metric("process_open_fds", Gauge, "", "Open files of this process, sockets included."),
    metric("process_resident_memory_bytes", Gauge, "", "Memory of this process."),
    metric("process_start_time_seconds", Gauge, "", "Start of this process, Unix time."),
    metric("process_threads", Gauge, "", "Threads of this process."),
    metric(
        "zoomd_account_jobs_waiting",
        Gauge,
        "account reason",
        "Jobs that are waiting, of some accounts (`metrics.per_account`).",
    ),
    metric(
        "zoomd_account_oldest_waiting_seconds",
        Gauge,
        "account reason",
        "Age of the oldest waiting job, of some accounts (`metrics.per_account`).",
    ),
    metric("zoomd_accounts", Gauge, "state", "Accounts by state."),
    metric("zoomd_app_rejected", Gauge, "", "Zoom apps whose client id or secret Zoom rejects."),
    metric(
        "zoomd_budgets_low",
        Gauge,
        "limit",
        "Daily limits of Zoom accounts and hosts of which at least 90 % are used; counted once a minute.",
    ),
    metric("zoomd_build_info", Gauge, "version", "1; the version that runs."),
    metric(
        "zoomd_calls_forgotten_total",
        Counter,
        "",
        "Calls that Redis lost and another daemon may have repeated.",
    ),
    metric(
        "zoomd_calls_written_back_total",
        Counter,
        "",
        "Recent calls replayed to Redis after a restart or failover.",
    ),
    metric("zoomd_consents_total", Counter, "outcome", "Authorizations at the public endpoint."),
    metric("zoomd_daemons", Gauge, "", "Daemons of the namespace with a recent heartbeat."),
    metric(
        "zoomd_entries_vanished_total",
        Counter,
        "",
        "Entries of the jobs stream that were trimmed or deleted before they were read.",
    ),
    metric(
        "zoomd_job_duration_seconds",
        Histogram,
        "kind outcome",
        "Time from a job's first lease to its outcome.",
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
        "Time from when a job became runnable to its first request.",
    ),
    metric("zoomd_jobs_inflight", Gauge, "kind", "Jobs leased by this daemon."),
    metric(
        "zoomd_jobs_repeated_total",
        Counter,
        "",
        "Duplicate jobs: sent with an id that is already waiting, running or done.",
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
        "Jobs that are waiting, by reason (see docs/limits.md).",
    ),
    metric(
        "zoomd_last_success_timestamp_seconds",
        Gauge,
        "",
        "Time of the last result in the namespace, Unix time; absent before the first.",
    ),
    metric(
        "zoomd_leases_swept_total",
        Counter,
        "sent",
        "Leases that expired without an outcome, by whether the call may have been sent.",
    ),
    metric(
        "zoomd_list_rows_unreadable_total",
        Counter,
        "",
        "Invalid rows of Zoom's meeting lists, skipped.",
    ),
    metric(
        "zoomd_log_lines_lost_total",
        Counter,
        "why",
        "Log lines dropped because stderr was slow, or refused by the system.",
    ),
    metric(
        "zoomd_oldest_waiting_seconds",
        Gauge,
        "reason",
        "Age of the oldest waiting job, by reason; 0: none.",
    ),
    metric(
        "zoomd_outcomes_lost_total",
        Counter,
        "",
        "Calls whose reply was lost; zoomd checks with Zoom before retrying.",
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
        "Time since each part of the daemon (a loop, a port) last made progress.",
    ),
    metric(
        "zoomd_part_turn_seconds",
        Histogram,
        "part",
        "Time of one turn of a part that runs periodically.",
    ),
    metric(
        "zoomd_problem",
        Gauge,
        "code",
        "Problems that `zoomd status` shows, by code, as this daemon sees them; 0: none.",
    ),
    metric("zoomd_queue_depth", Gauge, "queue state", "Jobs by state."),
    metric(
        "zoomd_queue_oldest_age_seconds",
        Gauge,
        "queue",
        "Age of the oldest unread entry of the jobs stream.",
    ),
    metric(
        "zoomd_rate_limit_waits_total",
        Counter,
        "class",
        "Jobs that started to wait, by reason.",
    ),
    metric(
        "zoomd_rate_limited_total",
        Counter,
        "class scope",
        "Rate limit replies (429) of Zoom, by rate-limit class and scope of the limit.",
    ),
    metric(
        "zoomd_ready",
        Gauge,
        "",
        "1 if this daemon takes jobs (`/readyz` answers 200), else 0.",
    ),
    metric(
        "zoomd_reconciled_total",
        Counter,
        "outcome",
        "Lost calls resolved: `adopted`, `absent` or `unknown`.",
    ),
    metric("zoomd_redis_errors_total", Counter, "op", "Failed operations on Redis."),
    metric("zoomd_redis_up", Gauge, "", "1 if Redis answers this daemon, else 0."),
    metric(
        "zoomd_refresh_token_age_at_death_seconds",
        Histogram,
        "",
        "Age of a refresh token when Zoom rejected it.",
    ),
    metric(
        "zoomd_rotation_commit_seconds",
        Histogram,
        "",
        "Time from a token reply to its commit in Redis.",
    ),
    metric("zoomd_rotation_in_doubt", Gauge, "", "Token refreshes whose result is unknown."),
    metric("zoomd_rotation_journal_bytes", Gauge, "", "Size of this daemon's rotation journal."),
    metric(
        "zoomd_rotation_repairs_total",
        Counter,
        "",
        "Tokens recovered from a journal after Redis lost writes.",
    ),
    metric(
        "zoomd_rotation_stage_seconds",
        Histogram,
        "",
        "Time from a token reply to its write to disk.",
    ),
    metric("zoomd_rotation_unpersisted", Gauge, "", "New tokens that are not stored in Redis yet."),
    metric("zoomd_schedule_duration_seconds", Histogram, "schedule", "Time a schedule's run took."),
    metric(
        "zoomd_schedule_last_success_timestamp_seconds",
        Gauge,
        "schedule",
        "Time of the last successful run of a schedule.",
    ),
    metric("zoomd_schedule_runs_total", Counter, "schedule outcome", "Runs of the schedules."),
    metric(
        "zoomd_settles_stale_total",
        Counter,
        "",
        "Results discarded because another daemon had taken over the job.",
    ),
    metric(
        "zoomd_token_lock_wait_seconds",
        Histogram,
        "",
        "Time a token refresh waited for running requests of the account.",
    ),
    metric("zoomd_token_refreshes_total", Counter, "outcome", "Token refreshes, by result."),
    metric("zoomd_token_refused_total", Counter, "", "Access tokens that Zoom rejected (401)."),
    metric(
        "zoomd_trace_spans_total",
        Counter,
        "outcome",
        "Spans of traces that the collector took, or that were lost.",
    ),
    metric(
        "zoomd_twin_looks_skipped_total",
        Counter,
        "",
        "Checks for duplicate meetings that were skipped, since too many waited.",
    ),
    metric("zoomd_twins_total", Counter, "", "Duplicate meetings found."),
    metric(
        "zoomd_webhooks_total",
        Counter,
        "event outcome",
        "Webhooks from Zoom, by event and result.",
    ),
    metric(
        "zoomd_zoom_circuit_open",
        Gauge,
        "",
        "Zoom servers that are unreachable, so that jobs wait.",
    ),
    metric("zoomd_zoom_request_duration_seconds", Histogram, "endpoint", "Time of a call to Zoom."),
    metric(
        "zoomd_zoom_requests_total",
        Counter,
        "endpoint status",
        "Calls to Zoom, by HTTP status or kind of error.",
    ),
];

pub fn labels(metric: &Metric) -> impl Iterator<Item = &'static str> {
    metric.labels.split_whitespace()
}

/// The first table of docs/metrics.md: all metrics.
pub fn table() -> String {
    let mut text = "| name | type | labels | description |\n|---|---|---|---|\n".to_owned();
    for m in METRICS {
        let shape = match m.shape {
            Counter => "counter",
            Gauge => "gauge",
            Histogram => "histogram",
        };
        let labels = labels(m).map(|l| format!("`{l}`")).collect::<Vec<_>>();
        let _ = writeln!(text, "| `{}` | {shape} | {} | {} |", m.name, labels.join(" "), m.help);
    }
    text
}

/// The second table of docs/metrics.md: the values of each label.
pub fn values_table() -> String {
    let mut text = "| metric | label | values |\n|---|---|---|\n".to_owned();
    for m in METRICS {
        for label in labels(m) {
            let values = match label_values::of(m.name, label) {
                Some(values) => {
                    let shown = |v: &str| {
                        if v.is_empty() { "(empty)".to_owned() } else { format!("`{v}`") }
                    };
                    values.into_iter().map(shown).collect::<Vec<_>>().join(" ")
                }
                None => label_values::open(label).to_owned(),
            };
            let _ = writeln!(text, "| `{}` | `{label}` | {values} |", m.name);
        }
    }
    text
}
