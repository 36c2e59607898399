//! Reads: the API tells what the command of the same name tells.

use serde_json::Value;

use super::ask;
use crate::support::http::Ask;
use crate::support::{Rig, job};

/// Removes fields that differ with every read.
fn still(mut value: Value) -> Value {
    for name in ["at", "daemons", "redis"] {
        value.as_object_mut().map(|fields| fields.remove(name));
    }
    value
}

/// Removes the limits per second, which start again with every read.
fn budgets(mut lines: Value) -> Value {
    for line in lines.as_array_mut().into_iter().flatten() {
        line.as_object_mut().map(|fields| fields.remove("resets_at"));
    }
    lines
}

#[tokio::test(flavor = "multi_thread")]
async fn status_accounts_and_budgets_are_those_of_the_commands() {
    let rig = Rig::start().await;
    for name in ["ada", "bob", "eve"] {
        rig.connect(name);
    }
    let daemon = rig.daemon();
    rig.xadd(&job("ada", "j1")).await;
    rig.outcome("j1").await;
    let get = |path: &str| ask(&daemon, &Ask::get(path)).expect(200).json();
    let printed = |args: &[&str]| rig.run(&[&["--json"], args].concat()).json();
    assert_eq!(still(get("/api/v1/status")), still(printed(&["status"])));
    assert_eq!(get("/api/v1/daemons")["daemons"].as_array().map(Vec::len), Some(1));
    let used = get("/api/v1/budget?account=ada")["items"].clone();
    assert_eq!(budgets(used), budgets(printed(&["budget", "ada"])));
    let used = get("/api/v1/budget")["items"].clone();
    assert!(used.as_array().is_some_and(|lines| lines.iter().any(|l| l["used"] == 1)), "{used}");
    assert_eq!(get("/api/v1/accounts")["items"], printed(&["account", "list"]));
    assert_eq!(get("/api/v1/accounts/ada"), printed(&["account", "show", "ada"]));
    let first = get("/api/v1/accounts?limit=2");
    assert_eq!((first["items"].as_array().map(Vec::len), &first["next"]), (Some(2), &"bob".into()));
    let rest = get("/api/v1/accounts?limit=2&after=bob");
    assert_eq!((&rest["items"][0]["account"], &rest["next"]), (&"eve".into(), &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_meant_is_told_as_a_problem() {
    let rig = Rig::start().await;
    let daemon = rig.daemon();
    for (path, status, code) in [
        ("/api/v1/nothing", 404, "not_found"),
        ("/api/v1", 404, "not_found"),
        ("/api/v1/accounts/nobody", 404, "not_found"),
        ("/api/v1/accounts/a%20b", 400, "bad_request"),
        ("/api/v1/accounts?colour=red", 400, "bad_request"),
        ("/api/v1/accounts?limit=0", 400, "bad_request"),
        ("/api/v1/accounts?limit=100000", 400, "bad_request"),
        ("/api/v1/accounts?state=odd", 400, "bad_request"),
        ("/api/v1/budget?account=nobody", 404, "unknown_account"),
    ] {
        let answer = ask(&daemon, &Ask::get(path)).expect(status);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{path}");
        let problem = answer.json();
        assert_eq!((&problem["code"], &problem["status"]), (&code.into(), &status.into()));
        assert!(problem["message"].as_str().is_some_and(|text| !text.is_empty()), "{problem}");
    }
    let wrong = ask(&daemon, &Ask::new("DELETE", "/api/v1/status")).expect(405).json();
    assert_eq!(wrong["code"], "method_not_allowed");
}
