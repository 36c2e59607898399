//! Jobs that were sent twice, on their way to the one who looks for second meetings.

use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use zoomd_wire::Marker;

use super::place::Place;
use crate::state::job_history;
use crate::state::leased_job::LeasedJob;

/// Looks and findings on their way to Redis; more are skipped.
const MOST: usize = 256;

/// Facts about a job for a later look.
#[derive(Debug, Serialize, Deserialize)]
pub struct Note {
    v: u8,
    pub(crate) place: Place,
    pub(crate) marker: String,
    /// Time at which its first call may have left: a meeting made since that may carry the
    /// marker out of the list's sight is read in full.
    #[serde(default)]
    pub(crate) since: Option<Timestamp>,
    /// Time of the job's success, by the time of Redis.
    pub(crate) at: Timestamp,
}

/// Items to be written to Redis.
#[derive(Debug)]
pub enum News {
    /// A job is looked at later.
    Watch(Arc<str>, Note),
    /// These are the meetings of a job.
    Found(Arc<str>, Vec<u64>),
}

/// Sender of jobs to be checked for duplicates.
#[derive(Debug, Clone)]
pub struct DuplicateCheck(mpsc::Sender<News>);

/// The way in and the way out.
#[must_use]
pub fn open() -> (DuplicateCheck, Inbox) {
    let (sender, receiver) = mpsc::channel(MOST);
    (DuplicateCheck(sender), Inbox(receiver))
}

/// Items left for Redis.
#[derive(Debug)]
pub struct Inbox(pub(crate) mpsc::Receiver<News>);

impl DuplicateCheck {
    /// Has a job looked at later, if it was sent more than once.
    pub fn watch(&self, leased: &LeasedJob, marker: Option<Marker>) {
        let Some(marker) = marker.filter(|_| job_history::was_sent_before(leased)) else { return };
        let (place, marker) = (Place::of(leased), marker.to_string());
        let first_ms = leased.record.first_send_ms.unwrap_or(leased.ticket.granted_ms);
        let since = Timestamp::from_millisecond(first_ms).ok();
        let note = Note { v: 1, place, marker, since, at: leased.redis_time(Instant::now()) };
        self.send(News::Watch(Arc::clone(&leased.ticket.job_id), note));
    }

    /// Zoom has more than one meeting of a job.
    pub fn found(&self, leased: &LeasedJob, meetings: &[u64]) {
        tell(&leased.ticket.job_id, meetings);
        self.send(News::Found(Arc::clone(&leased.ticket.job_id), meetings.to_vec()));
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
        "duplicate meetings: zoom has more than one meeting of this job; delete those that are not its outcome"
    );
}
