//! A meeting as a read shows it: its type, its dates, whether it runs, and whether it is
//! as a change wants it. Pure.

use jiff::Timestamp;
use serde_json::{Map, Value};
use zoomd_wire::{Change, Marker};

/// Fields that no read shows.
const UNSHOWN: [&str; 3] = ["password", "schedule_for", "template_id"];
/// Dates that are told as candidates.
const TOLD_MAX: usize = 20;
/// Milliseconds between which an id of a date can be the time of its start.
const EPOCH_MS: std::ops::Range<i64> = 100_000_000_000..100_000_000_000_000;

/// A meeting, as Zoom tells it.
#[derive(Debug)]
pub(super) struct Shown {
    /// Type.
    pub(super) kind: u64,
    fields: Map<String, Value>,
}

/// A date that cannot be told.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Undated {
    pub(super) why: String,
    /// Dates that it may be, as JSON.
    pub(super) dates: Option<String>,
}

/// True if meetings of this type are recurring ones.
pub(super) fn recurs(kind: u64) -> bool {
    matches!(kind, 3 | 8)
}

impl Shown {
    /// Reads an answer; `None` where it does not tell the type.
    pub(super) fn of(json: &str) -> Option<Self> {
        let fields: Map<String, Value> = serde_json::from_str(json).ok()?;
        let kind = fields.get("type").and_then(Value::as_u64)?;
        Some(Self { kind, fields })
    }

    /// True if it is a recurring one.
    pub(super) fn recurs(&self) -> bool {
        recurs(self.kind)
    }

    /// This run of it, and whether it runs now.
    pub(super) fn run(&self) -> (String, bool) {
        let uuid = self.text("uuid").unwrap_or_default().to_owned();
        (uuid, self.text("status") == Some("started"))
    }

    /// The marker at the end of its agenda.
    pub(super) fn marker(&self) -> Option<Marker> {
        let agenda = self.text("agenda")?;
        agenda.get(agenda.len().checked_sub(Marker::LEN)?..)?.parse().ok()
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.fields.get(name).and_then(Value::as_str)
    }

    fn dates(&self) -> impl Iterator<Item = &Value> {
        self.fields.get("occurrences").and_then(Value::as_array).into_iter().flatten()
    }

    pub(super) fn has_date(&self, id: u64) -> bool {
        self.dates().any(|date| id_of(date) == Some(id) && date["status"] != "deleted")
    }

    /// Zoom's id of the date that first was to start then.
    pub(super) fn date_of(&self, start: Timestamp) -> Result<u64, Undated> {
        let ms = start.as_millisecond();
        let by_id = self.dates().filter_map(id_of).find(|id| i64::try_from(*id) == Ok(ms));
        if let Some(id) = by_id {
            return Ok(id);
        }
        let begins = |date: &&Value| start_of(date) == Some(start) && !was_moved(date);
        let fit: Vec<&Value> = self.dates().filter(begins).collect();
        match fit[..] {
            [date] => id_of(date).ok_or_else(|| self.undated(&[])),
            _ => Err(self.undated(&fit)),
        }
    }

    fn undated(&self, fit: &[&Value]) -> Undated {
        let why = match fit.len() {
            0 => "no date of the meeting starts then",
            _ => "several dates of the meeting start then",
        };
        let told: Vec<&Value> = match fit {
            [] => self.dates().take(TOLD_MAX).collect(),
            several => several.iter().copied().take(TOLD_MAX).collect(),
        };
        let dates = (!told.is_empty()).then(|| serde_json::json!(told).to_string());
        Undated { why: format!("`occurrence`: {why}; name it by its `occurrence_id`"), dates }
    }

    /// True if all that a change sets is so already. What is not shown counts as not so.
    pub(super) fn is_as(&self, change: &Change, marker: Option<&Marker>) -> bool {
        let Ok(Value::Object(wanted)) = serde_json::from_str(change.body()) else { return false };
        wanted.iter().filter(|(_, value)| !value.is_null()).all(|(name, value)| {
            !UNSHOWN.contains(&name.as_str()) && self.shows(name, value, change, marker)
        })
    }

    fn shows(&self, name: &str, value: &Value, change: &Change, marker: Option<&Marker>) -> bool {
        let Some(shown) = self.fields.get(name) else {
            // An empty agenda may be left out.
            return name == "agenda" && *value == "" && marker.is_none();
        };
        match (name, value, shown) {
            ("start_time", ..) => {
                start_of_text(shown) == change.start() && change.start().is_some()
            }
            ("agenda", Value::String(wanted), Value::String(shown)) => {
                let with = |marker: &Marker| {
                    let between = if wanted.is_empty() { "" } else { "\n" };
                    format!("{wanted}{between}{marker}")
                };
                wanted == shown || marker.is_some_and(|marker| with(marker) == *shown)
            }
            ("recurrence", ..) => !is_endless(value) && holds(shown, value),
            _ => holds(shown, value),
        }
    }
}

/// True if a value shows all of another.
fn holds(shown: &Value, wanted: &Value) -> bool {
    match (shown, wanted) {
        (Value::Object(shown), Value::Object(wanted)) => wanted.iter().all(|(name, wanted)| {
            wanted.is_null() || shown.get(name).is_some_and(|shown| holds(shown, wanted))
        }),
        (Value::Array(shown), Value::Array(wanted)) => {
            shown.len() == wanted.len() && shown.iter().zip(wanted).all(|(s, w)| holds(s, w))
        }
        (Value::String(one), Value::String(other)) if one != other => {
            let time = |text: &str| text.parse::<Timestamp>().ok();
            time(one).is_some_and(|one| time(other) == Some(one))
        }
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (one, other) => one == other,
    }
}

/// True if a rule has no end: Zoom gives it one.
fn is_endless(rule: &Value) -> bool {
    let no_count = rule.get("end_times").is_none_or(|times| *times == 0);
    let no_date = rule.get("end_date_time").is_none_or(|date| *date == "");
    no_count && no_date
}

fn id_of(date: &Value) -> Option<u64> {
    let id = &date["occurrence_id"];
    id.as_u64().or_else(|| id.as_str()?.parse().ok())
}

fn start_of(date: &Value) -> Option<Timestamp> {
    start_of_text(&date["start_time"])
}

fn start_of_text(text: &Value) -> Option<Timestamp> {
    text.as_str()?.parse().ok()
}

/// True if a date is known to start at another time than it first was to.
fn was_moved(date: &Value) -> bool {
    let first = id_of(date).and_then(|id| i64::try_from(id).ok());
    let first = first.filter(|ms| EPOCH_MS.contains(ms));
    let start = start_of(date).map(Timestamp::as_millisecond);
    first.is_some_and(|first| start.is_some_and(|start| start != first))
}

#[cfg(test)]
#[path = "shown_tests.rs"]
mod tests;
