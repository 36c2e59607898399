//! Kinds of jobs are named in one folder of the contract and one of the workers; all
//! other code asks there. So a kind is added by two files.

use zoomd_wire::Kind;

/// Folders of code, and those in it that may name a kind.
const CODE: [&str; 6] = [
    "crates/json-fields/src/",
    "crates/zoom-api/src/",
    "crates/zoomd-store/src/",
    "crates/zoomd-wire/src/",
    "src/",
    "workers/src/",
];
const OF_KINDS: [&str; 2] = ["crates/zoomd-wire/src/kind/", "workers/src/kinds/"];

/// A kind's word, and the name of its type.
fn names() -> Vec<String> {
    let capital = |part: &str| part[..1].to_uppercase() + &part[1..];
    let all = Kind::ALL.iter().map(|kind| kind.as_str());
    all.flat_map(|word| [word.to_owned(), word.split('_').map(capital).collect()]).collect()
}

/// The lines of a file, without its tests, that name a kind.
fn naming<'a>(path: &str, code: &'a str, names: &[String]) -> Vec<&'a str> {
    let is_test = path.contains("/tests/") || path.ends_with("tests.rs");
    if is_test || OF_KINDS.iter().any(|folder| path.starts_with(folder)) {
        return Vec::new();
    }
    let code = code.split("#[cfg(test)]").next().unwrap_or_default();
    code.lines().filter(|line| names.iter().any(|name| line.contains(name.as_str()))).collect()
}

#[test]
fn no_other_file_names_a_kind() {
    let names = names();
    let files = CODE.iter().flat_map(|folder| super::sources(folder));
    let files: Vec<_> = files.chain(scripts()).collect();
    assert!(files.len() > 300, "only {} files were found", files.len());
    let found: Vec<_> = files
        .iter()
        .flat_map(|(path, code)| naming(path, code, &names).into_iter().map(move |l| (path, l)))
        .collect();
    assert!(found.is_empty(), "these name a kind: {found:#?}");
}

/// The scripts of the store.
fn scripts() -> Vec<(String, String)> {
    let folder = "crates/zoomd-store/src/lua";
    let mut found = Vec::new();
    for group in ["accounts", "admin", "lib", "limits", "queue"] {
        let all = std::fs::read_dir(format!("{}/{folder}/{group}", super::ROOT)).expect("a folder");
        for path in all.map(|entry| entry.expect("an entry").path()) {
            if path.extension().is_some_and(|end| end == "lua") {
                let code = std::fs::read_to_string(&path).expect("a script");
                found.push((path.display().to_string(), code));
            }
        }
    }
    assert!(found.len() > 40, "only {} scripts were found", found.len());
    found
}

#[test]
fn a_kind_that_is_named_elsewhere_is_found() {
    let names = names();
    assert!(names.contains(&"create_meeting".to_owned()), "{names:?}");
    assert!(names.contains(&"DeleteMeeting".to_owned()), "{names:?}");
    let told = r#"let kind = "create_meeting";"#;
    let typed = "match kind { Kind::DeleteMeeting => {} }";
    for code in [told, typed] {
        assert_eq!(naming("workers/src/metric.rs", code, &names), [code]);
        assert_eq!(naming("crates/zoomd-store/src/lua/queue/claim.lua", code, &names), [code]);
        assert!(naming("workers/src/kinds/mod.rs", code, &names).is_empty());
        assert!(naming("workers/src/decide/tests.rs", code, &names).is_empty());
        let tests = format!("fn a() {{}}\n#[cfg(test)]\nmod tests {{ {code} }}");
        assert!(naming("workers/src/metric.rs", &tests, &names).is_empty());
    }
    assert!(naming("workers/src/metric.rs", "// creates a meeting", &names).is_empty());
}
