//! Fields of a JSON object, as slices of its text.
//!
//! [`fields`] walks once over a text, checks that all of it is JSON, and hands over each
//! name and each value as it stands, without making a value of any of them. That is for
//! programs that pass most of an object through and read a few of its fields.
//!
//! ```
//! let mut account = None;
//! let read = json_fields::fields(r#"{"account":"acme","meeting":{"topic":"Sync"}}"#, |name, value| {
//!     if name == "account" {
//!         account = Some(value);
//!     }
//! });
//! assert!(read.is_some());
//! assert_eq!(account, Some(r#""acme""#));
//! ```
//!
//! A text that is no plain object is not read (`None`): `serde_json` knows why it is
//! wrong, and reads what is rare, such as a name with escapes.

mod find;
mod scan;

/// Passes to `each` every field of the object `text`, in order: its name, and its raw value without
/// the surrounding white space. A value is valid JSON; as with `serde_json`'s `RawValue`, escapes
/// in it may be halves of surrogate pairs.
///
/// `None` if `text` is no JSON object, if a name is written with an escape, or if values are nested
/// more than [`DEEPEST`] deep. `each` has then received exactly the fields before that place, in
/// order, so another parser can continue after that many.
pub fn fields<'a>(text: &'a str, mut each: impl FnMut(&'a str, &'a str)) -> Option<()> {
    let bytes = text.as_bytes();
    let start = scan::space(bytes, 0);
    let end = scan::object(bytes, start, DEEPEST, |field| {
        if field.escaped {
            return None;
        }
        each(text.get(field.name)?, text.get(field.value)?);
        Some(())
    })?;
    (scan::space(bytes, end) == bytes.len()).then_some(())
}

/// Depth to which objects and arrays may stand in the values. Deeper ones are rare,
/// and the scan takes the stack.
pub const DEEPEST: u8 = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_told_of_a_part_is_told_of_its_first_fields() {
        let deep = format!("{}{}", "[".repeat(60), "]".repeat(60));
        let place = "HERE";
        for (odd, after) in [
            (r#""\u0061":1"#, r#","x":[1],"y":2}"#),
            (&*format!(r#""deep":{deep}"#), r#","x":[1]}"#),
            ("broken", r#","x":1}"#),
            (r#""a":1"#, r#","x":1} and more"#),
        ] {
            let text = format!(r#"{{"first":1, "b" : {{"c":[]}},"{place}":null,{odd}{after}"#);
            let mut told = Vec::new();
            assert!(fields(&text, |name, value| told.push((name, value))).is_none(), "{text}");
            let wanted = [("first", "1"), ("b", r#"{"c":[]}"#), (place, "null")];
            assert_eq!(told[..3], wanted, "{text}");
            let rest: Vec<_> = told[3..].iter().map(|(name, _)| *name).collect();
            assert!(["a", "x"].starts_with(&rest), "{text}: {rest:?}");
        }
    }
}
