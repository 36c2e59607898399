//! Handle of the settler, for the code that produces outcomes.

use std::sync::Arc;

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use zoomd_store::queue::{Refusal, Settlement};

use super::leased_job::LeasedJob;

/// One thing to settle.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every item is a job; a box would cost each an allocation"
)]
pub(crate) enum Item {
    /// The end of a lease; of a job that could not be read there is no flight.
    Job(Option<Arc<LeasedJob>>, Settlement),
    Refusal(Refusal),
    /// Answers when everything handed in before it is settled.
    Mark(oneshot::Sender<()>),
}

/// Sender of handlers' results to the settler.
#[derive(Debug, Clone)]
pub struct Settler(mpsc::Sender<Item>);

impl Settler {
    pub(crate) fn new(sender: mpsc::Sender<Item>) -> Self {
        Self(sender)
    }

    /// Hands in the end of `leased`'s lease. The first one counts: a handler
    /// that comes after a hurried shutdown has settled for it is not heard.
    ///
    /// The settlement is queued when this returns, unless that is full: then when the
    /// future ends. So nobody's future has to hold it.
    pub fn settle(
        &self,
        leased: &Arc<LeasedJob>,
        settlement: Settlement,
    ) -> impl Future<Output = ()> + Send + use<> {
        let first = leased.begin_settle();
        if let Some(trace) = leased.trace().filter(|_| first) {
            trace.settling();
        }
        let left = first.then(|| self.send(Item::Job(Some(Arc::clone(leased)), settlement)));
        async {
            if let Some(left) = left {
                left.await;
            }
        }
    }

    /// Hands in the end of a lease on a job that could not be read.
    pub async fn settle_unread(&self, settlement: Settlement) {
        self.send(Item::Job(None, settlement)).await;
    }

    /// Hands in the refusal of an entry.
    pub async fn refuse(&self, refusal: Refusal) {
        self.send(Item::Refusal(refusal)).await;
    }

    /// Waits until everything handed in so far is settled.
    pub async fn flushed(&self) {
        let (mark, flushed) = oneshot::channel();
        self.send(Item::Mark(mark)).await;
        let _ = flushed.await;
    }

    /// Sends the item now, where there is room, as nearly always.
    fn send(&self, item: Item) -> impl Future<Output = ()> + Send + use<> {
        let sent = match self.0.try_send(item) {
            Err(TrySendError::Full(item)) => {
                let lane = self.0.clone();
                Err(Box::pin(async move { lane.send(item).await.is_ok() }))
            }
            sent => Ok(sent.is_ok()),
        };
        async {
            let sent = match sent {
                Ok(sent) => sent,
                Err(waiting) => waiting.await,
            };
            if !sent {
                tracing::error!("settler: closed; a lease expires");
            }
        }
    }
}
