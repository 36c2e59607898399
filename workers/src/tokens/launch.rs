//! Starting rotations: one flight per account, in a task nobody can drop.

use std::sync::Arc;

use super::cache::Cached;
use super::flights::{Flight, Pilot};
use super::{GATE_PATIENCE, Tokens};
use crate::rotation::{Ended, Order};

impl Tokens {
    /// Starts a rotation, or joins the one under way, and returns when the
    /// account's gate is closed, so that its jobs are not handed out in vain.
    pub(super) async fn start_and_close(&self, order: Order) {
        let flight = self.start_rotation(order);
        let _ = tokio::time::timeout(GATE_PATIENCE, flight.gate_closed()).await;
    }

    pub(super) fn start_rotation(&self, order: Order) -> Flight {
        let (flight, pilot) = self.0.flights.join(&order.account);
        if let Some(pilot) = pilot {
            // Nobody waits for this task, and nobody can drop it: what it sends
            // must be brought to its end.
            tokio::spawn(self.clone().fly(order, pilot));
        }
        flight
    }

    async fn fly(self, order: Order, pilot: Pilot) {
        let pilot = Arc::new(pilot);
        let flown = {
            let (tokens, order, pilot) = (self.clone(), order.clone(), Arc::clone(&pilot));
            tokio::spawn(async move {
                let _permit = tokens.0.permits.acquire().await;
                if tokens.is_closing() {
                    return Ended::Changed;
                }
                tokens.0.rotator.rotate(&order, &pilot.closed).await
            })
        };
        let ended = flown.await.unwrap_or_else(|error| {
            tracing::error!(account = %order.account, %error, "a rotation died; what it staged is safe");
            self.0.rotator.died(&order.account);
            self.0.repair_now.notify_one();
            Ended::Changed
        });
        let account = &order.account;
        match &ended {
            Ended::Rotated(fresh) => {
                if fresh.stranger {
                    self.0.strangers.tell(account);
                }
                let cached = Cached {
                    version: fresh.version,
                    access: fresh.access.clone(),
                    client: fresh.client.clone(),
                    life: fresh.life,
                    issued: fresh.issued,
                };
                self.0.cache.put(account, cached);
            }
            Ended::Later { wait, why } => {
                tracing::debug!(%account, ?wait, why, "no rotation for now");
            }
            // Told once a minute for all that use Redis, not for each account.
            Ended::Store(error) if error.is_transient() => {
                tracing::debug!(%account, %error, "a rotation could not ask redis");
            }
            Ended::Store(error) => {
                tracing::warn!(%account, %error, "a rotation could not ask redis");
            }
            _ => drop(self.0.cache.forget(account.as_str())),
        }
        self.0.flights.land(account.as_str(), &pilot, Arc::new(ended));
    }

    /// Rotates and waits for the end.
    pub(crate) async fn run(&self, order: Order) -> Arc<Ended> {
        let ended = self.start_rotation(order).end().await;
        ended.unwrap_or_else(|| Arc::new(Ended::Changed))
    }
}
