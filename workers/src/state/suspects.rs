//! Jobs that were sent twice, on their way to the one who looks for second meetings.

use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use zoomd_wire::Marker;

use super::place::Place;
use crate::state::flight::Flight;
use crate::state::notes;

/// Looks and findings on their way to Redis; more are skipped.
const MOST: usize = 256;

/// What a look needs to know of its job.
#[derive(Debug, Serialize, Deserialize)]
pub struct Note {
    v: u8,
    pub(crate) place: Place,
    pub(crate) marker: String,
    /// When its first call may have left: what was made since and may carry the
    /// marker out of the list's sight is read in full.
    #[serde(default)]
    pub(crate) since: Option<Timestamp>,
    /// When the job succeeded, by the time of Redis.
    pub(crate) at: Timestamp,
}

/// What is to be written down.
#[derive(Debug)]
pub enum News {
    /// A job is looked at later.
    Watch(Arc<str>, Note),
    /// These are the meetings of a job.
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

/// What was left there.
#[derive(Debug)]
pub struct Inbox(pub(crate) mpsc::Receiver<News>);

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

pub(crate) fn skipped() {
    metrics::counter!("zoomd_twin_looks_skipped_total").increment(1);
}

pub(crate) fn tell(job: &str, meetings: &[u64]) {
    metrics::counter!("zoomd_twins_total").increment(meetings.len() as u64 - 1);
    tracing::warn!(
        job.id = job, meetings = ?meetings,
        "zoom has more than one meeting of this job; delete what is not its outcome"
    );
}
