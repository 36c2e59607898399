//! Jobs of a kind that this version does not know: they are left to a newer daemon while
//! one is alive. Without one such a job is invalid.

use std::str::FromStr as _;
use std::time::Duration;

use zoomd_store::inspect::Ops;
use zoomd_store::queue::{Record, Settlement, Then, Ticket};
use zoomd_wire::{InvalidJob, Kind};

use crate::context::EngineContext;

/// The version of this daemon.
const OWN: &str = env!("CARGO_PKG_VERSION");
/// Before a waiting job is handed out again.
const NAP: Duration = Duration::from_secs(2);

/// True if a job is left to a newer daemon: its kind is unknown here, and such a daemon is
/// alive, or Redis does not say.
pub(super) async fn takes(ctx: &EngineContext, why: &InvalidJob, name: &str) -> bool {
    let Some(kind) = why.claims.kind.as_deref().filter(|_| is_unknown(why)) else { return false };
    let daemons = match Ops::new(ctx.queue.store().clone()).daemons().await {
        Ok(daemons) => daemons,
        Err(error) => {
            tracing::debug!(error = %error, "redis: could not read the list of daemons");
            return true;
        }
    };
    let mut others = daemons.iter().filter(|one| one.alive).map(|one| &*one.presence.version);
    let Some(version) = others.find(|version| is_newer(version, OWN)) else { return false };
    tracing::info!(
        job = name,
        kind,
        version,
        "the kind of a job is unknown to this version; the job is left to a newer daemon"
    );
    true
}

/// True if the kind of an invalid job is unknown here.
pub(super) fn is_unknown(why: &InvalidJob) -> bool {
    why.claims.kind.as_deref().is_some_and(|kind| Kind::from_str(kind).is_err())
}

/// Puts a waiting job aside for a newer daemon.
pub(super) fn aside(ticket: Ticket, mut record: Record) -> Settlement {
    let nap = i64::try_from(NAP.as_millis()).unwrap_or_default();
    let until_ms = ticket.granted_ms + nap;
    record.until_ms = Some(until_ms);
    let why = format!("its kind is unknown to zoomd {OWN}: it waits for a newer daemon");
    record.why = Some(why);
    let then = Then::Sleep { until_ms, purpose: ticket.purpose, record, event: None };
    Settlement { unsent: true, ..Settlement::new(ticket, then) }
}

/// Compares two versions; one that cannot be read is not newer.
fn is_newer(version: &str, than: &str) -> bool {
    numbers(version) > numbers(than)
}

fn numbers(version: &str) -> Option<[u64; 3]> {
    let release = version.split(['-', '+']).next()?;
    let mut parts = release.split('.').map(|part| part.parse().ok());
    Some([parts.next()??, parts.next()??, parts.next()??])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        for (version, than, newer) in [
            ("0.10.0", "0.9.9", true),
            ("1.0.0", "0.99.0", true),
            ("0.9.9", "0.10.0", false),
            ("0.3.0", "0.3.0", false),
            ("0.3.1-rc.1", "0.3.0", true),
            ("soon", "0.3.0", false),
            ("", "0.3.0", false),
        ] {
            assert_eq!(is_newer(version, than), newer, "{version} than {than}");
        }
    }
}
