//! Records of a round: its jobs, their outcomes, and the faults with the jobs they hit.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use zoomd_store::Store;
use zoomd_store::streams::{Item, Stream, Tail};

use crate::family::Family;

/// An outcome as a consumer sees it.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Time at which it was seen.
    pub at: Instant,
    /// `job_id` and `run`: what tells two of them apart.
    pub of: (String, u64),
    /// The failure's code; none of a success.
    pub code: Option<String>,
    /// The failure's message.
    pub why: String,
    pub meeting: Option<u64>,
    /// The kind of the job.
    pub kind: String,
    /// The effect of a change.
    pub effect: Option<String>,
}

/// A blow, and the jobs that were in hand then.
#[derive(Debug, Clone)]
pub struct Struck {
    /// Row in the table.
    pub row: String,
    /// Time of the fault.
    pub at: Instant,
    /// True for a kill that hit a process with work in flight.
    pub counts: bool,
    /// The jobs in hand, by key.
    pub jobs: Vec<String>,
}

/// A round's book. A job's key stands in its metadata, and is its topic.
#[derive(Debug, Default)]
pub struct Book {
    /// The jobs that Redis accepted.
    pub jobs: HashMap<String, Vec<Outcome>>,
    /// The texts of jobs, in the order in which they were sent.
    pub texts: Vec<(String, String)>,
    /// Meetings that are changed.
    pub families: Vec<Family>,
    /// Keys by job id and by entry id.
    pub names: HashMap<String, String>,
    /// Faults of the round.
    pub struck: Vec<Struck>,
    /// Outcomes of jobs that are not of this round.
    pub strays: Vec<String>,
}

/// The book of a world's present round.
#[derive(Debug, Clone, Default)]
pub struct Books(Arc<Mutex<Book>>);

impl Books {
    pub fn open(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes outcomes into the present book, until it is dropped.
    pub async fn keep(self, store: Store) {
        let mut tail = Tail::from_start(&store, &[Stream::Results, Stream::Failures]);
        loop {
            match tail.next(Duration::from_millis(500), 1_000).await {
                Ok(items) => items.iter().for_each(|item| self.open().outcome(item)),
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }
}

impl Book {
    fn outcome(&mut self, item: &Item) {
        let failed = item.stream == Stream::Failures;
        let text = item.field(if failed { "failure" } else { "result" });
        let json: Value = serde_json::from_str(text).unwrap_or_default();
        let outcome = Outcome {
            at: Instant::now(),
            of: (item.field("job_id").to_owned(), json["run"].as_u64().unwrap_or(0)),
            code: failed.then(|| item.field("code").to_owned()),
            why: json["message"].as_str().unwrap_or_default().to_owned(),
            meeting: json["meeting"]["id"].as_u64(),
            kind: json["kind"].as_str().unwrap_or_default().to_owned(),
            effect: json["effect"].as_str().map(ToOwned::to_owned),
        };
        let key = json["metadata"]["key"].as_str().unwrap_or_default();
        match self.jobs.get_mut(key) {
            Some(outcomes) => outcomes.push(outcome),
            None => self.strays.push(format!("{key:?}: {outcome:?}")),
        }
    }

    /// The jobs that have no outcome yet.
    pub fn open_jobs(&self) -> Vec<String> {
        let open = self.jobs.iter().filter(|(_, outcomes)| outcomes.is_empty());
        open.map(|(key, _)| key.clone()).collect()
    }

    /// Notes a blow on whoever had `names` (job ids, entry ids) in hand.
    pub fn strike(&mut self, row: &str, kill: bool, worked: bool, names: &[String]) {
        let mut jobs: Vec<_> = names.iter().filter_map(|name| self.names.get(name)).collect();
        jobs.sort();
        jobs.dedup();
        let jobs: Vec<String> = jobs.into_iter().cloned().collect();
        let counts = kill && (worked || !jobs.is_empty());
        self.struck.push(Struck { row: row.to_owned(), at: Instant::now(), counts, jobs });
    }
}
