//! Remaining daily quota by Zoom's headers, written to Redis now and then.
//!
//! Only kept where the header may speak of a day that some plan limits; the
//! newest word of each host and label counts. Nothing is planned by it: headers
//! are doubted, and a 429 closes what is really spent. It is shown to people.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use zoom_api::{RateHeaders, RateType};
use zoomd_store::inspect::QuotaObservation;
use zoomd_store::limits::{Budgets, Label};

/// Hosts and labels remembered until the next writing; more are passed over.
const MOST: usize = 5_000;

/// Account, host and label.
type Whose = (Arc<str>, Arc<str>, Label);

/// Quotas that were seen and not written yet.
#[derive(Debug, Default)]
pub struct QuotaHeaders {
    budgets: Arc<Budgets>,
    newest: Mutex<HashMap<Whose, QuotaObservation>>,
}

impl QuotaHeaders {
    /// Nothing seen; limits are those of `budgets`.
    #[must_use]
    pub fn new(budgets: Budgets) -> Self {
        Self { budgets: Arc::new(budgets), newest: Mutex::default() }
    }

    /// Notes the headers of a reply that was no 429; `host`: of a create.
    pub fn note(
        &self,
        account: &str,
        host: Option<&str>,
        label: Label,
        headers: &RateHeaders,
        now: Timestamp,
    ) {
        let (Some(limit), Some(remaining)) = (headers.limit, headers.remaining) else { return };
        let in_days = headers.kind != Some(RateType::PerSecond);
        if !in_days || !self.may_be_a_day(limit, label, host.is_some()) {
            return;
        }
        let key: Whose = (account.into(), host.unwrap_or_default().into(), label);
        let seen = QuotaObservation {
            account: Arc::clone(&key.0),
            host: host.is_some().then(|| Arc::clone(&key.1)),
            label,
            category: headers.category.clone(),
            limit,
            remaining,
            at_ms: now.as_millisecond(),
        };
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if newest.len() < MOST || newest.contains_key(&key) {
            newest.insert(key, seen);
        }
    }

    /// Takes what was seen since it was taken last.
    #[must_use]
    pub fn take(&self) -> Vec<QuotaObservation> {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        newest.drain().map(|(_, seen)| seen).collect()
    }

    fn may_be_a_day(&self, limit: u32, label: Label, creates: bool) -> bool {
        self.budgets.plans.values().any(|plan| {
            limit > 0 && (limit == plan.of(label).per_day || (creates && limit == plan.host_day))
        })
    }
}
