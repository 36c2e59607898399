//! Fields as Zoom may write them: a number as a string, an empty string for
//! nothing, a value of another type. A field that cannot be read is absent; it
//! never makes the object around it unreadable.

use std::num::NonZeroU64;

use serde::de::{Deserialize, Deserializer, Error};
use serde_json::Value;

/// A text; a number or a truth value as it is written.
pub(super) fn text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    })
}

/// A whole number, or a string of digits, that fits.
pub(super) fn whole<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<u64>,
{
    let number = of(&Value::deserialize(from)?);
    Ok(number.and_then(|number| T::try_from(number).ok()))
}

/// The number of a meeting; an error without one. Zoom gives none 0.
pub(super) fn number<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    number_or_none(from)?.ok_or_else(|| D::Error::custom("no id"))
}

/// The number of a meeting, if it can be read.
pub(super) fn number_or_none<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    Ok(of(&Value::deserialize(from)?).filter(|number| *number > 0))
}

/// The id of a user, which may be a number.
pub(super) fn name<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let name = text(from)?.filter(|name| !name.is_empty());
    name.ok_or_else(|| D::Error::custom("no id"))
}

fn of(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64().or_else(|| whole_float(number.as_f64()?)),
        Value::String(text) => digits(text),
        _ => None,
    }
}

/// A float that is a whole number, as `8.45e2` is.
fn whole_float(number: f64) -> Option<u64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let whole = (0.0..=EXACT).contains(&number) && number.fract() == 0.0;
    whole.then(|| format!("{number:.0}").parse().ok()).flatten()
}

fn digits(text: &str) -> Option<u64> {
    let text = text.trim();
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// The number of a meeting as it stands in an answer, and its digits there.
pub(super) fn id_in(raw: &str) -> Option<(u64, &str)> {
    let quoted = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let plain = quoted.unwrap_or(raw);
    if let Ok(number) = plain.parse::<NonZeroU64>()
        && !plain.starts_with(['0', '+'])
    {
        return Some((number.get(), plain));
    }
    let value = serde_json::from_str(raw).ok()?;
    of(&value).filter(|number| *number > 0).map(|number| (number, raw))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_read_in_any_form_that_is_one() {
        let table = [
            (json!(845), Some(845)),
            (json!("845"), Some(845)),
            (json!(" 845 "), Some(845)),
            (json!(845.0), Some(845)),
            (json!(u64::MAX), Some(u64::MAX)),
            (json!(60.5), None),
            (json!(-1), None),
            (json!("-1"), None),
            (json!("+1"), None),
            (json!(""), None),
            (json!("8 45"), None),
            (json!(1e300), None),
            (json!(null), None),
            (json!([845]), None),
            (json!({"id": 845}), None),
        ];
        for (value, number) in table {
            assert_eq!(of(&value), number, "{value}");
        }
        assert_eq!(whole::<_, u8>(json!(300)).unwrap(), None);
        assert_eq!(whole::<_, u8>(json!("2")).unwrap(), Some(2));
        assert_eq!(text(json!(2024)).unwrap().as_deref(), Some("2024"));
        assert_eq!(text(json!(["a"])).unwrap(), None);
        assert!(number(json!(0)).is_err());
        assert!(number(json!(null)).is_err());
    }

    #[test]
    fn an_id_keeps_its_digits() {
        assert_eq!(id_in("845"), Some((845, "845")));
        assert_eq!(id_in("\"845\""), Some((845, "845")));
        assert_eq!(id_in("845.0"), Some((845, "845.0")));
        for bad in ["0", "\"0\"", "\"\"", "-1", "null", "\"a\"", "[1]", "60.5"] {
            assert_eq!(id_in(bad), None, "{bad}");
        }
    }
}
