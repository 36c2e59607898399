//! The schemas of schema/, held against everything that the tests read from the streams.

use std::cell::RefCell;
use std::collections::BTreeMap;

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::Value;
use zoomd_store::streams::{Item, Stream};

thread_local! {
    static KNOWN: RefCell<BTreeMap<&'static str, (Schemas, SchemaIndex)>> = RefCell::default();
}

fn compiled(name: &str) -> (Schemas, SchemaIndex) {
    let path = format!("{}/schema/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("a schema");
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    let schema = serde_json::from_str(&text).expect("JSON");
    compiler.add_resource("urn:s", schema).expect("a schema");
    let index = compiler.compile("urn:s", &mut schemas).unwrap_or_else(|e| panic!("{name}: {e:#}"));
    (schemas, index)
}

/// The fault that a schema finds in a value.
pub fn fault(name: &'static str, value: &Value) -> Option<String> {
    KNOWN.with_borrow_mut(|known| {
        let (schemas, index) = known.entry(name).or_insert_with(|| compiled(name));
        schemas.validate(value, *index).err().map(|error| format!("{error:#}"))
    })
}

/// An entry that zoomd published is as the schema has it.
#[track_caller]
pub fn holds(item: &Item) {
    let (name, field) = match item.stream {
        Stream::Jobs => return,
        Stream::Results => ("result", "result"),
        Stream::Failures => ("failure", "failure"),
        Stream::Events => ("event", "data"),
    };
    let text = item.field(field);
    let value: Value = serde_json::from_str(text).expect("JSON");
    let fault = fault(name, &value);
    assert!(fault.is_none(), "schema/{name}.json refuses {text}: {}", fault.unwrap_or_default());
    for same in ["job_id", "account", "kind", "code"] {
        let told = value[same].as_str().unwrap_or_default();
        assert!(item.stream == Stream::Events || item.field(same) == told, "{same}: {item:?}");
    }
}
