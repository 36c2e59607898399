//! JSON of jobs and outcomes as a page may show it: laid out, and without what lets its
//! reader host a meeting or join it unasked.

use serde_json::Value;

/// Fields that are secrets wherever they stand.
const SECRET: [&str; 8] = [
    "start_url",
    "dynamic_host_key",
    "host_key",
    "password",
    "encrypted_password",
    "h323_password",
    "pstn_password",
    "refresh_token",
];
/// Stands for a secret.
const HIDDEN: &str = "(not shown)";
/// Bytes of a text that a page shows.
const SHOWN_MAX: usize = 64 << 10;

/// The text of some JSON for a page; text that is no JSON as it is.
pub(super) fn pretty(bytes: &[u8]) -> String {
    let mut text = match serde_json::from_slice::<Value>(bytes) {
        Ok(mut value) => {
            hide(&mut value);
            serde_json::to_string_pretty(&value).unwrap_or_default()
        }
        Err(_) => {
            let text = String::from_utf8_lossy(bytes).into_owned();
            if tells(&text) { HIDDEN.to_owned() } else { text }
        }
    };
    if text.len() > SHOWN_MAX {
        let end = (0..=SHOWN_MAX).rev().find(|at| text.is_char_boundary(*at));
        text.truncate(end.unwrap_or_default());
        text.push('…');
    }
    text
}

fn hide(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if SECRET.contains(&name.as_str()) {
                    *value = HIDDEN.into();
                } else {
                    hide(value);
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(hide),
        // A job that was refused comes back as text.
        Value::String(text) if tells(text) => *value = HIDDEN.into(),
        _ => {}
    }
}

/// True for a text that names one of the secrets as a field.
fn tells(text: &str) -> bool {
    text.contains('"') && SECRET.iter().any(|name| text.contains(&format!("\"{name}\"")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_wherever_they_stand() {
        let json = br#"{"meeting":{"start_url":"https://z/s?zak=1","topic":"a",
            "settings":{"list":[{"host_key":"123456"}]}},"password":7}"#;
        let shown = pretty(json);
        assert!(shown.contains("\"topic\": \"a\""), "{shown}");
        for secret in ["zak", "123456", "7"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let long = format!("\"{}\"", "é".repeat(SHOWN_MAX));
        let shown = pretty(long.as_bytes());
        assert!(shown.len() <= SHOWN_MAX + 4 && shown.ends_with('…'));
    }

    #[test]
    fn a_refused_job_is_shown_as_it_came_unless_it_names_a_secret() {
        assert_eq!(pretty(b"{not json"), "{not json");
        assert_eq!(pretty(b"{\"start_url\":\"https://z/s?zak=1\""), HIDDEN);
        let failure = br#"{"job":"{\"password\":\"1234\""}"#;
        assert!(!pretty(failure).contains("1234"));
    }
}
