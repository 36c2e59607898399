//! Entries of the public streams as JSON, without what lets its holder host a meeting.

use serde_json::{Map, Value, json};
use zoomd_store::streams::{Item, Stream};

/// Fields of Zoom's answer that are secrets.
const SECRET: [&str; 2] = ["start_url", "dynamic_host_key"];

pub fn name(stream: Stream) -> &'static str {
    match stream {
        Stream::Jobs => "jobs",
        Stream::Results => "results",
        Stream::Failures => "failures",
        Stream::Events => "events",
    }
}

/// The entry: its id, its fields, and the JSON in them as such.
pub fn entry(item: &Item) -> Value {
    let mut fields = Map::new();
    fields.insert("id".to_owned(), item.id.as_str().into());
    for (name, value) in item.fields.iter().filter(|(name, _)| name != "story") {
        let parsed = match name.as_str() {
            "result" | "failure" | "data" | "job" => serde_json::from_str(value).ok(),
            _ => None,
        };
        fields.insert(name.clone(), parsed.unwrap_or_else(|| json!(value)));
    }
    let mut entry = Value::Object(fields);
    if let Some(meeting) = entry.pointer_mut("/result/meeting") {
        hide(meeting);
    }
    entry
}

/// Takes the secrets out of a meeting as Zoom answered it.
pub fn hide(meeting: &mut Value) {
    let Some(fields) = meeting.as_object_mut() else { return };
    SECRET.iter().for_each(|name| drop(fields.remove(*name)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_shows_all_but_the_secrets_of_a_host() {
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let result = r#"{"v":1,"meeting":{"id":5,"start_url":"s","dynamic_host_key":"k"}}"#;
        let item = Item {
            stream: Stream::Results,
            id: "1-0".into(),
            fields: vec![field("job_id", "<b>"), field("result", result), field("story", "[]")],
        };
        let expected =
            json!({"id": "1-0", "job_id": "<b>", "result": {"v": 1, "meeting": {"id": 5}}});
        assert_eq!(entry(&item), expected);
        let event = [field("event", "account.connected"), field("data", "broken {")].into();
        let item = Item { stream: Stream::Events, id: "2-0".into(), fields: event };
        let expected = json!({"id": "2-0", "event": "account.connected", "data": "broken {"});
        assert_eq!(entry(&item), expected);
    }
}
