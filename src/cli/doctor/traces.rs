//! Traces: where they go, and whether the collector takes them.

use super::report::Finding;
use crate::config::Config;
use crate::telemetry::traces::Collector;

/// Looks at the collector: offers it no span at all, which it may refuse.
pub(super) async fn look(config: &Config) -> Option<Finding> {
    const CHECK: &str = "traces";
    let wanted = config.traces.as_ref()?;
    let collector = match Collector::new(wanted, None) {
        Ok(collector) => collector,
        Err(error) => return Some(Finding::fail(CHECK, error.message, "zoomd help environment")),
    };
    let place = collector.place();
    Some(match collector.offer(&[]).await {
        Ok(()) => Finding::pass(CHECK, format!("{place} takes spans")),
        Err(refused) => {
            let what =
                format!("{place} does not take spans: {}; jobs are not affected", refused.why);
            let next = format!("curl -v -X POST -H 'Content-Type: application/x-protobuf' {place}");
            Finding::warn(CHECK, what, next)
        }
    })
}
