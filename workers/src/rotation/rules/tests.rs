use zoomd_store::grants::Epoch;

use super::*;

fn version(epoch: u64, generation: u64) -> GrantVersion {
    GrantVersion { epoch: Epoch::choose(epoch, [], 0), generation }
}

fn token(epoch: u64, generation: u64, fp: u8, lineage: &[u8]) -> Token<u8> {
    Token { version: version(epoch, generation), fp, lineage: lineage.to_vec() }
}

fn slot(generation: u64, fp: u8, lineage: &[u8]) -> Slot<u8> {
    Slot::holding(token(5, generation, fp, lineage))
}

#[test]
fn the_stored_token_and_its_ancestors_change_nothing() {
    for (generation, fp) in [(2, 3), (9, 2), (9, 1)] {
        let mut stored = slot(2, 3, &[2, 1]);
        assert_eq!(accept(&mut stored, &token(5, generation, fp, &[])), Accepted::Known);
        assert_eq!(stored, slot(2, 3, &[2, 1]));
    }
}

#[test]
fn a_child_replaces_its_parent_whoever_brings_it() {
    let mut stored = slot(1, 2, &[1]);
    assert_eq!(accept(&mut stored, &token(5, 2, 3, &[2, 1])), Accepted::Stored);
    assert_eq!(stored, slot(2, 3, &[2, 1]));
}

#[test]
fn a_reply_without_a_refresh_token_keeps_the_old_one() {
    let mut stored = slot(1, 2, &[1]);
    let kept = stored.child(&token(5, 1, 2, &[1]), 2);
    assert_eq!(kept, token(5, 2, 2, &[1]));
    assert_eq!(accept(&mut stored, &kept), Accepted::Stored);
    assert_eq!(accept(&mut stored, &kept), Accepted::Known);
    assert_eq!(stored, slot(2, 2, &[1]));
}

#[test]
fn a_store_that_went_back_takes_a_later_generation_and_keeps_no_spent_token() {
    let mut stored = slot(1, 2, &[1]);
    assert_eq!(accept(&mut stored, &token(5, 4, 5, &[4, 3, 2, 1])), Accepted::Stored);
    assert!(stored.candidates.is_empty());
}

#[test]
fn of_two_children_the_first_is_stored_and_the_other_kept() {
    let mut stored = slot(1, 2, &[1]);
    assert_eq!(accept(&mut stored, &token(5, 2, 3, &[2, 1])), Accepted::Stored);
    assert_eq!(accept(&mut stored, &token(5, 2, 4, &[2, 1])), Accepted::Candidate);
    assert_eq!(accept(&mut stored, &token(5, 2, 4, &[2, 1])), Accepted::Known);
    assert_eq!(stored.current.as_ref().map(|t| t.fp), Some(3));
    assert_eq!(stored.candidates.iter().map(|t| t.fp).collect::<Vec<_>>(), [4]);
}

#[test]
fn of_a_fork_the_greater_is_stored() {
    let mut stored = slot(2, 3, &[2, 1]);
    assert_eq!(accept(&mut stored, &token(5, 3, 9, &[8, 2, 1])), Accepted::Stored);
    assert_eq!(stored.current.as_ref().map(|t| t.fp), Some(9));
    assert_eq!(stored.candidates.iter().map(|t| t.fp).collect::<Vec<_>>(), [3]);
}

#[test]
fn the_newest_three_candidates_are_kept() {
    let mut stored = slot(2, 3, &[2]);
    for fp in 10..15 {
        assert_eq!(accept(&mut stored, &token(5, 2, fp, &[2])), Accepted::Candidate);
    }
    assert_eq!(stored.candidates.iter().map(|t| t.fp).collect::<Vec<_>>(), [14, 13, 12]);
}

#[test]
fn the_epoch_decides_before_the_generation() {
    let mut stored = slot(2, 3, &[2]);
    assert_eq!(accept(&mut stored, &token(4, 900, 7, &[])), Accepted::Older);
    assert_eq!(accept(&mut stored, &token(6, 0, 8, &[])), Accepted::Stored);
    assert!(stored.candidates.is_empty());
}

#[test]
fn a_tombstone_erases_its_own_epoch_and_yields_to_a_new_consent() {
    let tomb = Slot {
        standing: Standing::Removed,
        version: version(5, 0),
        current: None,
        spare: None,
        candidates: Vec::new(),
        refused: Vec::new(),
    };
    let mut stored = tomb.clone();
    assert_eq!(accept(&mut stored, &token(5, 7, 3, &[2])), Accepted::Erased);
    assert_eq!(accept(&mut stored, &token(4, 7, 3, &[2])), Accepted::Erased);
    assert_eq!(stored, tomb);
    assert_eq!(accept(&mut stored, &token(6, 0, 3, &[])), Accepted::Stored);
    assert_eq!(stored.standing, Standing::Active);
}

#[test]
fn a_verdict_needs_the_exact_stored_token() {
    for other in [(version(5, 1), 3), (version(5, 3), 3), (version(5, 2), 2)] {
        let mut stored = slot(2, 3, &[2]);
        assert_eq!(verdict(&mut stored, other, other.1, false), Judged::Moved);
        assert_eq!(stored, slot(2, 3, &[2]));
    }
    let mut stored = slot(2, 3, &[2]);
    assert_eq!(verdict(&mut stored, (version(5, 2), 3), 3, true), Judged::Covered);
    assert_eq!(verdict(&mut stored, (version(5, 2), 3), 3, false), Judged::Written);
    assert_eq!(stored.standing, Standing::NeedsReauth);
}

#[test]
fn every_candidate_is_tried_before_a_verdict() {
    let mut stored = slot(2, 3, &[2]);
    accept(&mut stored, &token(5, 2, 4, &[2]));
    let now = (version(5, 2), 3);
    assert_eq!(verdict(&mut stored, now, 3, false), Judged::Candidates);
    assert_eq!(stored.presentable().map(|t| t.fp).collect::<Vec<_>>(), [4]);
    let child = stored.child(&stored.candidates[0], 9);
    assert_eq!(child, token(5, 3, 9, &[4, 2, 3]));
    let mut saved = stored.clone();
    assert_eq!(accept(&mut saved, &child), Accepted::Stored);
    assert!(saved.candidates.is_empty(), "what zoom refused is not kept");
    assert_eq!(verdict(&mut stored, now, 4, false), Judged::Written);
}

#[test]
fn a_later_token_clears_a_verdict() {
    let mut stored = slot(1, 2, &[1]);
    verdict(&mut stored, (version(5, 1), 2), 2, false);
    let mut fork = stored.clone();
    assert_eq!(accept(&mut stored, &token(5, 2, 3, &[2, 1])), Accepted::Stored);
    assert_eq!(stored.standing, Standing::Active);
    assert_eq!(accept(&mut fork, &token(5, 1, 7, &[1])), Accepted::Candidate);
    assert_eq!(fork.standing, Standing::Active);
    assert_eq!(fork.presentable().map(|t| t.fp).collect::<Vec<_>>(), [7]);
}

#[test]
fn what_an_early_probe_presented_is_kept_as_the_last_candidate() {
    let mut stored = slot(1, 2, &[1]);
    let presented = token(5, 1, 2, &[1]);
    assert_eq!(accept_early(&mut stored, &token(5, 2, 3, &[2, 1]), &presented), Accepted::Stored);
    assert_eq!(stored.spare, Some(presented.clone()));
    // A fork comes before it, and a further rotation keeps it.
    assert_eq!(accept(&mut stored, &token(5, 2, 9, &[2, 1])), Accepted::Candidate);
    let order: Vec<_> = stored.presentable().map(|token| token.fp).collect();
    assert_eq!(order, [3, 9, 2]);
    assert_eq!(accept(&mut stored, &token(5, 3, 4, &[3, 2, 1])), Accepted::Stored);
    assert_eq!(stored.spare, Some(presented.clone()));
    // Offered again it changes nothing.
    assert_eq!(accept(&mut stored, &presented), Accepted::Known);
}

#[test]
fn the_spare_goes_when_it_was_presented_or_refused_and_a_verdict_waits_for_it() {
    let spared = || {
        let mut stored = slot(1, 2, &[1]);
        accept_early(&mut stored, &token(5, 2, 3, &[2, 1]), &token(5, 1, 2, &[1]));
        stored
    };
    let mut stored = spared();
    assert_eq!(verdict(&mut stored, (version(5, 2), 3), 3, false), Judged::Candidates);
    let spare = stored.spare.clone().expect("kept");
    let child = stored.child(&spare, 7);
    assert_eq!(accept(&mut stored, &child), Accepted::Stored);
    assert_eq!(stored.spare, None, "it was presented");

    let mut stored = spared();
    assert_eq!(verdict(&mut stored, (version(5, 2), 3), 3, false), Judged::Candidates);
    assert_eq!(verdict(&mut stored, (version(5, 2), 3), 2, false), Judged::Written);
    assert_eq!(accept(&mut stored, &token(5, 3, 4, &[3, 2, 1])), Accepted::Stored);
    assert_eq!(stored.spare, None, "it was refused");
}
