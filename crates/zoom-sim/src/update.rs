//! Changes to an existing meeting: update, delete, status; of a whole series or of one occurrence.

use serde_json::Value;

use crate::call::{Call, Caller};
use crate::clock::DAY_MS;
use crate::counters::Rule;
use crate::draft::{Draft, TrackingField, Wrong};
use crate::endpoint::Endpoint;
use crate::limits::LimitKind;
use crate::marker::marker_of;
use crate::meetings::{Meeting, Stale};
use crate::occurrences::{Change, Changes, starts};
use crate::reply::Reply;
use crate::settings;
use crate::start::start_ms;
use crate::world::World;
use crate::written::Shown;

/// Fields, other than settings, that an update of one occurrence may set.
const OF_AN_OCCURRENCE: [&str; 4] = ["agenda", "start_time", "duration", "settings"];

fn unfit(field: &str) -> Wrong {
    Wrong::Fields(vec![(field.to_owned(), "Invalid field.".to_owned())])
}

impl World {
    /// The occurrence that the query names, if any; a refusal if there is none such.
    pub(crate) fn occurrence(&self, call: &Call, serial: u64) -> Result<Option<i64>, Reply> {
        let Some(text) = call.query("occurrence_id").filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        let all = self.meetings.live(serial).map(Meeting::occurrences).unwrap_or_default();
        let found = text.parse().ok().filter(|id| all.contains(id));
        let field = || [("occurrence_id".to_owned(), "Invalid field.".to_owned())];
        found.map(Some).ok_or_else(|| Reply::invalid(&field()))
    }

    pub(crate) fn update(
        &mut self,
        call: &Call,
        by: Caller,
        (serial, host): (u64, usize),
        admin: bool,
    ) -> Result<Reply, Reply> {
        self.charge(host, Endpoint::Update)?;
        self.charge_meeting(serial, host)?;
        let occurrence = self.occurrence(call, serial)?;
        let draft = Draft::read(&call.body).map_err(|wrong| self.invalid(&wrong, by))?;
        let Some(meeting) = self.meetings.live(serial) else { return Ok(Reply::empty(404)) };
        let kind = draft.kind.unwrap_or(meeting.kind);
        let zone = draft.timezone.clone().unwrap_or_else(|| meeting.timezone.clone());
        let recurs = meeting.recurrence.is_some();
        let checked = draft.check(kind, recurs).and_then(|()| {
            match (&draft.start_time, draft.start_time.as_deref().and_then(|t| start_ms(t, &zone)))
            {
                (Some(_), None) => Err(unfit("start_time")),
                (_, start) => Ok(start),
            }
        });
        let checked = checked.and_then(|start| match occurrence {
            Some(_) => check_occurrence(&call.body, &draft).map(|()| start),
            None => Ok(start),
        });
        let start = checked.map_err(|wrong| self.invalid(&wrong, by))?;
        // Zoom does not publish if the meeting moves to another host: it stays.
        let other = draft.schedule_for.as_deref().and_then(|name| self.find_user(name));
        self.check_host(&draft, kind, host, other, admin)?;
        if let (Some((_, true)), Some(text)) = (start, &draft.start_time) {
            self.violate(Rule::OddStartTime, Some(by.user), text.clone());
        }
        let start = start.map(|(start, _)| start);
        // Nothing changes, and nothing says so.
        if start.is_some_and(|start| start < self.now_ms()) {
            return Ok(Reply::empty(204));
        }
        let stale = self.stale(serial);
        self.counters.meetings_updated += 1;
        let (now, prefix) = (self.now_ms(), self.rules.marker_prefix.clone());
        let Some(meeting) = self.meetings.live_mut(serial) else { return Ok(Reply::empty(404)) };
        meeting.stale = stale;
        match occurrence {
            Some(id) => change_occurrence(meeting.changes.entry(id).or_default(), draft, start),
            None => change(meeting, draft, kind, zone, start, now, &prefix),
        }
        let id = meeting.id;
        self.tell_meeting("meeting.updated", id, by.user);
        Ok(Reply::empty(204))
    }

    /// Counts an update of a meeting's last 24 hours; a refusal when there were too many.
    fn charge_meeting(&mut self, serial: u64, host: usize) -> Result<(), Reply> {
        let Some(most) = self.rules.limits.meeting_updates else { return Ok(()) };
        let (now, enforce) = (self.now_ms(), self.rules.limits.enforce);
        let Some(meeting) = self.meetings.live_mut(serial) else { return Ok(()) };
        while meeting.updates.front().is_some_and(|at| *at + DAY_MS <= now) {
            meeting.updates.pop_front();
        }
        let over = meeting.updates.len() >= most as usize;
        if !(over && enforce) {
            meeting.updates.push_back(now);
            meeting.updates.truncate(10 * most as usize);
        }
        if !over {
            return Ok(());
        }
        self.violate(Rule::OverMeetingUpdates, Some(host), "Update");
        if !enforce {
            return Ok(());
        }
        let mut refused = self.limited(LimitKind::Unknown, self.label(Endpoint::Update), None);
        let message = format!("A meeting can be updated a maximum of {most} times in 24 hours.");
        refused.body = Reply::error(429, 429, &message).body;
        Err(refused)
    }

    /// State before this update, for delayed reads.
    fn stale(&self, serial: u64) -> Option<Stale> {
        let lags = &self.rules.lags;
        let meeting = self.meetings.live(serial)?;
        (lags.update_ms > 0 || lags.update_reads > 0).then(|| Stale {
            body: self.write_meeting(meeting, Shown::default()),
            until_ms: self.now_ms() + lags.update_ms,
            reads_left: lags.update_reads,
        })
    }

    pub(crate) fn delete(&mut self, call: &Call, by: Caller, serial: u64) -> Result<Reply, Reply> {
        let occurrence = self.occurrence(call, serial)?;
        let refuses = self.rules.running_not_deleted;
        let now = self.now_ms();
        let Some(meeting) = self.meetings.live_mut(serial) else { return Ok(Reply::empty(404)) };
        if meeting.pmi {
            return Err(Reply::error(400, 3018, "Not allowed to delete PMI."));
        }
        if meeting.running && refuses {
            let message = "Sorry, you cannot delete this meeting since it's in progress.";
            return Err(Reply::error(400, 3002, message));
        }
        let id = meeting.id;
        match occurrence {
            Some(occurrence) => meeting.changes.entry(occurrence).or_default().deleted = true,
            None => {
                (meeting.deleted, meeting.deleted_ms) = (true, now);
                self.counters.meetings_deleted += 1;
            }
        }
        self.tell_meeting("meeting.deleted", id, by.user);
        Ok(Reply::empty(204))
    }

    /// `{"action": "end"}` and `{"action": "recover"}`.
    pub(crate) fn change_status(
        &mut self,
        call: &Call,
        by: Caller,
        id: u64,
    ) -> Result<Reply, Reply> {
        let body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
        let deleted = self.meetings.ever(id).is_some_and(|m| m.deleted);
        let missing = Reply::error(404, 3001, &format!("Meeting does not exist: {id}."));
        match (body["action"].as_str(), deleted) {
            (Some("recover"), true) => {
                self.meetings.recover(id);
                Ok(Reply::empty(204))
            }
            (Some("end"), false) => self.end_meeting(id, by.user),
            (Some("recover" | "end"), _) => Err(missing),
            _ if !body.is_object() => Err(self.invalid(&Wrong::NotAnObject, by)),
            _ => Err(self.invalid(&unfit("action"), by)),
        }
    }

    fn end_meeting(&mut self, id: u64, by: usize) -> Result<Reply, Reply> {
        let serial = self.meetings.by_id(id).map(|m| m.serial);
        let meeting = serial.and_then(|serial| self.meetings.live_mut(serial));
        let was_running = meeting.is_some_and(|m| {
            m.runs += u64::from(m.running);
            std::mem::take(&mut m.running)
        });
        if was_running {
            self.tell_meeting("meeting.ended", id, by);
        } else if self.rules.end_of_idle_refused {
            return Err(Reply::error(400, 3007, "Sorry, this meeting has already ended."));
        }
        Ok(Reply::empty(204))
    }

    /// Adds a participant to a meeting.
    pub(crate) fn run_meeting(&mut self, id: u64) -> bool {
        let Some((serial, host)) = self.meetings.by_id(id).map(|m| (m.serial, m.host)) else {
            return false;
        };
        if let Some(meeting) = self.meetings.live_mut(serial) {
            meeting.running = true;
        }
        self.tell_meeting("meeting.started", id, host);
        true
    }
}

/// One occurrence takes few fields, and refuses the rest.
fn check_occurrence(body: &[u8], draft: &Draft) -> Result<(), Wrong> {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let fields = body.as_object().into_iter().flat_map(|map| map.keys().map(String::as_str));
    let mut odd: Vec<String> =
        fields.filter(|field| !OF_AN_OCCURRENCE.contains(field)).map(str::to_owned).collect();
    let settings = draft.settings.iter().flat_map(settings::not_of_an_occurrence);
    odd.extend(settings.map(|name| format!("settings.{name}")));
    if odd.is_empty() {
        return Ok(());
    }
    Err(Wrong::Fields(odd.into_iter().map(|field| (field, "Invalid field.".to_owned())).collect()))
}

fn change_occurrence(change: &mut Change, draft: Draft, start: Option<i64>) {
    change.start_ms = start.or(change.start_ms);
    change.duration = draft.duration.or(change.duration);
    change.agenda = draft.agenda.or(change.agenda.take());
    settings::merge(&mut change.settings, draft.settings.unwrap_or_default());
}

fn change(
    meeting: &mut Meeting,
    draft: Draft,
    kind: i64,
    zone: String,
    start: Option<i64>,
    now_ms: i64,
    prefix: &str,
) {
    if let Some(agenda) = draft.agenda {
        meeting.marker = marker_of(&agenda, prefix).map(Into::into);
        meeting.agenda = agenda;
    }
    let moved = start.is_some() || draft.recurrence.is_some() || zone != meeting.timezone;
    meeting.start_ms = start.or(meeting.start_ms);
    meeting.timezone = zone;
    meeting.kind = kind;
    meeting.topic = draft.topic.unwrap_or_else(|| std::mem::take(&mut meeting.topic));
    meeting.duration = draft.duration.unwrap_or(meeting.duration);
    meeting.pre_schedule = draft.pre_schedule.unwrap_or(meeting.pre_schedule);
    if let Some(fields) = draft.tracking_fields {
        meeting.tracking = fields.into_iter().map(TrackingField::pair).collect();
    }
    meeting.password = draft.password.unwrap_or_else(|| std::mem::take(&mut meeting.password));
    settings::merge(&mut meeting.settings, draft.settings.unwrap_or_default());
    meeting.recurrence = draft.recurrence.or(meeting.recurrence.take()).filter(|_| kind == 8);
    if moved {
        meeting.changes = Changes::new();
    }
    let first = meeting.start_ms.unwrap_or(meeting.created_ms);
    if let Some(rule) = &mut meeting.recurrence {
        rule.zone.clone_from(&meeting.timezone);
        // An update gives a series without an end one, counted from today.
        let all = starts(first, rule);
        if rule.clamp() {
            let next = all.into_iter().find(|at| *at >= now_ms);
            meeting.start_ms = next.or(meeting.start_ms);
        }
    }
}
