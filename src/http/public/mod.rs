//! The public endpoint: links for people who connect an account at their own
//! browser, the place their consent comes back to, and Zoom's webhook.
//!
//! Everything here is open to the world. Whatever is not one of those three
//! paths is not there. Tokens, states, codes and cookies are never logged and
//! never stored as they are; a token that is unknown, over or used gets the same
//! bytes as any other; names are escaped; bodies, heads, times and connections
//! have bounds. Speaks plain HTTP: TLS is the business of the proxy in front.
//!
//! ```text
//! GET  <public URL>/connect/<token>   a page with one button; changes nothing
//! POST <public URL>/connect/<token>   a state, a cookie, and on to Zoom
//! GET  <redirect path>?code&state     code → grant, by the way `account login` goes
//! POST <public URL>/webhook           authorizations revoked
//! ```
//!
//! Invariant: a code that was exchanged is stored or staged whatever becomes of
//! the browser that brought it: that work is a task of its own, and [`PublicEndpoint::idle`]
//! waits for it.

mod connect;
mod cookie;
mod limit;
mod oauth_callback;
mod page;
mod paths;
mod routes;
mod serve;
mod webhook;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use zoom_api::webhook::WebhookSecret;
use zoomd_store::consent::Links;
use zoomd_store::grants::Grants;
use zoomd_workers::consent::Consents;
use zoomd_workers::deauthorization::Deauthorizations;

pub use page::{Brand, Page, SERVER};
pub use paths::{Paths, far_from_home};
pub use serve::serve;

/// Parts of the public endpoint.
#[derive(Debug)]
pub struct Parts {
    /// Where it is, and where consents come back to.
    pub paths: Paths,
    /// The name and logo of its pages.
    pub brand: Brand,
    /// The accounts.
    pub grants: Grants,
    /// Makes grants of consents; `None` where no OAuth app is configured.
    pub consents: Option<Consents>,
    /// Removes accounts whose authorization was revoked.
    pub deauthorizations: Deauthorizations,
    /// Verifies webhooks; without it none is taken.
    pub webhook: Option<WebhookSecret>,
    /// The configured app, for webhooks that name none.
    pub client_id: Option<String>,
}

/// The public endpoint; clones are the same endpoint.
#[derive(Debug, Clone)]
pub struct PublicEndpoint(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    paths: Paths,
    brand: Brand,
    links: Links,
    grants: Grants,
    consents: Option<Consents>,
    deauthorizations: Deauthorizations,
    webhook: Option<WebhookSecret>,
    client_id: Option<String>,
    limiter: limit::Limiter,
    /// Tasks that outlive the request that began them.
    busy: watch::Sender<usize>,
    closing: AtomicBool,
}

impl PublicEndpoint {
    /// A public endpoint of these parts.
    pub fn new(parts: Parts) -> Self {
        let Parts { paths, brand, grants, consents, deauthorizations, webhook, client_id } = parts;
        let links = Links::new(grants.store().clone());
        let (limiter, busy) = (limit::Limiter::default(), watch::Sender::new(0));
        Self(Arc::new(Inner {
            paths,
            brand,
            links,
            grants,
            consents,
            deauthorizations,
            webhook,
            client_id,
            limiter,
            busy,
            closing: AtomicBool::new(false),
        }))
    }

    /// Takes no consent any more; what is in hand is finished.
    pub fn close(&self) {
        self.0.closing.store(true, Ordering::Relaxed);
    }

    /// Waits until nothing is in hand any more; `false` when that takes too long.
    pub async fn idle(&self, patience: Duration) -> bool {
        let mut busy = self.0.busy.subscribe();
        tokio::time::timeout(patience, busy.wait_for(|tasks| *tasks == 0)).await.is_ok()
    }

    fn is_closing(&self) -> bool {
        self.0.closing.load(Ordering::Relaxed)
    }

    /// Runs work that nobody's hanging up may cut short. `None` when it panicked.
    async fn detached<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        self.0.busy.send_modify(|tasks| *tasks += 1);
        let busy = Busy(Arc::clone(&self.0));
        let task = tokio::spawn(async move {
            let _busy = busy;
            work.await
        });
        task.await.ok()
    }
}

/// One task in hand.
struct Busy(Arc<Inner>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy.send_modify(|tasks| *tasks -= 1);
    }
}
