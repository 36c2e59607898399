//! Every operation of the document with each role, and with hostile words in its path and query.

use serde_json::Value;

use super::{ask, with_tokens};
use crate::support::http::Ask;
use crate::support::{Daemon, Rig};

/// An operation: method, path, the role it needs, the parameters of its query.
struct Operation {
    method: String,
    path: String,
    role: usize,
    query: Vec<String>,
}

const ROLES: [&str; 3] = ["read", "enqueue", "operate"];

fn operations(document: &Value) -> Vec<Operation> {
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, said) in item.as_object().expect("operations") {
            let role = said["description"].as_str().and_then(|text| text.split('`').nth(1));
            let role = ROLES.iter().position(|name| Some(*name) == role).expect("a role");
            let of_query = |parameter: &&Value| parameter["in"] == "query";
            let query = said["parameters"].as_array().expect("parameters").iter().filter(of_query);
            let query = query.filter_map(|named| named["name"].as_str().map(str::to_owned));
            all.push(Operation {
                method: method.to_uppercase(),
                path: path.clone(),
                role,
                query: query.collect(),
            });
        }
    }
    assert!(all.len() > 25, "{} operations", all.len());
    all
}

/// The path of an operation about things that are not there.
fn path(operation: &Operation, name: &str) -> String {
    let path = operation.path.replace("{path}", "users/me");
    let path = path.replace("{account}", name).replace("{id}", name);
    format!("/api/v1{path}")
}

/// The status of an answer; a stream's is told by its head.
fn status(daemon: &Daemon, asked: &Ask) -> u16 {
    asked.open(&daemon.address()).0.status
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_is_for_its_role_and_those_above() {
    let mut rig = Rig::start().await;
    let tokens = with_tokens(&mut rig);
    let daemon = rig.daemon();
    let document = Ask::get("/api/v1/openapi.json").bearer(&tokens.read);
    let document = ask(&daemon, &document).expect(200).json();
    for operation in operations(&document) {
        let (method, path) = (&operation.method, path(&operation, "nobody"));
        let asked = Ask::new(method, &path);
        assert_eq!(status(&daemon, &asked), 401, "{method} {path} without a token");
        let foreign = asked.clone().bearer(&tokens.operate).header("host", "evil.example");
        assert_eq!(status(&daemon, &foreign), 421, "{method} {path} for another host");
        let each = [&tokens.read, &tokens.enqueue, &tokens.operate];
        for (role, token) in each.into_iter().enumerate() {
            let answered = status(&daemon, &asked.clone().bearer(token));
            let name = ROLES[role];
            if role < operation.role {
                assert_eq!(answered, 403, "{method} {path} with {name}");
            } else {
                assert!(answered != 403 && answered < 500, "{method} {path} {name}: {answered}");
            }
            if operation.role > 0 {
                let other = asked.clone().bearer(token).header("origin", "https://evil.example");
                assert_eq!(status(&daemon, &other), 403, "{method} {path} from another site");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_words_are_data_in_every_path_and_query() {
    let mut rig = Rig::start().await;
    rig.set("ZOOMD_API_ALLOW_WRITE_WITHOUT_TOKEN", "true");
    rig.connect("ada");
    let daemon = rig.daemon();
    let document = ask(&daemon, &Ask::get("/api/v1/openapi.json")).expect(200).json();
    let words = [
        "%3Cscript%3Ealert(1)%3C%2Fscript%3E".to_owned(),
        "78475495050123456789".to_owned(),
        "%E2%80%AEright%0D%0Aset-cookie:a".to_owned(),
        "%00".to_owned(),
        "%FF%FE".to_owned(),
        "*%5B%5D%3F".to_owned(),
        "..%2F..%2Faccounts".to_owned(),
        "x".repeat(8_000),
    ];
    for operation in operations(&document).iter().filter(|one| one.path != "/stream") {
        for word in &words {
            let path = path(operation, word);
            let mut paths = vec![path.clone()];
            paths.extend(operation.query.iter().map(|name| format!("{path}?{name}={word}")));
            for path in paths {
                let short = path.get(..100).unwrap_or(&path);
                let answer = ask(&daemon, &Ask::new(&operation.method, &path));
                let (status, kind) = (answer.status, answer.header("content-type"));
                assert!(status < 500, "{} {short}: {status} {}", operation.method, answer.body);
                assert!(kind.is_some_and(|kind| kind.ends_with("json")), "{short}: {kind:?}");
                assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{short}");
                assert!(answer.header("set-cookie").is_none(), "{short}");
            }
        }
    }
    let (_, ready) = daemon.get("/readyz");
    assert!(ready.contains("\"ready\":true"), "{ready}");
}
