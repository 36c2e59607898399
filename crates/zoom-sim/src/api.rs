//! The REST API: create, get, update, delete, the user. Lists have their own file.

use serde_json::json;

use crate::call::{Call, Caller};
use crate::counters::Rule;
use crate::draft::{Draft, Wrong, start_ms};
use crate::endpoint::Endpoint;
use crate::limits::LimitKind;
use crate::meetings::{Meeting, marker_of};
use crate::odd::PastStart;
use crate::reply::Reply;
use crate::world::World;

/// The scopes that allow an operation: classic, and granular.
fn scopes(endpoint: Endpoint) -> [&'static str; 2] {
    match endpoint {
        Endpoint::Create => ["meeting:write", "meeting:write:meeting"],
        Endpoint::List => ["meeting:read", "meeting:read:list_meetings"],
        Endpoint::Get => ["meeting:read", "meeting:read:meeting"],
        Endpoint::Update => ["meeting:write", "meeting:update:meeting"],
        Endpoint::Delete => ["meeting:write", "meeting:delete:meeting"],
        _ => ["user:read", "user:read:user"],
    }
}

impl World {
    pub(crate) fn act_api(&mut self, call: &Call, by: Caller) -> Reply {
        if call.endpoint == Endpoint::Other {
            return Reply::error(404, 2300, "This API endpoint is not recognized.");
        }
        let admin = match self.check_scope(call.endpoint, by) {
            Ok(admin) => admin,
            Err(reply) => return reply,
        };
        let named = matches!(call.endpoint, Endpoint::Create | Endpoint::List | Endpoint::Me);
        if !named {
            return self.act_meeting(call, by, admin);
        }
        let user = match self.named_user(&call.arg, by, admin) {
            Ok(user) => user,
            Err(reply) => return reply,
        };
        match call.endpoint {
            Endpoint::Create => self.create(call, by, user, admin).unwrap_or_else(|reply| reply),
            Endpoint::List => self.list(call, user),
            _ => self.show_user(user),
        }
    }

    /// True when the token may act for its whole account.
    fn check_scope(&mut self, endpoint: Endpoint, by: Caller) -> Result<bool, Reply> {
        let [classic, granular] = scopes(endpoint);
        let (mut plain, mut admin) = (false, false);
        for held in self.grants.all[by.grant].scope.split(' ') {
            let bare = held.strip_suffix(":admin");
            let name = bare.unwrap_or(held);
            if name == classic || name == granular {
                plain = true;
                admin |= bare.is_some();
            }
        }
        if plain {
            return Ok(admin);
        }
        self.violate(Rule::MissingScope, Some(by.user), granular);
        let message = format!("Invalid access token, does not contain scopes:[{granular}].");
        Err(Reply::error(400, 4711, &message))
    }

    fn named_user(&self, name: &str, by: Caller, admin: bool) -> Result<usize, Reply> {
        if name == "me" {
            return Ok(by.user);
        }
        let found = self.find_user(name);
        let account = self.users[by.user].account;
        match found {
            Some(user) if user == by.user => Ok(user),
            Some(user) if admin && self.users[user].account == account => Ok(user),
            _ => Err(Reply::error(404, 1001, &format!("User does not exist: {name}."))),
        }
    }

    fn invalid(&mut self, wrong: &Wrong, by: Caller) -> Reply {
        let (detail, reply) = match wrong {
            Wrong::NotAnObject => (
                "not an object".to_owned(),
                Reply::error(400, 300, "Request Body should be a valid JSON object."),
            ),
            Wrong::Fields(fields) => {
                let names: Vec<_> = fields.iter().map(|(field, _)| field.as_str()).collect();
                (names.join(" "), Reply::invalid(fields))
            }
        };
        self.violate(Rule::InvalidBody, Some(by.user), detail);
        reply
    }

    /// Counts a create or update of a host's day; a refusal when it is spent.
    fn charge(&mut self, host: usize, endpoint: Endpoint) -> Result<(), Reply> {
        let now = self.now_ms();
        if !self.users[host].day.arrive(&self.rules.limits, now) {
            return Ok(());
        }
        self.violate(Rule::OverUserDay, Some(host), format!("{endpoint:?}"));
        if !self.rules.limits.enforce {
            return Ok(());
        }
        self.counters.refused_user_day += 1;
        Err(self.limited(LimitKind::UserDay, self.label(endpoint), None))
    }

    fn create(
        &mut self,
        call: &Call,
        by: Caller,
        user: usize,
        admin: bool,
    ) -> Result<Reply, Reply> {
        let draft = Draft::read(&call.body);
        let host = match draft.as_ref().ok().and_then(|d| d.schedule_for.as_deref()) {
            Some(name) => self.find_user(name),
            None => Some(user),
        };
        self.charge(host.unwrap_or(user), Endpoint::Create)?;
        let made = self.make(draft, by, user, host, admin);
        if made.is_err() && !self.rules.limits.failed_creates_count {
            self.users[host.unwrap_or(user)].day.give_back();
        }
        made
    }

    fn make(
        &mut self,
        draft: Result<Draft, Wrong>,
        by: Caller,
        user: usize,
        host: Option<usize>,
        admin: bool,
    ) -> Result<Reply, Reply> {
        let mut kind = 2;
        let checked = draft.and_then(|d| {
            kind = d.kind.unwrap_or(2);
            d.check(kind).map(|()| d)
        });
        let draft = checked.map_err(|wrong| self.invalid(&wrong, by))?;
        let host = self.check_host(&draft, kind, user, host, admin)?;
        if draft.pre_schedule == Some(true) && !matches!(kind, 2 | 3) {
            return Err(Reply::error(400, 3000, "Prescheduling is for the types 2 and 3 only."));
        }
        let zone = draft.timezone.clone().unwrap_or_else(|| self.users[host].timezone.clone());
        let start_ms = self.start(&draft, &mut kind, &zone, by)?;
        let meeting = self.draft_meeting(draft, kind, host, user, start_ms, zone);
        let body = self.write_meeting(&meeting);
        self.keep_meeting(meeting);
        Ok(Reply::json(201, body))
    }

    fn check_host(
        &self,
        draft: &Draft,
        kind: i64,
        user: usize,
        host: Option<usize>,
        admin: bool,
    ) -> Result<usize, Reply> {
        let Some(name) = &draft.schedule_for else { return Ok(user) };
        if kind == 1 {
            return Err(Reply::error(400, 3000, "Instant meetings do not support schedule_for."));
        }
        let Some(host) = host else {
            return Err(Reply::error(400, 300, &format!("Invalid schedule_for: {name}.")));
        };
        let same = self.users[host].account == self.users[user].account;
        if !same || (self.users[host].no_scheduling_for && host != user && !admin) {
            let message = format!("You cannot schedule a meeting for {name}.");
            return Err(Reply::error(400, 3000, &message));
        }
        Ok(host)
    }

    /// The start, as Zoom understands it: missing makes it instant; the rules say what past makes it.
    fn start(
        &mut self,
        draft: &Draft,
        kind: &mut i64,
        zone: &str,
        by: Caller,
    ) -> Result<Option<i64>, Reply> {
        let now = self.now_ms();
        if !matches!(*kind, 2 | 8) {
            return Ok(None);
        }
        let Some(text) = &draft.start_time else {
            if *kind == 2 {
                *kind = 1;
            }
            return Ok(Some(now));
        };
        let Some((start, odd)) = start_ms(text, zone) else {
            let fields = vec![("start_time".to_owned(), "Invalid field.".to_owned())];
            return Err(self.invalid(&Wrong::Fields(fields), by));
        };
        if odd {
            self.violate(Rule::OddStartTime, Some(by.user), text.clone());
        }
        if start >= now {
            return Ok(Some(start));
        }
        match self.rules.past_start {
            PastStart::Now => Ok(Some(now)),
            PastStart::Kept => Ok(Some(start)),
            PastStart::Instant => {
                *kind = 1;
                Ok(Some(now))
            }
        }
    }

    fn draft_meeting(
        &mut self,
        draft: Draft,
        kind: i64,
        host: usize,
        by: usize,
        start_ms: Option<i64>,
        timezone: String,
    ) -> Meeting {
        let serial = self.meetings.next_serial();
        let pmi = draft.uses_pmi();
        let agenda = draft.agenda.unwrap_or_default();
        let password = match (draft.password, draft.default_password) {
            (Some(password), _) => password,
            (None, Some(false)) => String::new(),
            (None, _) => format!("{:06}", self.mixed(51, serial) % 1_000_000),
        };
        let tracking = draft.tracking_fields.unwrap_or_default().into_iter();
        Meeting {
            serial,
            id: if pmi { self.users[host].pmi } else { meeting_id(serial) },
            host,
            assistant: (by != host).then_some(by),
            created_ms: self.now_ms(),
            kind,
            start_ms,
            timezone,
            duration: draft.duration.unwrap_or(60),
            topic: draft.topic.unwrap_or_else(|| "Zoom Meeting".into()),
            marker: marker_of(&agenda, &self.rules.marker_prefix).map(Into::into),
            agenda,
            password,
            pmi,
            pre_schedule: draft.pre_schedule.unwrap_or(false),
            tracking: tracking
                .map(|t| (t.field.unwrap_or_default(), t.value.unwrap_or_default()))
                .collect(),
            recurrence: if kind == 8 { draft.recurrence } else { None },
            settings: draft.settings,
            looks_left: self.rules.list.lag_looks,
            deleted: false,
        }
    }

    fn keep_meeting(&mut self, meeting: Meeting) {
        let (serial, host) = (meeting.serial, meeting.host);
        let marker = meeting.marker.clone();
        self.users[host].meetings.push_back(serial);
        self.counters.meetings_created += 1;
        let (twin, forgotten) = self.meetings.add(meeting, self.rules.keep.meetings);
        if twin {
            self.violate(Rule::Twin, Some(host), marker.as_deref().unwrap_or_default());
        }
        if let Some(old) = forgotten {
            let mine = &mut self.users[old.host].meetings;
            while mine.front().is_some_and(|s| *s <= old.serial) {
                mine.pop_front();
            }
        }
    }

    fn act_meeting(&mut self, call: &Call, by: Caller, admin: bool) -> Reply {
        let id = call.arg.parse::<u64>().ok();
        let found = id.and_then(|id| self.meetings.by_id(id)).map(|m| (m.serial, m.host));
        let mine = |host: usize| {
            host == by.user || (admin && self.users[host].account == self.users[by.user].account)
        };
        let Some((serial, host)) = found else {
            return Reply::error(404, 3001, &format!("Meeting does not exist: {}.", call.arg));
        };
        if !mine(host) {
            return Reply::error(400, 3003, "You are not the meeting host.");
        }
        match call.endpoint {
            Endpoint::Get => match self.meetings.live(serial) {
                Some(meeting) => Reply::json(200, self.write_meeting(meeting)),
                None => Reply::empty(404),
            },
            Endpoint::Delete => {
                self.counters.meetings_deleted += 1;
                if let Some(meeting) = self.meetings.live_mut(serial) {
                    meeting.deleted = true;
                }
                Reply::empty(204)
            }
            _ => self.update(call, by, serial, host).unwrap_or_else(|reply| reply),
        }
    }

    fn update(
        &mut self,
        call: &Call,
        by: Caller,
        serial: u64,
        host: usize,
    ) -> Result<Reply, Reply> {
        self.charge(host, Endpoint::Update)?;
        let (now, prefix) = (self.now_ms(), self.rules.marker_prefix.clone());
        let (kind, zone) = match self.meetings.live(serial) {
            Some(meeting) => (meeting.kind, meeting.timezone.clone()),
            None => return Ok(Reply::empty(404)),
        };
        let checked = Draft::read(&call.body)
            .and_then(|draft| draft.check(draft.kind.unwrap_or(kind)).map(|()| draft));
        let draft = checked.map_err(|wrong| self.invalid(&wrong, by))?;
        let zone = draft.timezone.clone().unwrap_or(zone);
        let start = draft.start_time.as_deref().and_then(|text| start_ms(text, &zone));
        self.counters.meetings_updated += 1;
        let Some(meeting) = self.meetings.live_mut(serial) else { return Ok(Reply::empty(404)) };
        // A past start is ignored.
        if let Some((start, _)) = start.filter(|(start, _)| *start > now) {
            meeting.start_ms = Some(start);
        }
        if let Some(agenda) = draft.agenda {
            meeting.marker = marker_of(&agenda, &prefix).map(Into::into);
            meeting.agenda = agenda;
        }
        meeting.timezone = zone;
        meeting.kind = draft.kind.unwrap_or(kind);
        meeting.topic = draft.topic.unwrap_or_else(|| std::mem::take(&mut meeting.topic));
        meeting.duration = draft.duration.unwrap_or(meeting.duration);
        meeting.password = draft.password.unwrap_or_else(|| std::mem::take(&mut meeting.password));
        meeting.settings = draft.settings.or_else(|| meeting.settings.take());
        meeting.recurrence = draft.recurrence.or_else(|| meeting.recurrence.take());
        Ok(Reply::empty(204))
    }

    fn show_user(&self, user: usize) -> Reply {
        let (index, user) = (user, &self.users[user]);
        let account = &self.accounts[user.account];
        let name = user.email.split('@').next().unwrap_or_default();
        let owner = account.owner == Some(index);
        Reply::value(
            200,
            &json!({
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
            }),
        )
    }
}

/// Eleven digits that look drawn and never meet again (7,919 and 10^10 share no factor).
fn meeting_id(serial: u64) -> u64 {
    80_000_000_000 + (serial.wrapping_mul(7_919_000_003)) % 10_000_000_000
}
