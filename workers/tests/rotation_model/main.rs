//! The rules of rotation, explored exhaustively.
//!
//! Two workers share a store and a Zoom. Leases end when the model likes, a
//! worker dies or is stopped at any step, the store goes back to any earlier
//! state, a reply is lost, Zoom fails without rotating, or answers with a failure
//! and undoes what it did later, over whatever happened since; a silent host is
//! given up, the store goes back while the last rotator is silent. In every state that can be reached some holder (store, journal, memory,
//! network) has a token that Zoom accepts, and whenever all is quiet the account
//! works: except in the windows, which the model marks as it passes through
//! them. The same model with a fence, with equality, with the naive verdict, with
//! a verdict on an early probe, without the spare, or with a hold that asks the
//! store alone must find a loss; that shows that it can.

#![expect(clippy::print_stdout, reason = "a counterexample is there to be read")]

mod state;
mod steps;

use stateright::{Checker, HasDiscoveries, Model};

use state::{Budget, Laws, Without, Write, Zoom};
use steps::Rotation;

const BUDGET: Budget = Budget {
    rotations: 3,
    crashes: 2,
    expiries: 2,
    rollbacks: 1,
    losses: 1,
    failures: 1,
    silences: 1,
    undone: 0,
};

/// Less of what strikes anywhere, and failures that Zoom undoes later. Not both that
/// and a store that goes back in the same minutes: what an early probe presented is
/// kept by the store alone (docs/guarantees.md says so).
const UNDONE: Budget =
    Budget { crashes: 1, expiries: 1, rollbacks: 0, losses: 0, failures: 0, undone: 1, ..BUDGET };

/// Result of exploring a model.
struct Found {
    states: usize,
    /// The properties that do not hold.
    failed: Vec<&'static str>,
    /// True if two rotations can be committed at all.
    rotates: bool,
}

fn explore(laws: Laws) -> Found {
    let checker = Rotation(laws)
        .checker()
        .threads(2)
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs()
        .join();
    let mut found = checker.discoveries();
    let rotates = found.remove("two rotations are committed").is_some();
    let failed = found
        .into_iter()
        .map(|(name, path)| {
            let actions: Vec<_> = path.into_actions();
            println!("{laws:?}: not so: {name}: {actions:?}");
            name
        })
        .collect();
    Found { states: checker.unique_state_count(), failed, rotates }
}

fn ours(zoom: Zoom) {
    for budget in [BUDGET, UNDONE] {
        let laws = Laws { zoom, write: Write::RuleP, without: Without::Nothing, budget };
        let Found { states, failed, rotates } = explore(laws);
        println!("{zoom:?}: {states} states");
        assert!(states > 10_000, "the model explores too little: {states}");
        assert_eq!(failed, Vec::<&str>::new());
        assert!(rotates, "in this model no two rotations are ever committed");
    }
}

#[test]
fn no_loss_under_a_strict_zoom() {
    ours(Zoom::Strict);
}

#[test]
fn no_loss_where_only_the_newest_token_lives() {
    ours(Zoom::TolerantNewest);
}

#[test]
fn no_loss_where_both_children_live() {
    ours(Zoom::TolerantBoth);
}

#[test]
fn no_loss_but_in_the_windows_where_families_are_revoked() {
    ours(Zoom::Revoking);
}

fn loses(zoom: Zoom, write: Write, without: Without, budget: Budget) {
    let laws = Laws { zoom, write, without, budget };
    let Found { failed, .. } = explore(laws);
    assert!(!failed.is_empty(), "{laws:?} loses nothing: the model cannot fail");
}

#[test]
fn a_fence_loses_a_late_holders_token() {
    loses(Zoom::Strict, Write::Fence, Without::Nothing, BUDGET);
}

#[test]
fn equality_loses_a_token_when_the_store_goes_back() {
    loses(Zoom::Strict, Write::Equality, Without::Nothing, BUDGET);
}

#[test]
fn the_naive_verdict_parks_a_living_account() {
    loses(Zoom::Strict, Write::RuleP, Without::RuleN, BUDGET);
}

#[test]
fn a_verdict_on_an_early_probe_parks_an_account_whose_token_comes_back() {
    loses(Zoom::Strict, Write::RuleP, Without::Patience, UNDONE);
}

#[test]
fn without_the_spare_a_failed_exchange_that_ends_late_takes_the_account() {
    loses(Zoom::Strict, Write::RuleP, Without::Spare, UNDONE);
}

#[test]
fn a_hold_that_asks_the_store_alone_presents_what_a_silent_host_has_spent() {
    loses(Zoom::Revoking, Write::RuleP, Without::Memory, BUDGET);
}
