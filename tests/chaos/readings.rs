//! Readings of Zoom that it does not publish, drawn for each round: what the
//! daemons assume of its list and its replies is false in one way or another.

use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use zoom_sim::{
    Coding, Dates, End, Endpoint, Fault, ListRules, OddRow, Order, PastStart, Rules, What,
};

/// Readings of one round.
const MOST: usize = 4;
/// Longer than a first search waits, shorter than the last one does.
const LAG_MS: std::ops::Range<i64> = 50..800;

/// A name for the table, and the change of the rules.
type Reading = (&'static str, fn(&mut Rules, &mut StdRng));

const READINGS: [Reading; 24] = [
    ("from/to mean created_at", |r, _| r.list.dates = Dates::CreatedAt),
    ("from/to refused", |r, _| r.list.dates = Dates::Refused),
    ("from/to ignored", |r, _| r.list.dates = Dates::Ignored),
    ("newest first", |r, _| r.list.order = Order::Newest),
    ("shuffled", |r, _| r.list.order = Order::Shuffled),
    ("small pages", |r, dice| r.list.most_rows = Some(dice.random_range(5..12))),
    ("page tokens refused", |r, dice| {
        // A list of many pages must come to its end within a round.
        r.list.page_token_refused = dice.random_range(0.02..0.1);
        r.list.most_rows = Some(dice.random_range(6..12));
    }),
    ("listed late", |r, dice| r.list.lag_ms = dice.random_range(LAG_MS)),
    ("listed after a look", |r, _| r.list.lag_looks = 1),
    ("agenda cut short", |r, dice| r.list.agenda_chars = dice.random_range(1..40)),
    ("agenda empty", |r, _| r.list.agenda_chars = 0),
    ("no agenda", |r, _| r.list.no_agenda = true),
    ("no created_at", |r, _| lay(r, OddRow::lacking(&["created_at"]))),
    ("fields missing", |r, _| {
        lay(r, OddRow::lacking(&["uuid", "topic", "type", "start_time", "duration", "timezone"]));
    }),
    ("odd numbers", |r, dice| {
        let odd = [json!(-1), json!(""), json!(60.5), json!("60"), Value::Null];
        let duration = odd[dice.random_range(0..odd.len())].clone();
        lay(r, OddRow::over(json!({"duration": duration, "type": "2", "pmi": 7})));
    }),
    ("odd texts", |r, _| {
        lay(r, OddRow::over(json!({"topic": 2024, "timezone": null, "start_time": ""})));
    }),
    ("odd rows beside", |r, _| {
        for set in [json!({"id": 0}), json!({"id": "845"}), json!({"type": 300, "topic": 2024})] {
            lay(r, OddRow::beside(set));
        }
    }),
    ("a null row beside", |r, _| lay(r, OddRow::null())),
    ("no row has an id", |r, _| lay(r, OddRow::over(json!({"id": 0})))),
    ("ids are strings", |r, _| r.ids_as_text = true),
    ("totals are strings", |r, _| {
        let head = json!({"total_records": "1", "page_count": "", "page_size": null});
        r.list.head = head.as_object().cloned().unwrap_or_default();
        r.list.end = End::Null;
    }),
    ("the last page has no token", |r, _| r.list.end = End::Absent),
    ("a past start stays or is instant", |r, dice| {
        r.past_start = if dice.random_bool(0.5) { PastStart::Kept } else { PastStart::Instant };
        r.list.previous = dice.random_bool(0.5);
    }),
    ("a refresh spares the old token", |r, _| r.tokens.refresh_kills_access = false),
];

/// Readings with which nobody can tell what a lost call made: a row that may be the
/// meeting cannot be read, or no list shows it.
const OPEN: [&str; 4] = [
    "odd rows beside",
    "a null row beside",
    "no row has an id",
    "a past start stays or is instant",
];

/// True if a lost call may end as unknown with these readings.
pub fn leave_open(readings: &[&str]) -> bool {
    readings.iter().any(|name| OPEN.contains(name))
}

/// Codings of replies that nobody asked for; the last is a byte-order mark.
const CODINGS: [(&str, What); 5] = [
    ("replies are gzip", What::Compressed(Coding::Gzip)),
    ("replies are deflate", What::Compressed(Coding::Deflate)),
    ("replies are raw deflate", What::Compressed(Coding::RawDeflate)),
    ("replies are brotli", What::Compressed(Coding::Br)),
    ("replies have a byte-order mark", What::ByteOrderMark),
];

/// Draws, for every third round, a coding of all replies. It must come before other
/// faults: a reply is coded only if no fault before it has ended the request.
pub fn draw_coding(dice: &mut StdRng) -> Option<(&'static str, Fault)> {
    let (name, what) = CODINGS[dice.random_range(0..CODINGS.len())].clone();
    dice.random_bool(1.0 / 3.0).then(|| (name, Fault::new(Endpoint::Any, what).after().always()))
}

fn lay(rules: &mut Rules, row: OddRow) {
    rules.list.rows.push(row);
}

/// Draws up to four readings of a round; with `late` the round itself says how
/// late meetings are shown.
pub fn draw(rules: &mut Rules, dice: &mut StdRng, late: bool) -> Vec<&'static str> {
    rules.list = ListRules::default();
    (rules.past_start, rules.ids_as_text) = (PastStart::Now, false);
    rules.tokens.refresh_kills_access = true;
    let mut names = Vec::new();
    for _ in 0..dice.random_range(0..=MOST) {
        let (name, change) = READINGS[dice.random_range(0..READINGS.len())];
        if names.contains(&name) || (late && name.starts_with("listed")) {
            continue;
        }
        change(rules, dice);
        names.push(name);
    }
    names
}
