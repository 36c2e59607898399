//! One more look after a job was sent twice.
//!
//! A call that Zoom showed later than the last look, and was therefore made
//! again, leaves two meetings with one marker. Some minutes after a success on
//! a second send the list is looked at once more; twins are counted and named
//! in the log, and never deleted: a person may have invited guests to either.
//!
//! The look is this process' own: one that ends earlier does not make it.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc;
use zoomd_wire::Marker;

use super::look;
use crate::jobs::call;
use crate::pipeline::flight::Flight;
use crate::pipeline::shop::Shop;

/// Jobs that wait for their look; more are not looked at.
const MOST: usize = 256;

/// A job that was sent more than once and succeeded.
#[derive(Debug)]
pub struct Suspect {
    flight: Arc<Flight>,
    marker: Marker,
    due: Instant,
}

/// Where such jobs are left.
#[derive(Debug, Clone)]
pub struct Suspects(mpsc::Sender<Suspect>);

/// The way in and the way out.
#[must_use]
pub fn open() -> (Suspects, mpsc::Receiver<Suspect>) {
    let (sender, receiver) = mpsc::channel(MOST);
    (Suspects(sender), receiver)
}

impl Suspects {
    /// Has a job looked at later, if it was sent more than once.
    pub fn watch(&self, shop: &Shop, flight: &Arc<Flight>, marker: Option<Marker>) {
        let Some(marker) = marker.filter(|_| flight.attempt() > 1) else { return };
        let due = Instant::now() + shop.settings.reconcile.twins_after;
        let suspect = Suspect { flight: Arc::clone(flight), marker, due };
        if self.0.try_send(suspect).is_err() {
            metrics::counter!("zoomd_twin_looks_skipped_total").increment(1);
        }
    }
}

/// Makes the looks, one after the other, until the engine ends.
pub async fn serve(shop: Arc<Shop>, mut suspects: mpsc::Receiver<Suspect>) {
    while let Some(suspect) = suspects.recv().await {
        tokio::time::sleep_until(suspect.due.into()).await;
        if let Err(why) = look_at(&shop, &suspect).await {
            tracing::debug!(job.id = %suspect.flight.ticket.job_id, why, "no look for twins was made");
        }
    }
}

async fn look_at(shop: &Shop, suspect: &Suspect) -> Result<(), String> {
    let flight = &suspect.flight;
    let (token, leave) = call::prepare_outside(shop, flight).await.map_err(|w| format!("{w:?}"))?;
    let twins = look::carriers(shop, flight, &token, leave, &suspect.marker).await?;
    if twins.len() > 1 {
        metrics::counter!("zoomd_twins_total").increment(twins.len() as u64 - 1);
        tracing::warn!(
            job.id = %flight.ticket.job_id, meetings = ?twins,
            "zoom has more than one meeting of this job; delete what is not its outcome"
        );
    }
    Ok(())
}
