//! Texts that are held by files: `UPDATE_SNAPSHOTS=1 cargo test` writes them anew.

use std::path::PathBuf;

/// Compares `text` with a file below the project's folder.
#[track_caller]
pub fn holds(file: &str, text: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(&path, text).expect("written");
        return;
    }
    let held = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        held == text,
        "{file} differs; if that is meant: UPDATE_SNAPSHOTS=1 cargo test\n--- is ---\n{text}\n--- was ---\n{held}"
    );
}

/// The shape of a JSON value: types in place of values, the first element of
/// an array in place of all.
pub fn shape(value: &serde_json::Value) -> String {
    let mut text = String::new();
    write_shape(value, 0, &mut text);
    text + "\n"
}

fn write_shape(value: &serde_json::Value, depth: usize, text: &mut String) {
    use serde_json::Value;
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(_) => text.push_str("bool"),
        Value::Number(_) => text.push_str("number"),
        Value::String(_) => text.push_str("string"),
        Value::Array(items) => {
            text.push('[');
            if let Some(first) = items.first() {
                write_shape(first, depth, text);
            }
            text.push(']');
        }
        Value::Object(fields) => {
            text.push('{');
            for (key, value) in fields {
                text.push_str(&format!("\n{}{key}: ", "  ".repeat(depth + 1)));
                write_shape(value, depth + 1, text);
            }
            text.push_str(&format!("\n{}}}", "  ".repeat(depth)));
        }
    }
}
