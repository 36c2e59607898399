//! The line of the log for a job that failed, once its outcome is stored.

use std::borrow::Cow;

use serde::Deserialize;
use zoomd_store::queue::{Refusal, Settlement, Then};

/// Fields of the outcome that the log line shows.
#[derive(Deserialize)]
struct Told<'a> {
    #[serde(borrow, default)]
    message: Cow<'a, str>,
    #[serde(default)]
    attempts: u64,
    #[serde(default)]
    zoom: Option<Answer>,
}

/// Zoom's answer behind it.
#[derive(Deserialize)]
struct Answer {
    status: u16,
}

/// A lease is settled: one line if the job failed, none else.
pub(crate) fn settled(settlement: &Settlement) {
    if let Then::Failed { code, outcome, .. } = &settlement.then {
        let ticket = &settlement.ticket;
        line(&ticket.job_id, &ticket.account, code, &outcome.json);
    }
}

/// An entry was refused.
pub(crate) fn refused(refusal: &Refusal) {
    line(&refusal.job_id, &refusal.account, refusal.code, &refusal.outcome.json);
}

fn line(job: &str, account: &str, code: &str, outcome: &[u8]) {
    let told = serde_json::from_slice(outcome).ok();
    let none = Told { message: Cow::Borrowed("no message"), attempts: 0, zoom: None };
    let Told { message, attempts, zoom } = told.unwrap_or(none);
    tracing::info!(
        job.id = job,
        account,
        code,
        attempts,
        zoom.status = zoom.map(|answer| answer.status),
        reason = &*message,
        "job {job} failed ({code}): {message}"
    );
}
