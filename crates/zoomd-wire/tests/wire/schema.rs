//! schema/: what these tests take for a job is one by the schema, too, and what they take
//! for none is none, but for the rules that a schema cannot tell.

use std::cell::RefCell;

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::Value;
use zoomd_wire::{Effect, FailureCode, InvalidJob, Kind};

/// Words of refusals by rules that a schema cannot tell, with the reason.
const BEYOND: &[(&str, &str)] = &[
    ("appears twice", "parsers of JSON keep one of two fields"),
    ("holds a NUL character", "the text, not the value"),
    ("half of a surrogate pair", "the text, not the value"),
    ("nested more than 64 deep", "depth"),
    ("bytes; it may have", "the length of the text"),
    ("is in the past", "the time of now"),
    ("is before the first start", "a comparison of two fields"),
    ("so the job could never run", "a comparison of two fields"),
    ("the id of this job itself", "a comparison of two fields"),
    ("is no time zone", "the list of time zones"),
    ("it must be a whole number", "1.0 is the number 1 to a schema"),
    ("it must be Zoom's number of the meeting", "1.0 is the number 1 to a schema"),
    ("of at most 320 bytes", "bytes, where a schema counts characters"),
    ("is out of range", "the calendar"),
    ("is no date", "the calendar"),
    ("must set at least one field", "a field of which the value is null sets nothing"),
];

thread_local! {
    static JOB: RefCell<Option<(Schemas, SchemaIndex)>> = const { RefCell::new(None) };
}

fn compiled(name: &str) -> (Schemas, SchemaIndex) {
    let path = format!("{}/../../schema/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("a schema");
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    let schema = serde_json::from_str(&text).expect("JSON");
    compiler.add_resource("urn:s", schema).expect("a schema");
    let index = compiler.compile("urn:s", &mut schemas).unwrap_or_else(|e| panic!("{name}: {e:#}"));
    (schemas, index)
}

/// The fault that the schema of this name finds in a value.
fn fault(name: &str, value: &Value) -> Option<String> {
    let (schemas, index) = compiled(name);
    schemas.validate(value, index).err().map(|error| format!("{error:#}"))
}

/// The fault that the schema finds in a job; `None` also for what is no JSON.
fn fault_of_job(text: &str) -> Option<String> {
    let value: Value = serde_json::from_str(text).ok()?;
    JOB.with_borrow_mut(|job| {
        let (schemas, index) = job.get_or_insert_with(|| compiled("job"));
        schemas.validate(&value, *index).err().map(|error| format!("{error:#}"))
    })
}

/// A job that was accepted.
#[track_caller]
pub fn accepts(text: &str) {
    let fault = fault_of_job(text);
    assert!(fault.is_none(), "schema/job.json refuses {text}: {}", fault.unwrap_or_default());
}

/// A job that was refused.
#[track_caller]
pub fn refuses(text: &str, invalid: &InvalidJob) {
    let is_json = serde_json::from_str::<Value>(text).is_ok();
    let beyond = BEYOND.iter().any(|(words, _)| invalid.message.contains(words));
    let agrees = !is_json || beyond || fault_of_job(text).is_some();
    assert!(agrees, "schema/job.json accepts {text}: {}", invalid.message);
}

/// Words of an enum in a schema.
fn words(schema: &str, pointer: &str) -> Vec<String> {
    let path = format!("{}/../../schema/{schema}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("a schema");
    let schema: Value = serde_json::from_str(&text).expect("JSON");
    let list = schema.pointer(pointer).and_then(Value::as_array).expect("a list");
    list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

#[test]
fn the_words_of_the_schemas_are_those_of_the_contract() {
    let codes: Vec<_> = FailureCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(words("failure", "/properties/code/enum"), codes);
    let kinds: Vec<_> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(words("job", "/properties/kind/enum"), kinds);
    assert_eq!(words("result", "/properties/kind/enum"), kinds);
    let effects = [
        Effect::Updated,
        Effect::Unchanged,
        Effect::Deleted,
        Effect::AlreadyGone,
        Effect::NeverCreated,
        Effect::Ended,
        Effect::AlreadyEnded,
    ];
    assert_eq!(words("result", "/properties/effect/enum"), effects.map(Effect::as_str));
}

#[test]
fn a_fault_of_each_schema_is_found() {
    assert!(fault_of_job(r#"{"account":"acme","meeting":{"type":3},"colour":1}"#).is_some());
    assert!(fault_of_job(r#"{"account":"acme","kind":"delete_meeting"}"#).is_some());
    for name in ["result", "failure"] {
        assert!(fault(name, &serde_json::json!({"v": 1})).is_some(), "{name}");
    }
}

/// An outcome that these tests made.
#[track_caller]
pub fn is_outcome(json: &str) {
    let value: Value = serde_json::from_str(json).expect("JSON");
    let name = if value["status"] == "succeeded" { "result" } else { "failure" };
    assert_eq!(fault(name, &value), None, "{json}");
}
