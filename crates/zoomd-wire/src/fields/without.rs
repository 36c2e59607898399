//! Takes fields out of a JSON text and leaves every other character alone.

use std::ops::Range;

/// The text without the fields whose values stand at these places. Each is the
/// value of an object's field whose name has no quote in it.
pub(super) fn without(text: &str, mut values: Vec<Range<usize>>) -> String {
    values.sort_unstable_by_key(|value| value.start);
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for value in values {
        let name_end = text[..value.start].rfind('"').unwrap_or_default();
        let start = text[..name_end].rfind('"').unwrap_or_default();
        out.push_str(&text[done..start]);
        let after = &text[value.end..];
        match after.trim_ascii_start().strip_prefix(',') {
            Some(rest) => done = text.len() - rest.trim_ascii_start().len(),
            // The last field takes the comma before it along.
            None => {
                let kept = out.trim_ascii_end();
                let kept = kept.strip_suffix(',').unwrap_or(kept).len();
                out.truncate(kept);
                done = value.end;
            }
        }
    }
    out.push_str(&text[done..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_fields_can_go() {
        let text = r#"{ "a": 1, "b" : [ ],"c":{"d":[],"e":2} , "f":"x" }"#;
        let value = |value: &str| {
            let start = text.find(value).unwrap();
            start..start + value.len()
        };
        let (a, b, f) = (value("1"), value("[ ]"), value(r#""x""#));
        let (c, d, e) = (value(r#"{"d":[],"e":2}"#), value("[]"), value("2"));
        for gone in [
            vec![],
            vec![a.clone()],
            vec![b.clone()],
            vec![f.clone()],
            vec![d.clone()],
            vec![e.clone()],
            vec![d.clone(), e.clone()],
            vec![a.clone(), b.clone()],
            vec![b.clone(), d.clone(), f.clone()],
            vec![c.clone(), f.clone()],
            vec![f.clone(), c.clone(), b.clone(), a.clone()],
        ] {
            let mut wanted: serde_json::Value = serde_json::from_str(text).unwrap();
            for (place, pointer) in
                [(&a, "a"), (&b, "b"), (&c, "c"), (&d, "c/d"), (&e, "c/e"), (&f, "f")]
            {
                if gone.contains(place) {
                    let (parent, name) = pointer.rsplit_once('/').unwrap_or(("", pointer));
                    let parent = if parent.is_empty() { "" } else { "/c" };
                    let object = wanted.pointer_mut(parent).and_then(|v| v.as_object_mut());
                    object.unwrap().remove(name);
                }
            }
            let found = without(text, gone.clone());
            let value: serde_json::Value = serde_json::from_str(&found).expect(&found);
            assert_eq!(value, wanted, "{gone:?}: {found}");
        }
    }
}
