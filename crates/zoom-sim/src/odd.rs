//! Readings of what Zoom does not publish: each switch makes one assumption
//! about its list and its replies false. The defaults are the usual reading.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Contents, delay and form of the list of meetings.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ListRules {
    /// Time until a new meeting is listed (by the simulator's clock).
    pub lag_ms: i64,
    /// Number of listings of its host until a new meeting is listed.
    pub lag_looks: u32,
    /// Where the list cuts the agenda, in characters; 0 shows it empty.
    pub agenda_chars: usize,
    /// Rows have no agenda at all.
    pub no_agenda: bool,
    /// Life of a `next_page_token`.
    pub page_token_ttl_ms: i64,
    /// A page token is refused as expired with this chance (0 to 1).
    pub page_token_refused: f64,
    /// Most rows of a page, whatever `page_size` asks for.
    pub most_rows: Option<usize>,
    /// Date that `from` and `to` are compared with.
    pub dates: Dates,
    /// The order of the rows.
    pub order: Order,
    /// `type=previous_meetings` is known.
    pub previous: bool,
    /// Oddities of rows.
    pub rows: Vec<OddRow>,
    /// Fields laid over the list's own (`{"total_records":"1"}`).
    pub head: Map<String, Value>,
    pub end: End,
}

impl Default for ListRules {
    fn default() -> Self {
        Self {
            lag_ms: 0,
            lag_looks: 0,
            agenda_chars: 250,
            no_agenda: false,
            page_token_ttl_ms: 900_000,
            page_token_refused: 0.0,
            most_rows: None,
            dates: Dates::Start,
            order: Order::Oldest,
            previous: true,
            rows: Vec::new(),
            head: Map::new(),
            end: End::Empty,
        }
    }
}

/// Date that `from` and `to` of the list are compared with. Zoom publishes only "start date" and
/// "end date".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dates {
    /// The day of the meeting's start.
    Start,
    /// The day the meeting was made.
    CreatedAt,
    /// Nothing: all rows are shown.
    Ignored,
    /// A list that names them is refused: 400, code 300.
    Refused,
}

/// The order of a list's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// The oldest first.
    Oldest,
    /// The newest first.
    Newest,
    /// By no rule; the same in each list.
    Shuffled,
}

/// Form in which the last page ends the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// `"next_page_token": ""`
    Empty,
    /// `"next_page_token": null`
    Null,
    /// No such field.
    Absent,
}

/// Reaction to a create whose start is past.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PastStart {
    #[default]
    Now,
    /// It keeps its start.
    Kept,
    /// It starts now and is an instant meeting, which no list shows.
    Instant,
}

/// One way in which rows of a list are odd.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OddRow {
    /// Strikes every row; otherwise one row more stands at the head of each page.
    pub every: bool,
    /// Fields of this form take the place of the row's own.
    pub set: Map<String, Value>,
    /// Fields that the row does not have.
    pub without: Vec<String>,
    /// The row is this value and no object.
    pub instead: Option<Value>,
    /// `null` takes the place of the row.
    pub null: bool,
}

impl OddRow {
    /// A row of its own with these fields.
    pub fn beside(set: Value) -> Self {
        Self { set: object(set), ..Self::default() }
    }

    /// These fields laid over every row.
    pub fn over(set: Value) -> Self {
        Self { every: true, ..Self::beside(set) }
    }

    /// Every row lacks these fields.
    pub fn lacking(fields: &[&str]) -> Self {
        let without = fields.iter().map(|field| (*field).to_owned()).collect();
        Self { every: true, without, ..Self::default() }
    }

    /// A row of its own that is `null`.
    pub fn null() -> Self {
        Self { null: true, ..Self::default() }
    }

    fn lay(&self, row: &mut Value) {
        if self.null {
            *row = Value::Null;
        } else if let Some(instead) = &self.instead {
            row.clone_from(instead);
        } else if let Value::Object(fields) = row {
            fields.extend(self.set.clone());
            fields.retain(|name, _| !self.without.contains(name));
        }
    }
}

fn object(value: Value) -> Map<String, Value> {
    if let Value::Object(map) = value { map } else { Map::new() }
}

impl ListRules {
    /// True if rows or the list itself are written in an odd form.
    pub(crate) fn is_odd(&self) -> bool {
        !self.rows.is_empty() || !self.head.is_empty() || self.end != End::Empty
    }

    /// The page as written, made odd.
    pub(crate) fn twist(&self, body: &[u8]) -> Vec<u8> {
        let Ok(Value::Object(mut page)) = serde_json::from_slice(body) else {
            return body.to_vec();
        };
        if let Some(Value::Array(rows)) = page.get_mut("meetings") {
            for odd in &self.rows {
                if odd.every {
                    rows.iter_mut().for_each(|row| odd.lay(row));
                }
            }
            for (number, odd) in self.rows.iter().enumerate().filter(|(_, odd)| !odd.every) {
                let mut row = stranger(number);
                odd.lay(&mut row);
                rows.insert(0, row);
            }
        }
        page.extend(self.head.clone());
        if page.get("next_page_token").is_some_and(|token| token == "") {
            match self.end {
                End::Empty => {}
                End::Null => drop(page.insert("next_page_token".into(), Value::Null)),
                End::Absent => drop(page.remove("next_page_token")),
            }
        }
        Value::Object(page).to_string().into_bytes()
    }
}

/// A meeting that somebody made by hand, long ago.
fn stranger(number: usize) -> Value {
    json!({
        "uuid": "c3RyYW5nZXI=", "id": 71_000_000_001_u64 + number as u64, "host_id": "somebody",
        "topic": "Made by hand", "type": 2, "start_time": "2024-05-06T07:00:00Z", "duration": 45,
        "timezone": "UTC", "created_at": "2024-05-01T07:00:00Z", "agenda": "by hand",
        "join_url": "https://us05web.zoom.us/j/71000000001",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_head_are_twisted() {
        let rules = ListRules {
            rows: vec![
                OddRow::over(json!({"duration": -1})),
                OddRow::lacking(&["agenda"]),
                OddRow::beside(json!({"id": 0})),
                OddRow::null(),
            ],
            head: object(json!({"total_records": "1"})),
            end: End::Null,
            ..ListRules::default()
        };
        let body =
            br#"{"total_records":1,"next_page_token":"","meetings":[{"id":7,"agenda":"a"}]}"#;
        let page: Value = serde_json::from_slice(&rules.twist(body)).expect("JSON");
        assert_eq!(page["total_records"], "1");
        assert_eq!(page["next_page_token"], Value::Null);
        assert_eq!(page["meetings"][0], Value::Null);
        assert_eq!(page["meetings"][1]["id"], 0);
        assert_eq!(page["meetings"][2], json!({"id": 7, "duration": -1}));
    }
}
