//! The body of a create or an update, and Zoom's published limits on it.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::errors::Errors;
use crate::recurrence::Recurrence;
use crate::settings;

/// The fields Zoom knows; all others it ignores.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Draft {
    pub(crate) topic: Option<String>,
    #[serde(rename = "type")]
    pub(crate) kind: Option<i64>,
    pub(crate) start_time: Option<String>,
    pub(crate) timezone: Option<String>,
    pub(crate) duration: Option<i64>,
    pub(crate) agenda: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) default_password: Option<bool>,
    pub(crate) schedule_for: Option<String>,
    pub(crate) pre_schedule: Option<bool>,
    pub(crate) template_id: Option<String>,
    pub(crate) tracking_fields: Option<Vec<TrackingField>>,
    pub(crate) recurrence: Option<Recurrence>,
    pub(crate) settings: Option<Map<String, Value>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct TrackingField {
    pub(crate) field: Option<String>,
    pub(crate) value: Option<String>,
}

impl TrackingField {
    pub(crate) fn pair(self) -> (String, String) {
        (self.field.unwrap_or_default(), self.value.unwrap_or_default())
    }
}

/// Problem with a body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    NotAnObject,
    Fields(Vec<(String, String)>),
}

impl Draft {
    pub(crate) fn read(body: &[u8]) -> Result<Self, Wrong> {
        if let Ok(draft) = serde_json::from_slice(body)
            && body.trim_ascii_start().first() == Some(&b'{')
        {
            return Ok(draft);
        }
        match serde_json::from_slice::<Value>(body) {
            Ok(Value::Object(map)) => Err(Wrong::Fields(misfits(&map))),
            _ => Err(Wrong::NotAnObject),
        }
    }

    /// Checks what can be checked without knowing anybody; `kind` is the type
    /// the meeting has or will have, `recurs` whether it has a rule already.
    pub(crate) fn check(&self, kind: i64, recurs: bool) -> Result<(), Wrong> {
        let mut errors = Errors(Vec::new());
        errors.unless(matches!(kind, 1 | 2 | 3 | 8 | 10), "type", "Invalid field.");
        errors.longest(self.topic.as_deref(), 200, "topic");
        errors.longest(self.agenda.as_deref(), 2_000, "agenda");
        errors.longest(self.password.as_deref(), 10, "password");
        if let Some(password) = &self.password {
            // Letters, digits and "special characters", of which no list is published.
            let odd = |c: char| !c.is_ascii_graphic();
            errors.unless(!password.contains(odd), "password", "Invalid field.");
        }
        if matches!(kind, 2 | 8) {
            let fits = self.duration.is_none_or(|d| (1..=1_440).contains(&d));
            errors.unless(fits, "duration", "Invalid field.");
        }
        if let Some(zone) = &self.timezone {
            let known = zone == "UTC" || jiff::tz::TimeZone::get(zone).is_ok();
            errors.unless(known, "timezone", "Invalid field.");
        }
        for field in self.tracking_fields.iter().flatten() {
            errors.unless(field.field.is_some(), "tracking_fields.field", "Required.");
        }
        if kind == 8 {
            match &self.recurrence {
                Some(recurrence) => recurrence.check(&mut errors),
                None => errors.unless(recurs, "recurrence", "Required."),
            }
        }
        for name in self.settings.iter().flat_map(settings::unfit) {
            errors.add(&format!("settings.{name}"), "Invalid field.");
        }
        if errors.0.is_empty() { Ok(()) } else { Err(Wrong::Fields(errors.0)) }
    }

    /// `use_pmi` of the settings.
    pub(crate) fn uses_pmi(&self) -> bool {
        self.settings.as_ref().and_then(|s| s.get("use_pmi")) == Some(&Value::Bool(true))
    }
}

/// The fields whose types do not fit, found one by one.
fn misfits(map: &serde_json::Map<String, Value>) -> Vec<(String, String)> {
    let alone = |key: &str, value: &Value| {
        let one = serde_json::json!({ key: value }).to_string();
        serde_json::from_str::<Draft>(&one).is_err()
    };
    let mut errors = Errors(Vec::new());
    for (key, value) in map {
        errors.unless(!alone(key, value), key, "Invalid field.");
    }
    if errors.0.is_empty() {
        errors.add("body", "Invalid field.");
    }
    errors.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(body: &str) -> Vec<String> {
        let checked =
            Draft::read(body.as_bytes()).and_then(|d| d.check(d.kind.unwrap_or(2), false));
        match checked {
            Ok(()) => Vec::new(),
            Err(Wrong::NotAnObject) => vec!["body".into()],
            Err(Wrong::Fields(fields)) => fields.into_iter().map(|(field, _)| field).collect(),
        }
    }

    #[test]
    fn every_limit_and_one_beyond() {
        let body = |topic, agenda, password| {
            let (topic, agenda) = ("é".repeat(topic), "é".repeat(agenda));
            serde_json::json!({"topic": topic, "agenda": agenda, "password": "p".repeat(password)})
                .to_string()
        };
        assert!(wrong(&body(200, 2_000, 10)).is_empty());
        assert_eq!(wrong(&body(201, 2_001, 11)), ["topic", "agenda", "password"]);
        for (json, field) in [
            (r#"{"duration":0}"#, "duration"),
            (r#"{"duration":1441}"#, "duration"),
            (r#"{"duration":"60"}"#, "duration"),
            (r#"{"type":4}"#, "type"),
            (r#"{"timezone":"Mars/Olympus"}"#, "timezone"),
            (r#"{"type":8}"#, "recurrence"),
            (
                r#"{"type":8,"recurrence":{"type":1,"repeat_interval":100}}"#,
                "recurrence.repeat_interval",
            ),
            (r#"{"type":8,"recurrence":{"type":2,"weekly_days":"1,8"}}"#, "recurrence.weekly_days"),
            (r#"{"type":8,"recurrence":{"type":1,"end_times":61}}"#, "recurrence.end_times"),
            (r#"{"settings":[]}"#, "settings"),
            (r#"{"settings":{"jbh_time":7}}"#, "settings.jbh_time"),
            (r#"[]"#, "body"),
            (r#"{"#, "body"),
        ] {
            assert_eq!(wrong(json), [field], "{json}");
        }
        assert!(wrong(r#"{"duration":1440,"unknown":1,"settings":{"odd":1}}"#).is_empty());
    }
}
