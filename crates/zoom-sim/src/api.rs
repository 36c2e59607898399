//! The REST API: who may do what, creates, reads. Changes of a meeting, people
//! and lists have files of their own.

use std::collections::VecDeque;

use serde_json::Map;

use crate::call::{Call, Caller};
use crate::counters::Rule;
use crate::draft::{Draft, TrackingField, Wrong};
use crate::endpoint::Endpoint;
use crate::limits::LimitKind;
use crate::marker::marker_of;
use crate::meetings::Meeting;
use crate::occurrences::Changes;
use crate::odd::PastStart;
use crate::reply::Reply;
use crate::settings;
use crate::start::start_ms;
use crate::world::World;
use crate::written::Shown;

/// The scopes that allow an operation: classic, and granular.
fn scopes(endpoint: Endpoint) -> [&'static str; 2] {
    match endpoint {
        Endpoint::Create => ["meeting:write", "meeting:write:meeting"],
        Endpoint::List => ["meeting:read", "meeting:read:list_meetings"],
        Endpoint::Get => ["meeting:read", "meeting:read:meeting"],
        Endpoint::Update => ["meeting:write", "meeting:update:meeting"],
        Endpoint::Delete => ["meeting:write", "meeting:delete:meeting"],
        Endpoint::Status => ["meeting:write", "meeting:update:status"],
        Endpoint::Upcoming => ["meeting:read", "meeting:read:list_upcoming_meetings"],
        Endpoint::Invitation => ["meeting:read", "meeting:read:invitation"],
        Endpoint::Register => ["meeting:write", "meeting:write:registrant"],
        Endpoint::Registrants => ["meeting:read", "meeting:read:list_registrants"],
        Endpoint::Users => ["user:read", "user:read:list_users"],
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
        if call.endpoint == Endpoint::Users {
            return self.list_users(call, by, admin);
        }
        let (make, show) = (Endpoint::Create, Endpoint::Me);
        if ![make, show, Endpoint::List, Endpoint::Upcoming].contains(&call.endpoint) {
            return self.act_meeting(call, by, admin);
        }
        let user = match self.named_user(&call.arg, by, admin) {
            Ok(user) => user,
            Err(reply) => return reply,
        };
        match call.endpoint {
            Endpoint::Create => self.create(call, by, user, admin).unwrap_or_else(|reply| reply),
            Endpoint::List => self.list(call, user),
            Endpoint::Upcoming => self.upcoming(user),
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

    pub(crate) fn invalid(&mut self, wrong: &Wrong, by: Caller) -> Reply {
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

    /// Counts a create or update of a host's day; returns a refusal when the day is used up.
    pub(crate) fn charge(&mut self, host: usize, endpoint: Endpoint) -> Result<(), Reply> {
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
            d.check(kind, false).map(|()| d)
        });
        let draft = checked.map_err(|wrong| self.invalid(&wrong, by))?;
        let host = self.check_host(&draft, kind, user, host, admin)?;
        let zone = draft.timezone.clone().unwrap_or_else(|| self.users[host].timezone.clone());
        let start_ms = self.start(&draft, &mut kind, &zone, by)?;
        let meeting = self.draft_meeting(draft, kind, host, user, start_ms, zone);
        let body = self.write_meeting(&meeting, Shown::default());
        let id = meeting.id;
        self.keep_meeting(meeting);
        self.tell_meeting("meeting.created", id, by.user);
        Ok(Reply::json(201, body))
    }

    /// Checks what depends on who it is for, and answers who that is.
    pub(crate) fn check_host(
        &self,
        draft: &Draft,
        kind: i64,
        user: usize,
        host: Option<usize>,
        admin: bool,
    ) -> Result<usize, Reply> {
        if draft.pre_schedule == Some(true) && !matches!(kind, 2 | 3) {
            return Err(Reply::error(400, 3000, "Prescheduling is for the types 2 and 3 only."));
        }
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

    /// The start in Zoom's terms: a missing one makes the meeting instant, and the rules decide
    /// about a past one.
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
        let mut recurrence = draft.recurrence.filter(|_| kind == 8);
        if let Some(rule) = &mut recurrence {
            rule.zone.clone_from(&timezone);
        }
        let mut settings = Map::new();
        settings::merge(&mut settings, draft.settings.unwrap_or_default());
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
            tracking: tracking.map(TrackingField::pair).collect(),
            recurrence,
            changes: Changes::new(),
            settings,
            registrants: Vec::new(),
            looks_left: self.rules.list.lag_looks,
            running: false,
            runs: 0,
            updates: VecDeque::new(),
            stale: None,
            deleted: false,
            deleted_ms: 0,
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
        let missing = || Reply::error(404, 3001, &format!("Meeting does not exist: {}.", call.arg));
        let Ok(id) = call.arg.parse::<u64>() else { return missing() };
        // A deleted meeting can be asked for its status alone: to recover it.
        let found = match call.endpoint {
            Endpoint::Status => self.meetings.ever(id),
            _ => self.meetings.by_id(id),
        };
        let Some((serial, host)) = found.map(|m| (m.serial, m.host)) else { return missing() };
        let account = self.users[by.user].account;
        if host != by.user && !(admin && self.users[host].account == account) {
            // Meetings of other users look missing.
            return missing();
        }
        let done = match call.endpoint {
            Endpoint::Get => self.show_meeting(call, serial),
            Endpoint::Delete => self.delete(call, by, serial),
            Endpoint::Status => self.change_status(call, by, id),
            Endpoint::Invitation => self.invitation(serial),
            Endpoint::Register => self.register(call, by, serial),
            Endpoint::Registrants => self.list_registrants(serial),
            _ => self.update(call, by, (serial, host), admin),
        };
        done.unwrap_or_else(|reply| reply)
    }

    fn show_meeting(&mut self, call: &Call, serial: u64) -> Result<Reply, Reply> {
        let now = self.now_ms();
        let occurrence = self.occurrence(call, serial)?;
        let previous = call.query("show_previous_occurrences").is_some_and(|v| v == "true");
        let Some(meeting) = self.meetings.live_mut(serial) else { return Ok(Reply::empty(404)) };
        if let Some(stale) = &mut meeting.stale {
            if stale.reads_left > 0 || stale.until_ms > now {
                stale.reads_left = stale.reads_left.saturating_sub(1);
                return Ok(Reply::json(200, stale.body.clone()));
            }
            meeting.stale = None;
        }
        let shown = Shown { occurrence, since_ms: (!previous).then_some(now) };
        let meeting = self.meetings.live(serial);
        Ok(meeting.map_or_else(
            || Reply::empty(404),
            |meeting| Reply::json(200, self.write_meeting(meeting, shown)),
        ))
    }
}

/// Eleven digits that look drawn and never meet again (7,919 and 10^10 share no factor).
fn meeting_id(serial: u64) -> u64 {
    80_000_000_000 + (serial.wrapping_mul(7_919_000_003)) % 10_000_000_000
}
