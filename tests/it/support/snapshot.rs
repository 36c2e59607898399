//! Texts that are held by files: `UPDATE_SNAPSHOTS=1 cargo test` writes them again. It writes
//! whole files of one folder only, and in documents nothing but a table.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;

/// The folder of files that belong to tests alone.
const FOLDER: &str = "tests/it/snapshots/";

/// Compares `text` with a file of [`FOLDER`].
#[track_caller]
pub fn holds(file: &str, text: &str) {
    assert!(file.starts_with(FOLDER), "{file} is not in {FOLDER}: it would be overwritten");
    compare(file, &read(file), text);
}

/// Compares `table` with the table of a document that begins with the same line.
/// The rest of the document is left alone.
#[track_caller]
pub fn table(file: &str, table: &str) {
    let document = read(file);
    compare(file, &document, &with_table(&document, table));
}

/// The document with `table` in the place of the one that begins with the same line.
fn with_table(document: &str, table: &str) -> String {
    let head = table.lines().next().expect("a table has a head");
    let at = document.find(head).unwrap_or_else(|| panic!("no table begins with {head}"));
    let length: usize =
        document[at..].split_inclusive('\n').take_while(|l| l.starts_with('|')).map(str::len).sum();
    format!("{}{table}{}", &document[..at], &document[at + length..])
}

fn path(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(file)
}

fn read(file: &str) -> String {
    std::fs::read_to_string(path(file)).unwrap_or_default()
}

#[track_caller]
fn compare(file: &str, held: &str, text: &str) {
    if updates(std::env::var_os("UPDATE_SNAPSHOTS")) {
        // Written beside and renamed: a test that is killed here leaves no half of it.
        let path = path(file);
        let folder = path.parent().expect("a folder");
        std::fs::create_dir_all(folder).expect("made");
        let mut beside = tempfile::NamedTempFile::new_in(folder).expect("a file");
        beside.write_all(text.as_bytes()).expect("written");
        // A temporary file is its owner's alone; these are everybody's.
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        beside.as_file().set_permissions(mode).expect("set");
        beside.persist(&path).expect("renamed");
        return;
    }
    assert!(
        held == text,
        "{file} differs; if that is meant: UPDATE_SNAPSHOTS=1 cargo test\n--- is ---\n{text}\n--- was ---\n{held}"
    );
}

#[test]
fn a_document_keeps_all_but_its_table() {
    let document =
        "# Page\n\nText | before.\n\n| a |\n|---|\n| 1 |\n\nText after.\n```sh\nx\n```\n";
    let renewed = with_table(document, "| a |\n|---|\n| 1 |\n| 2 |\n");
    assert_eq!(renewed, document.replace("| 1 |\n", "| 1 |\n| 2 |\n"));
    assert_eq!(with_table("| a |\n| 1 |", "| a |\n"), "| a |\n");
}

/// A value such as `0` compares, as no value does.
fn updates(value: Option<OsString>) -> bool {
    value.is_some_and(|value| value == "1")
}

#[test]
fn only_a_one_updates_the_files() {
    for (value, wanted) in [(None, false), (Some(""), false), (Some("0"), false), (Some("1"), true)]
    {
        assert_eq!(updates(value.map(Into::into)), wanted, "{value:?}");
    }
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
