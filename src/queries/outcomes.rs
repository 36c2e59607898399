//! Entries of the public streams as JSON, without what lets its holder host a meeting.

use serde_json::{Map, Value, json};
use zoomd_store::streams::{Item, Stream};

/// Fields of Zoom's answers that let their holder host a meeting, stream it or act as its user.
const SECRET: [&str; 9] = [
    "start_url",
    "dynamic_host_key",
    "host_key",
    "stream_key",
    "token",
    "zak",
    "access_token",
    "refresh_token",
    "download_access_token",
];

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
    if let Some(result) = entry.get_mut("result") {
        hide_in(result);
    }
    entry
}

/// Takes the secrets out of what Zoom answered, however deep they are.
pub fn hide(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !SECRET.contains(&name.as_str()));
            fields.values_mut().for_each(hide);
        }
        Value::Array(items) => items.iter_mut().for_each(hide),
        _ => {}
    }
}

/// Takes the secrets out of the meeting of an outcome.
pub fn hide_in(outcome: &mut Value) {
    if let Some(meeting) = outcome.get_mut("meeting") {
        hide(meeting);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_taken_out_however_deep() {
        let mut value = json!({"start_url": 1, "next_page_token": "n", "meetings": [{"id": 5,
            "start_url": 2, "settings": {"dynamic_host_key": "k", "x": 1}}], "host_key": "1",
            "live": {"stream_key": "s", "page_url": "u"}, "token": "t"});
        hide(&mut value);
        let left = json!({"next_page_token": "n", "meetings": [{"id": 5, "settings": {"x": 1}}],
            "live": {"page_url": "u"}});
        assert_eq!(value, left);
    }

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
