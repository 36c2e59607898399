//! Every operation of the API: method, path, role, and the schemas of body and answer. The
//! router refuses what is not listed here, and the OpenAPI document is made of it.

use axum::http::Method;

use crate::actor::Role;

#[derive(Debug)]
pub struct Operation {
    pub method: &'static str,
    /// The path below `/api/v1`.
    pub path: &'static str,
    /// The least role that may use it.
    pub role: Role,
    /// Effect, in a few words.
    pub summary: &'static str,
    /// Parameters of the query.
    pub query: &'static [&'static str],
    /// The schema of its body; empty: it takes none.
    pub body: &'static str,
    /// The schema of its answer.
    pub answer: &'static str,
}

type Words = (&'static str, &'static str);

const fn get(
    path: &'static str,
    (summary, answer): Words,
    query: &'static [&'static str],
) -> Operation {
    let role = Role::Read;
    Operation { method: "GET", path, role, summary, query, body: "", answer }
}

const fn act(path: &'static str, (summary, answer): Words, body: &'static str) -> Operation {
    let role = Role::Operate;
    Operation { method: "POST", path, role, summary, query: &[], body, answer }
}

const PAGE: &[&str] = &["after", "limit"];

/// All operations, in the order of the document.
pub const OPERATIONS: &[Operation] = &[
    Operation {
        role: Role::Enqueue,
        query: &["wait"],
        ..act("/jobs", ("Enqueue one job, or many as NDJSON", "Receipt"), "Job")
    },
    get(
        "/jobs",
        ("List and search jobs", "JobPage"),
        &["account", "state", "kind", "user", "q", "cursor", "limit"],
    ),
    get("/jobs/{id}", ("Show the story of a job", "JobView"), &[]),
    Operation {
        method: "DELETE",
        role: Role::Enqueue,
        ..act("/jobs/{id}", ("Cancel a job that is not in flight", "Cancelled"), "Reason")
    },
    get("/results", ("Read results, oldest first", "EntryPage"), PAGE),
    get("/failures", ("Read failures, oldest first", "EntryPage"), PAGE),
    get("/events", ("Read events, oldest first", "EntryPage"), PAGE),
    get(
        "/stream",
        ("Follow results, failures and events (server-sent events)", "Events"),
        &["last_event_id"],
    ),
    act("/failures/retry", ("Run failed jobs again", "Retried"), "Pick"),
    act("/failures/discard", ("Remove failures from the list", "Discarded"), "Pick"),
    get("/accounts", ("List accounts by name", "AccountPage"), &["state", "all", "after", "limit"]),
    get("/accounts/{account}", ("Show one account", "Account"), &[]),
    act("/accounts/{account}/pause", ("Pause an account's jobs", "Account"), "Reason"),
    act("/accounts/{account}/resume", ("Resume an account's jobs", "Account"), ""),
    act("/accounts/{account}/refresh", ("Refresh an account's token now", "Refreshed"), ""),
    act(
        "/accounts/{account}/connect-link",
        ("Make a link that connects the account", "ConnectLink"),
        "LinkBody",
    ),
    act("/accounts/{account}/token", ("Hand out a valid access token", "Token"), "TokenBody"),
    Operation {
        method: "DELETE",
        ..act("/accounts/{account}", ("Remove an account", "RemovedAccount"), "Reason")
    },
    Operation {
        role: Role::Operate,
        ..get(
            "/accounts/{account}/zoom/{*path}",
            ("Read Zoom's API with the account's token", "Any"),
            &["…"],
        )
    },
    get("/status", ("Show the verdict and the numbers", "Status"), &[]),
    get(
        "/budget",
        ("Show what is used and left of limits", "BudgetPage"),
        &["account", "after", "limit"],
    ),
    get(
        "/meetings",
        ("List the meetings that zoomd made", "MeetingPage"),
        &["account", "q", "past", "cursor", "limit"],
    ),
    get("/daemons", ("List daemons heard of lately", "Daemons"), &[]),
    get("/timeline", ("Count jobs by minute or hour", "Timeline"), &["window"]),
    get("/audit", ("List acts, newest first", "AuditPage"), PAGE),
    act("/pause", ("Pause all jobs", "Paused"), "Reason"),
    act("/resume", ("Resume all jobs", "Resumed"), ""),
    get("/openapi.json", ("This document", "Any"), &[]),
];

/// The operation of this method and path. `HEAD` is a `GET` without the body.
pub fn find(method: &Method, path: &str) -> Option<&'static Operation> {
    let method = if method == Method::HEAD { "GET" } else { method.as_str() };
    OPERATIONS.iter().find(|operation| operation.path == path && operation.method == method)
}
