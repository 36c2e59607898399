//! schema/: the AsyncAPI document fits the schemas and the keys of Redis.

use serde_json::Value;
use zoomd_store::Keys;

use crate::documents::read;
use crate::support::{Rig, finish, zoomd};

fn document(name: &str) -> Value {
    serde_json::from_str(&read(&format!("schema/{name}.json"))).expect("JSON")
}

/// All references in a value.
fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_str().filter(|_| name == "$ref") {
                    Some(reference) => found.push(reference),
                    None => references(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[test]
fn references_of_all_documents_lead_somewhere() {
    for name in ["job", "result", "failure", "event", "asyncapi"] {
        let document = document(name);
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(name != "asyncapi" || found.len() > 10, "{found:?}");
        for reference in found {
            match reference.strip_prefix('#') {
                Some(pointer) => {
                    assert!(document.pointer(pointer).is_some(), "{name}: {reference}");
                }
                None => {
                    let file = reference.strip_suffix(".json").expect("a schema");
                    assert_eq!(self::document(file)["$id"], format!("urn:zoomd:schema:{file}"));
                }
            }
        }
    }
}

#[tokio::test]
async fn the_channels_are_the_keys_and_the_entries_have_the_fields() {
    let keys = Keys::new("zoomd");
    let asyncapi = document("asyncapi");
    let address = |channel: &str| asyncapi["channels"][channel]["address"].clone();
    for (channel, key) in [
        ("jobs", keys.jobs()),
        ("results", keys.results()),
        ("failures", keys.failures()),
        ("events", keys.events()),
        ("reply", keys.reply("{job_id}")),
    ] {
        assert_eq!(address(channel), key);
    }
    let rig = Rig::start().await;
    rig.connect("acme");
    let _daemon = rig.daemon();
    for (account, id) in [("acme", "one"), ("nobody", "two")] {
        rig.xadd(&crate::support::job(account, id)).await;
        let item = rig.wait_item(|item| item.field("job_id") == id).await;
        let message = if account == "acme" { "result" } else { "failure" };
        let message = &asyncapi["components"]["messages"][message]["x-redis"]["fields"];
        let fields: Vec<_> = message.as_array().expect("fields").iter().collect();
        for (name, _) in &item.fields {
            // A field of the contract that the document does not have yet.
            assert!(fields.iter().any(|known| *known == name), "{name} is not in {message}");
        }
    }
}

#[test]
fn the_command_prints_each() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["job", "result", "failure", "event", "asyncapi"] {
        let ran = finish(zoomd(folder.path(), &["schema", name]), "").expect(0);
        assert_eq!(ran.json(), document(name));
    }
}
