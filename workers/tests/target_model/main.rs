//! The rules of jobs that change one meeting, explored exhaustively.
//!
//! One create, updates and deletes stand in a stream that two daemons read. A daemon
//! dies at any step, an answer is lost while its call still travels, and Zoom says once of a
//! meeting that it is gone though it is there. Whenever all is quiet the meeting is what the
//! jobs that succeeded made of it in the order of the stream; behind a delete at the end
//! there is none; and no create was sent twice, nor after a delete that found it in nobody's
//! hands. The same model without the order of the stream, with a target that is free while a
//! call is unresolved, with one answer believed that a meeting is gone, or with changes
//! merged that mean another thing together, must come to a wrong end; that shows that it can.

#![expect(clippy::print_stdout, reason = "a counterexample is there to be read")]

mod line;

use stateright::{Checker, HasDiscoveries, Model};

use line::{Line, Op, Without};

/// Result of exploring a model.
struct Found {
    states: usize,
    failed: Vec<&'static str>,
    ends: bool,
}

fn explore(ops: &[Op], without: Without) -> Found {
    let model = Line { ops: ops.to_vec(), without };
    let checker =
        model.checker().threads(2).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    let mut found = checker.discoveries();
    let ends = found.remove("every job succeeds").is_some();
    let failed = found
        .into_iter()
        .map(|(name, path)| {
            println!("{ops:?} {without:?}: not so: {name}: {:?}", path.into_actions());
            name
        })
        .collect();
    Found { states: checker.unique_state_count(), failed, ends }
}

const CANCELLED: &[Op] = &[Op::Create, Op::Start(3), Op::Zone(2), Op::Delete];
const MOVED: &[Op] = &[Op::Create, Op::Start(3), Op::Start(5)];
const ZONED: &[Op] = &[Op::Create, Op::Start(3), Op::Zone(2)];
const TWICE: &[Op] = &[Op::Create, Op::Delete, Op::Start(3), Op::Delete];

#[test]
fn the_meeting_is_what_the_stream_says() {
    for ops in [CANCELLED, MOVED, ZONED, TWICE] {
        let Found { states, failed, ends } = explore(ops, Without::Nothing);
        println!("{ops:?}: {states} states");
        assert!(states > 1_000, "the model explores too little: {states}");
        assert_eq!(failed, Vec::<&str>::new());
        // Behind a delete nothing succeeds.
        assert!(ends || ops.contains(&Op::Delete), "in this model not all jobs succeed ever");
    }
}

fn goes_wrong(ops: &[Op], without: Without) {
    let Found { failed, .. } = explore(ops, without);
    assert!(!failed.is_empty(), "{without:?}: nothing goes wrong: the model cannot fail");
}

#[test]
fn a_job_judged_before_an_older_one_is_admitted_loses_a_cancel() {
    goes_wrong(CANCELLED, Without::Order);
}

#[test]
fn a_target_that_is_free_while_a_call_is_unresolved_ends_with_an_old_value() {
    goes_wrong(MOVED, Without::Taken);
}

#[test]
fn one_answer_that_a_meeting_is_gone_leaves_it_there() {
    goes_wrong(CANCELLED, Without::SecondLook);
}

#[test]
fn changes_that_mean_another_thing_together_move_the_meeting() {
    goes_wrong(ZONED, Without::FoldRule);
}

#[test]
fn a_delete_that_does_not_end_what_waits_before_it_lets_a_create_be_sent() {
    goes_wrong(CANCELLED, Without::Ends);
}
