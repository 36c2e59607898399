//! Other namespaces on this Redis that hold grants of the same Zoom users.

use zoomd_store::Store;
use zoomd_store::neighbours;

use super::report::Finding;

/// Findings about single accounts; more are counted, not listed.
const LISTED: usize = 5;

/// Looks at the neighbours; says nothing where there are none.
pub(super) async fn look(store: &Store) -> Vec<Finding> {
    let found = match neighbours::look(store).await {
        Ok(found) => found,
        // A user of Redis that may not look at others' keys is a good thing.
        Err(_) => return Vec::new(),
    };
    if found.namespaces.is_empty() {
        return Vec::new();
    }
    if found.shared.is_empty() {
        let also = if found.complete { "" } else { ", in the accounts that were checked" };
        let names = found.namespaces.join(", ");
        let what =
            format!("no other namespace on this Redis ({names}) uses the same Zoom users{also}");
        return vec![Finding::pass("neighbours", what)];
    }
    let mut checks = Vec::new();
    for shared in found.shared.iter().take(LISTED) {
        let (account, namespace, there) = (&shared.account, &shared.namespace, &shared.there);
        checks.push(Finding::fail(
            "neighbours",
            format!(
                "{account} is the same Zoom user and app as {there} in namespace {namespace}: \
                 each token refresh there invalidates the token here"
            ),
            format!("zoomd --namespace {namespace} account remove {there} --keep-grant"),
        ));
    }
    let more = found.shared.len().saturating_sub(LISTED);
    if more > 0 {
        let what = format!("and {more} more accounts like these");
        checks.push(Finding::fail("neighbours", what, "zoomd account list"));
    }
    checks
}
