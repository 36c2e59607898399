//! One more look after a job was sent twice.
//!
//! A call that Zoom showed later than the last look, and was therefore made
//! again, leaves two meetings with one marker. Some minutes after a success on
//! a second send the list is looked at once more; twins are counted, named in
//! the log and shown with the job, and never deleted: a person may have invited
//! guests to either.
//!
//! The looks wait in Redis, so that they are made by whoever is there then.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use zoom_api::{ListQuery, MeetingRef};
use zoomd_store::StoreError;
use zoomd_store::twins::Twins;
use zoomd_wire::Marker;

use super::asker::{Answer, Asker, Failure, Stop};
use super::look::Place;
use super::sift;
use crate::jobs::call::{self, Leave};
use crate::jobs::notes;
use crate::pipeline::flight::Flight;
use crate::pipeline::shop::Shop;
use crate::supervisor::Beat;
use crate::tokens::Token;

/// Looks and findings on their way to Redis; more are skipped.
const MOST: usize = 256;
/// Looks of one round.
const ROUND: usize = 16;
/// The shortest and the longest wait between two rounds.
const SHORTEST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(15);
/// A look that could not be made in so long is not made any more.
const GIVE_UP: SignedDuration = SignedDuration::from_hours(24);

/// What a look needs to know of its job.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    v: u8,
    place: Place,
    marker: String,
    /// When its first call may have left: what was made since and may carry the
    /// marker out of the list's sight is read in full.
    #[serde(default)]
    since: Option<Timestamp>,
    /// When the job succeeded, by the time of Redis.
    at: Timestamp,
}

/// What is to be written down.
#[derive(Debug)]
enum News {
    Watch(Arc<str>, Note),
    Found(Arc<str>, Vec<u64>),
}

/// Where such jobs are left.
#[derive(Debug, Clone)]
pub struct Suspects(mpsc::Sender<News>);

/// The way in and the way out.
#[must_use]
pub fn open() -> (Suspects, Inbox) {
    let (sender, receiver) = mpsc::channel(MOST);
    (Suspects(sender), Inbox(receiver))
}

/// What was left for [`serve`].
#[derive(Debug)]
pub struct Inbox(mpsc::Receiver<News>);

impl Suspects {
    /// Has a job looked at later, if it was sent more than once.
    pub fn watch(&self, flight: &Flight, marker: Option<Marker>) {
        let Some(marker) = marker.filter(|_| notes::was_sent_before(flight)) else { return };
        let (place, marker) = (Place::of(flight), marker.to_string());
        let first_ms = flight.record.first_send_ms.unwrap_or(flight.ticket.granted_ms);
        let since = Timestamp::from_millisecond(first_ms).ok();
        let note = Note { v: 1, place, marker, since, at: flight.redis_time(Instant::now()) };
        self.send(News::Watch(Arc::clone(&flight.ticket.job_id), note));
    }

    /// Zoom has more than one meeting of a job.
    pub fn found(&self, flight: &Flight, meetings: &[u64]) {
        tell(&flight.ticket.job_id, meetings);
        self.send(News::Found(Arc::clone(&flight.ticket.job_id), meetings.to_vec()));
    }

    fn send(&self, news: News) {
        if self.0.try_send(news).is_err() {
            skipped();
        }
    }
}

fn skipped() {
    metrics::counter!("zoomd_twin_looks_skipped_total").increment(1);
}

fn tell(job: &str, meetings: &[u64]) {
    metrics::counter!("zoomd_twins_total").increment(meetings.len() as u64 - 1);
    tracing::warn!(
        job.id = job, meetings = ?meetings,
        "zoom has more than one meeting of this job; delete what is not its outcome"
    );
}

/// Writes down what comes in and makes the looks that are due, until the
/// engine ends.
pub async fn serve(shop: Arc<Shop>, Inbox(mut news): Inbox, beat: Beat) {
    let twins = Twins::new(shop.queue.store().clone());
    let after = shop.settings.reconcile.twins_after;
    let mut round = tokio::time::interval((after / 4).clamp(SHORTEST, LONGEST));
    round.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        // A round is some looks, each of some calls with limits of their own.
        let turn = async {
            tokio::select! {
                Some(news) = news.recv() => note_down(&twins, news, after).await,
                _ = round.tick() => look_round(&shop, &twins, after).await,
            }
        };
        let done = beat.waiting(turn).await;
        if let Err(error) = done {
            tracing::debug!(error = %error, "looks for twins wait for redis");
        }
    }
}

async fn note_down(twins: &Twins, news: News, after: Duration) -> Result<(), StoreError> {
    match news {
        News::Found(job, meetings) => twins.found(&job, &meetings).await,
        News::Watch(job, note) => {
            let note = serde_json::to_string(&note).unwrap_or_default();
            if !twins.watch(&job, after, &note).await? {
                skipped();
            }
            Ok(())
        }
    }
}

async fn look_round(shop: &Shop, twins: &Twins, after: Duration) -> Result<(), StoreError> {
    for (job, note) in twins.due(ROUND, after).await? {
        let Ok(note) = serde_json::from_str::<Note>(&note) else {
            // Of a newer version, which will look for itself.
            continue;
        };
        let now = Timestamp::from_millisecond(shop.queue.store().now_ms().await?);
        let now = now.unwrap_or(note.at);
        let age = now.duration_since(note.at);
        match look_at(shop, note).await {
            Ok(found) => {
                if found.len() > 1 {
                    tell(&job, &found);
                    twins.found(&job, &found).await?;
                }
                twins.done(&job).await?;
            }
            Err(why) if age > GIVE_UP => {
                tracing::info!(job.id = job, why, "no look for twins could be made");
                skipped();
                twins.done(&job).await?;
            }
            Err(why) => tracing::debug!(job.id = job, why, "the look for twins is put off"),
        }
    }
    Ok(())
}

async fn look_at(shop: &Shop, note: Note) -> Result<Vec<u64>, String> {
    let marker: Marker = note.marker.parse().map_err(|_| "its marker is none".to_owned())?;
    let prepared = call::prepare_outside(shop, &note.place.account).await;
    let (token, leave) = prepared.map_err(|wait| format!("{wait:?}"))?;
    carriers(shop, &note.place, &token, leave, &marker, note.since).await
}

/// The meetings of the whole list that carry `marker`, outside of any lease.
/// Those made after `hidden_since` that may carry it out of sight are read in full.
///
/// # Errors
/// The list could not be read, and what was read of it shows no two.
async fn carriers(
    shop: &Shop,
    place: &Place,
    token: &Token,
    leave: Leave<'_>,
    marker: &Marker,
    hidden_since: Option<Timestamp>,
) -> Result<Vec<u64>, String> {
    let now_ms = shop.queue.store().now_ms().await.map_err(|error| error.to_string())?;
    let now = Timestamp::from_millisecond(now_ms).map_err(|error| error.to_string())?;
    let (known, account, host) = ((now, Instant::now()), &*place.account, &*place.host);
    let mut asker = Asker { shop, account, host, known, token, leave, paid: None, until: None };
    let (mut found, mut hidden) = (Vec::new(), Vec::new());
    let listed = asker.list(ListQuery::default(), 0, |fresh, _| {
        for row in fresh {
            if row.agenda.as_deref().is_some_and(|text| marker.is_in(text)) {
                found.push(row.id);
            } else if hidden_since.is_some_and(|since| sift::may_hide(row, since)) {
                hidden.push(row.id);
            }
        }
        false
    });
    let end = listed.await.map_err(|left| left.stop);
    let most = shop.settings.reconcile.most_gets;
    if hidden.len() > most || matches!(end, Err(Stop::TooLong(_))) {
        skipped();
    }
    let mut unread = None;
    for id in hidden.into_iter().take(most) {
        match asker.get(&MeetingRef::Id(id)).await {
            Ok(Answer::Text(json)) => {
                if sift::agenda_of(&json).flatten().is_some_and(|text| marker.is_in(&text)) {
                    found.push(id);
                }
            }
            // It is gone, or may not be read at any time.
            Ok(Answer::Missing(_)) | Err(Stop::Failed(Failure { refusal: Some(_), .. })) => {}
            Err(stop) => {
                unread = Some(stop);
                break;
            }
        }
    }
    let end = end.err().filter(|stop| !matches!(stop, Stop::TooLong(_))).or(unread);
    match end {
        Some(stop) if found.len() < 2 => Err(stop.to_string()),
        _ => Ok(found),
    }
}
