//! The fields of any text equal those that `serde_json` finds; none where it refuses the text.

use std::fmt;

use json_fields::{DEEPEST, fields};
use proptest::prelude::*;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Fields as parsed by `serde_json`.
struct Told(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Told {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Told;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Told, A::Error> {
                let mut told = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
                    told.push((name, value.get().to_owned()));
                }
                Ok(Told(told))
            }
        }
        from.deserialize_map(Reader)
    }
}

fn found(text: &str) -> Option<Vec<(String, String)>> {
    let mut found = Vec::new();
    fields(text, |name, value| found.push((name.to_owned(), value.to_owned())))?;
    Some(found)
}

/// Checks the fields of `text` against `serde_json`, except names with escapes.
fn check(text: &str) -> Result<(), TestCaseError> {
    let told = serde_json::from_str::<Told>(text).ok().map(|Told(fields)| fields);
    match found(text) {
        None => prop_assert!(told.is_none() || text.contains('\\'), "refused: {text:?}"),
        found => prop_assert_eq!(found, told, "{:?}", text),
    }
    Ok(())
}

/// Pieces of JSON, valid and invalid, in any order.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"",
        "\"a\"",
        "\"a\":",
        "\"b\":1,",
        " ",
        "\n",
        "0",
        "1",
        "-",
        "-0",
        ".5",
        "1.5e+3",
        "E9",
        "e",
        "01",
        "true",
        "false",
        "null",
        "nul",
        "tru",
        "\\",
        "\\\"",
        "\"\\u00e9\"",
        "\"\\ud800\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\u{0}",
        "\u{1f}",
        "\u{7f}",
        "é",
        "\u{2028}",
        "\"a long text with é and more\"",
        "{\"a\":[1,{}]}",
        "[]",
        "{}",
        "\u{feff}",
        "\u{a0}",
    ]);
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// Valid object, with white space here and there.
fn sound() -> impl Strategy<Value = String> {
    let space = || prop::sample::select(vec!["", "", "", " ", "\n\t", "\r "]);
    let text = prop_oneof!["[ -~é]{0,30}", "\\PC{0,12}"]
        .prop_map(|text| serde_json::to_string(&text).expect("a string"));
    let leaf = prop_oneof![
        text.clone(),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>()
            .prop_filter("JSON has no others", |n| n.is_finite())
            .prop_map(|n| n.to_string()),
        prop::sample::select(vec!["true", "false", "null", "-0.0e-1", "0", "10E+2"])
            .prop_map(str::to_owned),
    ];
    let value = leaf.prop_recursive(3, 24, 4, move |inner| {
        let items = prop::collection::vec((space(), inner.clone(), space()), 0..4);
        let fields =
            prop::collection::vec((space(), "[a-z_]{0,20}", space(), inner, space()), 0..4);
        prop_oneof![
            items.prop_map(|items| {
                let items = items.into_iter().map(|(a, value, b)| format!("{a}{value}{b}"));
                format!("[{}]", items.collect::<Vec<_>>().join(","))
            }),
            fields.prop_map(|fields| object(fields)),
        ]
    });
    prop::collection::vec((space(), "[a-zé_]{0,20}", space(), value, space()), 0..6)
        .prop_map(object)
}

fn object(fields: Vec<(&str, String, &str, String, &str)>) -> String {
    let fields =
        fields.into_iter().map(|(a, name, b, value, c)| format!("{a}\"{name}\"{b}:{c}{value}{a}"));
    format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_048, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_pieces(text in pieces(), name in "[a-z]{0,9}") {
        check(&text)?;
        check(&format!("{{\"{name}\":{text}}}"))?;
        check(&format!("{{\"{name}\":\"{text}\"}}"))?;
    }

    #[test]
    fn sound_objects_and_torn_ones(text in sound(), at in any::<prop::sample::Index>(), byte in 0u8..128) {
        prop_assert!(found(&text).is_some() || text.contains('\\'), "refused: {text:?}");
        check(&text)?;
        let at = at.index(text.len());
        check(text.get(..at).unwrap_or_default())?;
        let mut bytes = text.into_bytes();
        bytes[at] = byte;
        if let Ok(text) = String::from_utf8(bytes) {
            check(&text)?;
        }
    }
}

#[test]
fn a_name_with_an_escape_is_left_to_others_and_a_value_is_not() {
    assert_eq!(found(r#"{"\u0061":1}"#), None);
    let text = r#" {"a" : {"\u0061":"\ud83d\ude00\/"} , "a":[ "\\" ]} "#;
    let told = [("a", r#"{"\u0061":"\ud83d\ude00\/"}"#), ("a", r#"[ "\\" ]"#)];
    let told = told.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(found(text).as_deref(), Some(&told[..]));
}

#[test]
fn deep_values_are_left_to_others() {
    let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    assert!(found(&nested(usize::from(DEEPEST))).is_some());
    assert_eq!(found(&nested(usize::from(DEEPEST) + 1)), None);
    assert_eq!(found(&nested(1_000_000)), None);
}
