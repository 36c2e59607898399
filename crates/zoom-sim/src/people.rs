//! Users and what meetings say to people: the user, users of an account, what a
//! user has in the next day, invitations, registrants.

use serde_json::{Value, json};

use crate::call::{Call, Caller};
use crate::clock::{DAY_MS, day_of, iso};
use crate::draft::Wrong;
use crate::limits::LimitKind;
use crate::meetings::{Meeting, Registrant};
use crate::reply::Reply;
use crate::world::World;

/// Registrations of one person for one meeting in a UTC day.
const REGISTRATIONS: u32 = 3;

impl World {
    pub(crate) fn show_user(&self, user: usize) -> Reply {
        Reply::value(200, &self.user_json(user))
    }

    fn user_json(&self, index: usize) -> Value {
        let user = &self.users[index];
        let account = &self.accounts[user.account];
        let name = user.email.split('@').next().unwrap_or_default();
        let owner = account.owner == Some(index);
        json!({
            "id": user.id,
            "first_name": name,
            "last_name": "Example",
            "display_name": format!("{name} Example"),
            "email": user.email,
            "type": 2,
            "role_name": if owner { "Owner" } else { "Member" },
            "pmi": user.pmi,
            "use_pmi": false,
            "timezone": user.timezone,
            "verified": 1,
            "created_at": "2024-01-01T00:00:00Z",
            "language": "en-US",
            "status": "active",
            "account_id": account.id,
            "account_number": 7_000_000 + user.account as u64,
        })
    }

    fn id_value(&self, id: u64) -> Value {
        if self.rules.ids_as_text { id.to_string().into() } else { id.into() }
    }

    /// `GET /v2/users`: those of the caller's account, for its administrators.
    pub(crate) fn list_users(&self, call: &Call, by: Caller, admin: bool) -> Reply {
        if !admin {
            let message =
                "Invalid access token, does not contain scopes:[user:read:list_users:admin].";
            return Reply::error(400, 4711, message);
        }
        let number = |name: &str| call.query(name).map(|text| text.parse::<usize>().ok());
        let size = match number("page_size") {
            None => 30,
            Some(Some(size @ 1..=300)) => size,
            Some(_) => return Reply::invalid(&[("page_size".into(), "Invalid field.".into())]),
        };
        let token = call.query("next_page_token").filter(|token| !token.is_empty());
        let from = match (
            token.as_deref().map(|token| token.strip_prefix("users-")),
            number("page_number"),
        ) {
            (Some(None), _) => {
                return Reply::error(400, 300, "The next page token is invalid or expired.");
            }
            (Some(Some(at)), _) => at.parse().unwrap_or(0),
            (None, page) => (page.flatten().unwrap_or(1).max(1) - 1) * size,
        };
        let account = self.users[by.user].account;
        let active = call.query("status").is_none_or(|status| status == "active");
        let all = (0..self.users.len()).filter(|u| active && self.users[*u].account == account);
        let all: Vec<usize> = all.collect();
        let page: Vec<Value> =
            all.iter().skip(from).take(size).map(|user| self.user_json(*user)).collect();
        let end = from + page.len();
        let next = if end < all.len() { format!("users-{end}") } else { String::new() };
        Reply::value(
            200,
            &json!({
                "page_count": all.len().div_ceil(size), "page_number": from / size + 1,
                "page_size": size, "total_records": all.len(), "next_page_token": next,
                "users": page,
            }),
        )
    }

    /// `GET /v2/users/{user}/upcoming_meetings`: of the next 24 hours; no uuid, no agenda.
    pub(crate) fn upcoming(&self, user: usize) -> Reply {
        let now = self.now_ms();
        let serials = self.users[user].meetings.iter();
        let mut all: Vec<(i64, Value)> = serials
            .filter_map(|serial| self.meetings.live(*serial))
            .filter(|m| matches!(m.kind, 2 | 8))
            .flat_map(|m| {
                let starts = if m.kind == 8 { m.occurrences() } else { Vec::from_iter(m.start_ms) };
                starts.into_iter().map(move |at| (at, m))
            })
            .filter(|(at, m)| at + m.duration * 60_000 >= now && *at <= now + DAY_MS)
            .map(|(at, m)| (at, self.upcoming_json(at, m)))
            .collect();
        all.sort_by_key(|(at, _)| *at);
        let all: Vec<Value> = all.into_iter().map(|(_, meeting)| meeting).collect();
        Reply::value(200, &json!({"total_records": all.len(), "upcoming_meetings": all}))
    }

    fn upcoming_json(&self, at_ms: i64, m: &Meeting) -> Value {
        json!({
            "id": self.id_value(m.id), "topic": m.topic, "type": m.kind, "start_time": iso(at_ms),
            "duration": m.duration, "duration_time": m.duration, "timezone": m.timezone,
            "created_at": iso(m.created_ms), "is_host": true, "passcode": m.password,
            "join_url": self.join_url(m), "use_pmi": m.pmi,
        })
    }

    pub(crate) fn invitation(&self, serial: u64) -> Result<Reply, Reply> {
        let Some(m) = self.meetings.live(serial) else { return Ok(Reply::empty(404)) };
        let host = &self.users[m.host].email;
        let text = format!(
            "{host} is inviting you to a scheduled Zoom meeting.\r\n\r\nTopic: {}\r\n\
             Time: {}\r\n\r\nJoin Zoom Meeting\r\n{}\r\n\r\nMeeting ID: {}\r\nPasscode: {}\r\n",
            m.topic,
            m.start_ms.map(iso).unwrap_or_default(),
            self.join_url(m),
            m.id,
            m.password,
        );
        Ok(Reply::value(200, &json!({"invitation": text, "sip_links": []})))
    }

    /// `POST /v2/meetings/{id}/registrants`; again with the same address answers as before.
    pub(crate) fn register(
        &mut self,
        call: &Call,
        by: Caller,
        serial: u64,
    ) -> Result<Reply, Reply> {
        let body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
        if !body.is_object() {
            return Err(self.invalid(&Wrong::NotAnObject, by));
        }
        let text = |name: &str| body[name].as_str().unwrap_or_default().trim().to_owned();
        let (email, first_name) = (text("email").to_lowercase(), text("first_name"));
        let mut wrong = Vec::new();
        if !email.contains('@') || email.len() > 128 {
            wrong.push(("email".to_owned(), "Invalid field.".to_owned()));
        }
        if first_name.is_empty() || first_name.chars().count() > 64 {
            wrong.push(("first_name".to_owned(), "Invalid field.".to_owned()));
        }
        if !wrong.is_empty() {
            return Err(self.invalid(&Wrong::Fields(wrong), by));
        }
        let (now, number) = (self.now_ms(), self.mixed(81, serial));
        let too_many = self.limited(LimitKind::UserDay, self.label(call.endpoint), None);
        let Some(m) = self.meetings.live_mut(serial) else { return Ok(Reply::empty(404)) };
        if !m.takes_registrants() {
            let message = format!("Registration has not been enabled for this meeting: {}.", m.id);
            return Err(Reply::error(400, 3000, &message));
        }
        let at = m.registrants.iter().position(|r| r.email == email).unwrap_or_else(|| {
            let id = format!("{number:016x}{:06x}", m.registrants.len());
            let last_name = text("last_name");
            let (email, at_ms) = (email.clone(), now);
            m.registrants.push(Registrant { id, email, first_name, last_name, at_ms, times: 0 });
            m.registrants.len() - 1
        });
        let registrant = &mut m.registrants[at];
        if day_of(registrant.at_ms) != day_of(now) {
            registrant.times = 0;
        }
        if registrant.times >= REGISTRATIONS {
            let message = "You have exceeded the daily rate limit (3) of Add meeting registrant \
                API requests permitted for this particular registrant.";
            return Err(Reply { body: Reply::error(429, 429, message).body, ..too_many });
        }
        (registrant.times, registrant.at_ms) = (registrant.times + 1, now);
        let registrant_id = registrant.id.clone();
        let Some(m) = self.meetings.live(serial) else { return Ok(Reply::empty(404)) };
        Ok(Reply::value(
            201,
            &json!({
                "id": self.id_value(m.id), "registrant_id": registrant_id, "topic": m.topic,
                "start_time": m.start_ms.map(iso),
                "join_url": format!("{}&tk={registrant_id}", self.join_url(m)),
            }),
        ))
    }

    pub(crate) fn list_registrants(&self, serial: u64) -> Result<Reply, Reply> {
        let Some(m) = self.meetings.live(serial) else { return Ok(Reply::empty(404)) };
        let pending = m.settings.get("approval_type").and_then(Value::as_i64) == Some(1);
        let status = if pending { "pending" } else { "approved" };
        let one = |r: &Registrant| {
            json!({
                "id": r.id, "email": r.email, "first_name": r.first_name,
                "last_name": r.last_name, "status": status, "create_time": iso(r.at_ms),
                "join_url": format!("{}&tk={}", self.join_url(m), r.id),
            })
        };
        let all: Vec<Value> = m.registrants.iter().map(one).collect();
        let number = all.len();
        Ok(Reply::value(
            200,
            &json!({
                "page_size": 30.max(number), "total_records": number, "next_page_token": "",
                "registrants": all,
            }),
        ))
    }
}
