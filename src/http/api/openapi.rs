//! `GET /openapi.json`: the OpenAPI 3.1 document, made of the table of operations and of
//! the shapes below. `tests/it/api` holds it against routes and answers.

use axum::response::Response;
use serde_json::{Map, Value, json};

use super::answer::ok;
use super::operations::{OPERATIONS, Operation};

/// Shapes: a name, and its fields as `name:type`. `?` behind the type: it may be null;
/// `~` before the name: it may be left out.
const SHAPES: &[(&str, &str)] = &[
    ("Receipt", "id:string job_id:string entry_id:string status:string ~warnings:array"),
    (
        "ReceiptLine",
        "line:integer id:string? status:string ~entry_id:string ~code:string ~field:string \
         ~message:string",
    ),
    ("JobPage", "items:JobView[] next:string?"),
    (
        "JobView",
        "job_id:string state:string source:string account:string? host:string? entry_id:string? \
         run:integer priority:string? reason:string? explanation:string? why:string? \
         because:string? reason_since:string? next_attempt_at:string? detail:string? \
         expected_at:string? place:integer? deadline:string? daemon:string? attempts:integer \
         unresolved:boolean enqueued_at:string? waits_for:string? target:object? twins:array \
         timeline:array ~job:any ~outcome:object",
    ),
    ("Cancelled", "job_id:string result:string"),
    ("Reason", "~reason:string"),
    ("EntryPage", "items:object[] next:string? last:string?"),
    ("Pick", "~ids:string[] ~filter:object ~limit:integer ~reason:string"),
    ("Skipped", "id:string reason:string ~message:string"),
    ("Retried", "retried:string[] skipped:Skipped[] more:boolean"),
    ("Discarded", "discarded:string[] skipped:Skipped[] more:boolean"),
    ("AccountPage", "items:Account[] next:string?"),
    (
        "Account",
        "account:string state:string why:string? paused:string? kind:string plan:string \
         cap:integer? zoom_account:string? zoom_user:string? aliases:string[] scopes:string[] \
         missing_scopes:object epoch:string? generation:integer? access_expires_at:string? \
         refresh_obtained_at:string? created_at:string? rotating:boolean last_error:string? \
         waiting:integer in_flight:integer ~grant:object",
    ),
    ("Refreshed", "account:string epoch:string generation:integer"),
    ("LinkBody", "~ttl:string ~take_over:boolean ~plan:string ~label:string ~return_to:string"),
    ("ConnectLink", "account:string url:string expires_at:string? take_over:boolean plan:string?"),
    ("TokenBody", "~min_life:string"),
    ("Token", "account:string access_token:string epoch:string generation:integer"),
    (
        "RemovedAccount",
        "account:string removed:boolean revoked:string waiting:integer purged:boolean",
    ),
    (
        "Status",
        "namespace:string verdict:string problems:array ~at:string? ~paused:boolean \
         ~pause_reason:string? ~queued:integer ~oldest_queued_at:string? ~running:integer \
         ~waiting:integer ~sleeping:integer ~waiting_by_reason:array ~waiting_unread:integer \
         ~results_kept:integer ~failures_listed:integer ~failures_last_day:integer \
         ~succeeded_total:integer ~failed_total:integer ~accounts:object \
         ~accounts_in_trouble:array ~rotations:object ~daemons:array ~redis:object",
    ),
    ("BudgetPage", "items:Budget[] next:string?"),
    (
        "Budget",
        "account:string zoom_account:string? limit:string used:integer elsewhere:integer \
         most:integer? left:integer? resets_at:string? closed_until:string? waiting:integer \
         why:string? because:string? first_expected_at:string? last_expected_at:string? \
         days:array",
    ),
    ("MeetingPage", "items:Meeting[] next:string?"),
    (
        "Meeting",
        "meeting_id:integer account:string job_id:string entry_id:string user:string \
         type:integer start_time:string? duration:integer? ends_at:string? timezone:string? \
         recurrence:object? state:string deleted_at:string? topic:string?",
    ),
    ("Daemons", "daemons:object[]"),
    ("Timeline", "window:string step_s:integer points:Point[]"),
    ("Point", "at:string? succeeded:integer failed:integer waiting:integer"),
    ("AuditPage", "items:Act[] next:string?"),
    (
        "Act",
        "id:string at:string who:string via:string what:string of:string reason:string \
         outcome:string",
    ),
    ("Paused", "paused:boolean reason:string"),
    ("Resumed", "paused:boolean was_paused:boolean"),
    (
        "Problem",
        "type:string title:string status:integer code:string message:string ~hint:string \
         ~field:string",
    ),
];

/// The document.
pub async fn openapi() -> Response {
    ok(&document())
}

/// The document as JSON; `zoomd schema openapi` prints the same.
pub fn document() -> Value {
    let mut paths = Map::new();
    for operation in OPERATIONS {
        let path = operation.path.replace("{*path}", "{path}");
        let item = paths.entry(path).or_insert_with(|| json!({}));
        item[operation.method.to_lowercase()] = described(operation);
    }
    let schemas: Map<String, Value> =
        SHAPES.iter().map(|(name, fields)| ((*name).to_owned(), object(fields))).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "zoomd",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Jobs, accounts, limits and failures of one zoomd namespace.",
        },
        "servers": [{"url": super::PREFIX}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    })
}

fn described(operation: &Operation) -> Value {
    let named = |at: &str, name: &str, required: bool| json!({"name": name, "in": at, "required": required, "schema": {"type": "string"}});
    let in_path = operation.path.split('/').filter_map(|part| part.strip_prefix('{'));
    let in_path = in_path.map(|part| named("path", part.trim_matches(['*', '}']), true));
    let in_query = operation.query.iter().filter(|name| **name != "…");
    let parameters: Vec<Value> =
        in_path.chain(in_query.map(|name| named("query", name, false))).collect();
    let mut said = json!({
        "summary": operation.summary,
        "description": format!("Needs the role `{}`.", operation.role),
        "parameters": parameters,
        "responses": {
            "200": {"description": "Done.", "content": content(operation.answer)},
            "default": {
                "description": "A problem.",
                "content": {"application/problem+json": {"schema": reference("Problem")}},
            },
        },
    });
    if matches!(operation.answer, "Receipt" | "Cancelled") {
        let content = content(operation.answer);
        said["responses"]["202"] = json!({"description": "Taken.", "content": content});
    }
    if operation.answer == "Receipt" {
        // With `wait`: the result or failure; for NDJSON: a line for each job.
        said["responses"]["200"]["content"] = json!({
            "application/json": {"schema": {"type": "object"}},
            "application/x-ndjson": {"schema": reference("ReceiptLine")},
        });
    }
    if !operation.body.is_empty() {
        let schema = match operation.body {
            "Job" => json!({"type": "object"}),
            name => reference(name),
        };
        let mut kinds = json!({"application/json": {"schema": schema}});
        if operation.body == "Job" {
            kinds["application/x-ndjson"] = json!({"schema": schema});
        }
        said["requestBody"] = json!({"required": operation.body == "Job", "content": kinds});
    }
    said
}

fn content(answer: &str) -> Value {
    match answer {
        "Events" => json!({"text/event-stream": {"schema": {"type": "string"}}}),
        "Any" => json!({"application/json": {"schema": {}}}),
        name => json!({"application/json": {"schema": reference(name)}}),
    }
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// The schema of these fields. Fields may be added in a later version.
fn object(fields: &str) -> Value {
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for field in fields.split_whitespace() {
        let Some((name, kind)) = field.split_once(':') else { continue };
        let optional = name.starts_with('~');
        let name = name.trim_start_matches('~');
        properties.insert(name.to_owned(), schema(kind));
        if !optional {
            required.push(name);
        }
    }
    json!({"type": "object", "properties": properties, "required": required})
}

fn schema(kind: &str) -> Value {
    if let Some(kind) = kind.strip_suffix('?') {
        return json!({"type": [kind, "null"]});
    }
    if let Some(kind) = kind.strip_suffix("[]") {
        return json!({"type": "array", "items": schema(kind)});
    }
    match kind {
        "any" => json!({}),
        "string" | "integer" | "boolean" | "object" | "array" => json!({"type": kind}),
        name => reference(name),
    }
}
