//! One look: the host's list, page by page, and the meetings whose agenda the
//! list cuts, one by one.
//!
//! The first call was paid for with the lease; each further one is asked for.
//! A meeting that was read in full and is not the one is never read again: its
//! id is kept in the record.

use std::time::Instant;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use secrecy::ExposeSecret as _;
use serde_json::Value;
use zoom_api::{Class, Limit, ListQuery, Listed, MeetingRef, Pager, Reply, TransportError};
use zoomd_store::budget::Label;
use zoomd_store::calls::{Begun, Call};
use zoomd_store::queue::Record;
use zoomd_wire::{AccountName, Marker};

use super::sift::{self, Sifted, Sought};
use crate::decide::{self, Wait};
use crate::jobs::call::{self, Leave};
use crate::pipeline::flight::Flight;
use crate::pipeline::shop::Shop;
use crate::tokens::{Refused, Token};

/// The record's field for meetings that were read and are not the one.
const READ: &str = "read";

/// What a look shows.
#[derive(Debug)]
pub enum Look {
    /// The meeting.
    Found(Found),
    /// It is not there (yet).
    Nothing,
    /// It cannot be told.
    Unclear {
        /// Why.
        why: String,
        /// What it could be.
        alike: Vec<Listed>,
    },
    /// Something must be waited for first.
    Wait(Wait),
    /// A 429 to a call of this label.
    Limited(Label, Limit),
    /// Zoom gave no answer that could be used.
    Failed(String),
}

/// A meeting that carries the marker.
#[derive(Debug)]
pub struct Found {
    /// Its number.
    pub id: u64,
    /// All that Zoom tells of it.
    pub json: String,
    /// All meetings with the marker; it is the first.
    pub all: Vec<u64>,
}

/// Whose list is looked at, and which days of it.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Place {
    /// The account.
    pub account: String,
    /// The host.
    pub host: String,
    /// The first and the last day, where the start is known.
    pub days: Option<(Date, Date)>,
}

impl Place {
    /// Where the meeting of a job lies. A scheduled one lies on a known day; the
    /// list's days are the host's, wherever that is.
    #[must_use]
    pub fn of(flight: &Flight) -> Self {
        let meeting = &flight.job.meeting;
        let start = meeting.start.filter(|_| meeting.meeting_type == 2);
        let day = start.map(|start| TimeZone::UTC.to_datetime(start).date());
        let around =
            |day: Date| Some((day.checked_sub(1.day()).ok()?, day.checked_add(1.day()).ok()?));
        Self {
            account: flight.ticket.account.to_string(),
            host: flight.job.host().into(),
            days: day.and_then(around),
        }
    }
}

struct Looker<'a> {
    shop: &'a Shop,
    place: Place,
    /// A time of Redis, and when that was here.
    known: (Timestamp, Instant),
    token: &'a Token,
    leave: Leave<'a>,
    /// Whether the next call was paid for with the lease.
    paid: bool,
    /// No further call begins after this; what was read until then is kept.
    until: Option<Instant>,
}

/// Looks once. Ids that were read in full are added to `record`.
pub async fn look(
    shop: &Shop,
    flight: &Flight,
    token: &Token,
    leave: Leave<'_>,
    marker: Option<&Marker>,
    record: &mut Record,
) -> Look {
    // Well before the lease is renewed no more.
    let until = Some(flight.ticket.send_by + shop.queue.settings().request_timeout / 2);
    let now = Instant::now();
    let (place, known) = (Place::of(flight), (flight.redis_time(now), now));
    let mut looker = Looker { shop, place, known, token, leave, paid: !flight.expired, until };
    let since = record.first_send_ms.unwrap_or(flight.ticket.granted_ms);
    let since = Timestamp::from_millisecond(since).unwrap_or(Timestamp::UNIX_EPOCH);
    let sought = Sought { marker, meeting: &flight.job.meeting, since };
    looker.run(&sought, record).await.unwrap_or_else(|look| look)
}

/// The meetings of a list that carry `marker`, outside of any lease. Those made
/// after `hidden_since` whose agenda the list may cut are read in full.
///
/// # Errors
/// The list could not be read.
pub async fn carriers(
    shop: &Shop,
    place: Place,
    token: &Token,
    leave: Leave<'_>,
    marker: &Marker,
    hidden_since: Option<Timestamp>,
) -> Result<Vec<u64>, String> {
    let now_ms = shop.queue.store().now_ms().await.map_err(|error| error.to_string())?;
    let now = Timestamp::from_millisecond(now_ms).map_err(|error| error.to_string())?;
    let known = (now, Instant::now());
    let mut looker = Looker { shop, place, known, token, leave, paid: false, until: None };
    let untold = |look: Look| format!("{look:?}");
    let all = looker.list().await.map_err(untold)?;
    let mut left = shop.settings.reconcile.most_gets;
    let mut found = Vec::new();
    for one in &all {
        let mut carries = one.agenda.as_deref().is_some_and(|text| marker.is_in(text));
        let hidden = hidden_since.is_some_and(|since| sift::may_hide(one, since));
        if !carries && hidden && left > 0 {
            left -= 1;
            let json = looker.get(one.id).await.map_err(untold)?;
            carries =
                json.and_then(|json| agenda_of(&json)).is_some_and(|text| marker.is_in(&text));
        }
        found.extend(carries.then_some(one.id));
    }
    Ok(found)
}

impl Looker<'_> {
    async fn run(&mut self, sought: &Sought<'_>, record: &mut Record) -> Result<Look, Look> {
        let all = self.list().await?;
        match sought.sift(&all) {
            Sifted::Found(found) => {
                let all = found.iter().map(|one| one.id).collect();
                let Some(first) = found.first() else { return Ok(Look::Nothing) };
                let json = self.get(first.id).await?.unwrap_or_else(|| text_of(first));
                Ok(Look::Found(Found { id: first.id, json, all }))
            }
            Sifted::Alike(alike) if alike.is_empty() => Ok(Look::Nothing),
            Sifted::Alike(alike) => Ok(Look::Unclear {
                why: "the job has no marker, and these meetings could be its own".to_owned(),
                alike: alike.into_iter().cloned().collect(),
            }),
            Sifted::Ask(ask) => self.ask(sought, &ask, record).await,
        }
    }

    /// Reads the meetings whose agenda the list cuts.
    async fn ask(
        &mut self,
        sought: &Sought<'_>,
        ask: &[&Listed],
        record: &mut Record,
    ) -> Result<Look, Look> {
        let mut read = known(record);
        for one in ask {
            if read.contains(&one.id) {
                continue;
            }
            if read.len() >= self.shop.settings.reconcile.most_gets {
                return Ok(Look::Unclear {
                    why: format!(
                        "{} meetings were read, and more could be the job's own",
                        read.len()
                    ),
                    alike: ask.iter().take(50).map(|one| (*one).clone()).collect(),
                });
            }
            let json = self.get(one.id).await?;
            if let Some(json) = json.filter(|json| sought.is_it(agenda_of(json).as_deref())) {
                return Ok(Look::Found(Found { id: one.id, json, all: vec![one.id] }));
            }
            read.push(one.id);
            record.more.insert(READ.to_owned(), read.clone().into());
        }
        Ok(Look::Nothing)
    }

    /// The host's meetings, each once.
    async fn list(&mut self) -> Result<Vec<Listed>, Look> {
        let mut pager = Pager::new(self.query(), self.shop.settings.reconcile.most_pages);
        let mut all = Vec::new();
        loop {
            let label = self.shop.queue.settings().budgets.list;
            let call = self.begin(label).await?;
            let began = Instant::now();
            let client = &self.token.client;
            let answer =
                client.list_meetings(&self.token.access, &self.place.host, pager.query()).await;
            self.leave.report("list_meetings", &answer, began);
            finish(call).await;
            let reply = self.good(answer, began, label).await?;
            let page = reply.page().map_err(|error| Look::Failed(error.to_string()))?;
            let unclear = |error: zoom_api::PagerFull| Look::Failed(error.to_string());
            let (fresh, more) = pager.accept(page).map_err(unclear)?;
            all.extend(fresh);
            if !more {
                return Ok(all);
            }
        }
    }

    /// One meeting as Zoom tells it; `None` if there is none of that number.
    async fn get(&mut self, id: u64) -> Result<Option<String>, Look> {
        let label = self.shop.queue.settings().budgets.get;
        let call = self.begin(label).await?;
        let began = Instant::now();
        let answer = self.token.client.get_meeting(&self.token.access, &MeetingRef::Id(id)).await;
        self.leave.report("get_meeting", &answer, began);
        finish(call).await;
        if matches!(&answer, Ok(reply) if reply.error().is_meeting_missing()) {
            return Ok(None);
        }
        let reply = self.good(answer, began, label).await?;
        let meeting = reply.meeting().map_err(|error| Look::Failed(error.to_string()))?;
        Ok(Some(meeting.raw.expose_secret().to_owned()))
    }

    /// Asks for the right to a further call; the first was paid for.
    async fn begin(&mut self, label: Label) -> Result<Option<Call>, Look> {
        if std::mem::take(&mut self.paid) {
            return Ok(None);
        }
        if self.until.is_some_and(|until| Instant::now() > until) {
            return Err(Look::Wait(Wait::TooLate));
        }
        let account = AccountName::new(&self.place.account)
            .map_err(|error| Look::Failed(error.to_string()))?;
        let time = self.shop.queue.settings().request_timeout;
        match self.shop.calls.begin(&account, label, time).await {
            Ok(Begun::Go(call)) => Ok(Some(call)),
            Ok(Begun::Waits { .. } | Begun::State { .. }) => Err(Look::Wait(Wait::TooLate)),
            Ok(_) => Err(Look::Failed("the account is not there".to_owned())),
            Err(error) => Err(Look::Failed(error.to_string())),
        }
    }

    /// The reply if it is a good one, else what the look comes to.
    async fn good(
        &self,
        answer: Result<Reply, TransportError>,
        began: Instant,
        label: Label,
    ) -> Result<Reply, Look> {
        let reply = answer.map_err(|error| Look::Failed(error.to_string()))?;
        let now = self.redis_time(Instant::now());
        if reply.is_success() {
            self.shop.seen.note(&self.place.account, None, label, &reply.headers, now);
            return Ok(reply);
        }
        if let Some(limit) = zoom_api::limit_kind(&reply, self.redis_time(began), now) {
            call::log_limit(&self.place.account, None, label.as_str(), &reply, limit);
            self.close(label, limit).await;
            return Err(Look::Limited(label, limit));
        }
        let error = reply.error();
        Err(match error.class() {
            Class::Token => {
                let account = &self.place.account;
                match self.shop.tokens.refused(account, self.token.version).await {
                    Refused::Replaced => Look::Wait(Wait::Token),
                    Refused::TooYoung => Look::Failed(error.to_string()),
                }
            }
            Class::Scope | Class::NotFound | Class::Refused => {
                let why = format!("zoom's list of meetings may not be read: {error}");
                Look::Unclear { why, alike: Vec::new() }
            }
            _ => Look::Failed(error.to_string()),
        })
    }

    fn redis_time(&self, at: Instant) -> Timestamp {
        let (time, then) = self.known;
        let since = SignedDuration::try_from(at.saturating_duration_since(then));
        since.ok().and_then(|since| time.checked_add(since).ok()).unwrap_or(time)
    }

    /// Closes what a 429 named; a look outside of any lease has no settle to do so.
    async fn close(&self, label: Label, limit: Limit) {
        let Ok(account) = AccountName::new(&self.place.account) else { return };
        let close = decide::close(label.as_str(), limit);
        if let Err(error) = self.shop.calls.limited(&account, Some(&self.place.host), &close).await
        {
            tracing::debug!(error = %error, "a limit could not be written down; the next call will meet it");
        }
    }

    fn query(&self) -> ListQuery {
        let (from, to) = self.place.days.unzip();
        ListQuery { from, to, ..ListQuery::default() }
    }
}

async fn finish(call: Option<Call>) {
    if let Some(call) = call
        && let Err(error) = call.end().await
    {
        tracing::debug!(error = %error, "the end of a call could not be recorded; it ends by itself");
    }
}

fn known(record: &Record) -> Vec<u64> {
    let list = record.more.get(READ).and_then(Value::as_array);
    list.map(|ids| ids.iter().filter_map(Value::as_u64).collect()).unwrap_or_default()
}

fn agenda_of(json: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Agenda {
        #[serde(default)]
        agenda: Option<String>,
    }
    serde_json::from_str::<Agenda>(json).ok()?.agenda
}

/// What the list tells of a meeting, where Zoom does not tell more any longer.
fn text_of(one: &Listed) -> String {
    serde_json::json!({
        "id": one.id, "uuid": one.uuid, "host_id": one.host_id, "topic": one.topic,
        "type": one.meeting_type, "start_time": one.start_time, "duration": one.duration,
        "timezone": one.timezone, "created_at": one.created_at, "join_url": one.join_url,
        "agenda": one.agenda,
    })
    .to_string()
}
