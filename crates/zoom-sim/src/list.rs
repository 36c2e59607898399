//! `GET /v2/users/{user}/meetings`: pages of what a host has, behind whatever
//! lag, in whatever order and form the rules ask for ([`crate::odd`]). Instant meetings are
//! never listed.

use std::hash::{DefaultHasher, Hash, Hasher};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::call::Call;
use crate::clock::{DAY_MS, day_of};
use crate::meetings::Meeting;
use crate::occurrences::starts;
use crate::odd::{Dates, ListRules, Order};
use crate::reply::Reply;
use crate::world::World;

const HALF_YEAR_MS: i64 = 183 * DAY_MS;
/// Maximum number of the newest meetings that can lag by looks.
const MOST_LAGGING: usize = 1_000;
const MONTH_MS: i64 = 30 * DAY_MS;

struct Asked {
    kind: String,
    size: usize,
    from_day: Option<i64>,
    to_day: Option<i64>,
    dates: Dates,
    now_ms: i64,
}

/// Where a page begins: after this place in the order; valid for the same question only.
struct Cursor {
    after: u64,
    question: u64,
    issued_ms: i64,
}

impl Cursor {
    fn write(&self) -> String {
        let text = format!("{}.{}.{}", self.after, self.question, self.issued_ms);
        URL_SAFE_NO_PAD.encode(text)
    }

    fn read(text: &str) -> Option<Self> {
        let raw = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let mut parts = raw.split('.');
        let after = parts.next()?.parse().ok()?;
        let question = parts.next()?.parse().ok()?;
        let issued_ms = parts.next()?.parse().ok()?;
        Some(Self { after, question, issued_ms })
    }
}

impl Asked {
    fn read(call: &Call, rules: &ListRules, now_ms: i64) -> Result<Self, Reply> {
        let kind = call.query("type").unwrap_or_else(|| "scheduled".into());
        let known = ["scheduled", "live", "upcoming", "upcoming_meetings", "previous_meetings"];
        if !known.contains(&kind.as_str()) || (kind == "previous_meetings" && !rules.previous) {
            return Err(Reply::invalid(&[("type".into(), "Invalid field.".into())]));
        }
        let size = match call.query("page_size").map(|s| s.parse::<usize>()) {
            None => 30,
            Some(Ok(size @ 1..=300)) => size.min(rules.most_rows.unwrap_or(size)),
            Some(_) => {
                return Err(Reply::invalid(&[("page_size".into(), "Invalid field.".into())]));
            }
        };
        let day = |name: &str| match call.query(name) {
            None => Ok(None),
            Some(text) => match text.parse::<jiff::civil::Date>() {
                Ok(date) => {
                    let zoned = date.to_zoned_datetime(jiff::tz::TimeZone::UTC);
                    Ok(zoned.ok().map(|z| day_of(z.timestamp().as_millisecond())))
                }
                Err(_) => Err(Reply::invalid(&[(name.into(), "Invalid field.".into())])),
            },
        };
        let (from_day, to_day) = (day("from")?, day("to")?);
        if rules.dates == Dates::Refused && (from_day.is_some() || to_day.is_some()) {
            return Err(Reply::invalid(&[("from".into(), "Invalid field.".into())]));
        }
        Ok(Self { kind, size, from_day, to_day, dates: rules.dates, now_ms })
    }

    fn wants(&self, m: &Meeting) -> bool {
        let series = m.recurrence.as_ref().map(|r| starts(m.start_ms.unwrap_or(m.created_ms), r));
        let first = m.start_ms.unwrap_or(m.created_ms);
        let last = series.and_then(|s| s.last().copied()).unwrap_or(first);
        let end = last + m.duration * 60_000;
        let fits = match self.kind.as_str() {
            "live" => false,
            "upcoming" | "upcoming_meetings" => {
                m.kind == 3 || (end >= self.now_ms && first <= self.now_ms + HALF_YEAR_MS)
            }
            "previous_meetings" => {
                m.kind != 3 && end < self.now_ms && end >= self.now_ms - HALF_YEAR_MS
            }
            _ => m.kind == 3 || end + MONTH_MS > self.now_ms,
        };
        m.kind != 1 && fits && self.is_dated(m, first, last)
    }

    fn is_dated(&self, m: &Meeting, first: i64, last: i64) -> bool {
        let (first, last) = match self.dates {
            Dates::Start if m.kind == 3 => return true,
            Dates::Start => (first, last),
            Dates::CreatedAt => (m.created_ms, m.created_ms),
            Dates::Ignored | Dates::Refused => return true,
        };
        self.from_day.is_none_or(|d| day_of(last) >= d)
            && self.to_day.is_none_or(|d| day_of(first) <= d)
    }
}

fn question(call: &Call, user: usize) -> u64 {
    let mut hasher = DefaultHasher::new();
    user.hash(&mut hasher);
    for name in ["type", "page_size", "from", "to", "timezone"] {
        call.query(name).hash(&mut hasher);
    }
    hasher.finish()
}

impl World {
    pub(crate) fn list(&mut self, call: &Call, user: usize) -> Reply {
        let now = self.now_ms();
        let asked = match Asked::read(call, &self.rules.list, now) {
            Ok(asked) => asked,
            Err(reply) => return reply,
        };
        let question = question(call, user);
        let token = call.query("next_page_token").filter(|t| !t.is_empty());
        let page: u64 = call.query("page_number").and_then(|p| p.parse().ok()).unwrap_or(1).max(1);
        let refused = self.rules.list.page_token_refused;
        let unlucky = token.is_some() && refused > 0.0 && self.draw() < refused;
        let after = match token.as_deref().map(Cursor::read) {
            None => 0,
            Some(Some(c))
                if c.question == question
                    && !unlucky
                    && c.issued_ms + self.rules.list.page_token_ttl_ms > now =>
            {
                c.after
            }
            Some(_) => {
                let message = "The next page token is invalid or expired.";
                return Reply::error(400, 300, message);
            }
        };
        let skip = if token.is_some() { 0 } else { (page - 1) as usize * asked.size };
        let reply = self.write_list(user, &asked, after, skip, question, page);
        if token.is_none() {
            self.look(user);
        }
        reply
    }

    fn shown<'a>(&'a self, user: usize, asked: &'a Asked) -> Vec<(u64, &'a Meeting)> {
        let rules = &self.rules.list;
        let serials = self.users[user].meetings.iter();
        let gone = asked.now_ms - self.rules.lags.deleted_ms;
        let shown = serials
            .filter_map(|serial| self.meetings.listed(*serial, gone))
            .filter(|m| m.looks_left == 0 && m.created_ms + rules.lag_ms <= asked.now_ms)
            .filter(|m| asked.wants(m));
        let mut shown: Vec<_> = shown.map(|m| (self.place(m.serial), m)).collect();
        if rules.order != Order::Oldest {
            shown.sort_by_key(|(place, _)| *place);
        }
        shown
    }

    /// The place of a meeting in the order; never 0.
    fn place(&self, serial: u64) -> u64 {
        match self.rules.list.order {
            Order::Oldest => serial,
            Order::Newest => u64::MAX - serial,
            Order::Shuffled => self.mixed(71, serial).max(1),
        }
    }

    fn write_list(
        &self,
        user: usize,
        asked: &Asked,
        after: u64,
        skip: usize,
        question: u64,
        page: u64,
    ) -> Reply {
        let shown = self.shown(user, asked);
        let total = shown.len();
        let rest = shown.into_iter().filter(|(place, _)| *place > after).skip(skip);
        let mut next = String::new();
        let mut entries = Vec::new();
        let mut last = after;
        for (n, (place, meeting)) in rest.take(asked.size + 1).enumerate() {
            if n == asked.size {
                next = Cursor { after: last, question, issued_ms: asked.now_ms }.write();
                break;
            }
            if n > 0 {
                entries.push(b',');
            }
            self.write_entry(&mut entries, meeting);
            last = place;
        }
        let pages = total.div_ceil(asked.size);
        let mut body = format!(
            r#"{{"page_count":{pages},"page_number":{page},"page_size":{},"total_records":{total},"next_page_token":"{next}","meetings":["#,
            asked.size
        )
        .into_bytes();
        body.extend_from_slice(&entries);
        body.extend_from_slice(b"]}");
        if self.rules.list.is_odd() {
            body = self.rules.list.twist(&body);
        }
        Reply::json(200, body)
    }

    /// Counts one more listing of the host, for meetings that lag by looks.
    fn look(&mut self, user: usize) {
        for serial in self.users[user].meetings.iter().rev().take(MOST_LAGGING) {
            if let Some(meeting) = self.meetings.live_mut(*serial) {
                meeting.looks_left = meeting.looks_left.saturating_sub(1);
            }
        }
    }
}
