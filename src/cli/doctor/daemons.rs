//! The daemons that run, by what they say of themselves.

use zoomd_store::Store;
use zoomd_store::ops::Ops;

use super::report::Finding;
use crate::cli::table::one_line;

/// Looks for daemons whose rotation journal cannot be written.
pub(super) async fn look(store: &Store) -> Vec<Finding> {
    // A Redis that does not answer has a finding of its own.
    let daemons = Ops::new(store.clone()).daemons().await.unwrap_or_default();
    let alive = daemons.iter().filter(|daemon| daemon.alive);
    let problems =
        alive.flat_map(|daemon| daemon.presence.problems.iter().map(move |p| (daemon, p)));
    let troubled = problems.filter(|(_, problem)| problem.code == "rotation_impossible");
    let findings = troubled.map(|(daemon, problem)| {
        let id = &daemon.presence.id;
        let text = format!("{id} refreshes no token: {}", one_line(&problem.what));
        let next = format!(
            "on {}: make room, or put the data folder back and restart",
            daemon.presence.host
        );
        Finding::fail("journal", text, next)
    });
    findings.collect()
}
