//! After Redis came back as another server: who may rotate, and when.

use std::time::{Duration, Instant};

use zoomd_workers::tokens::{RotationSettings, Tokens};

use crate::house::{House, PATIENCE, settings, token, usable};
use crate::trouble::{go_back, repaired, saved};

/// The usual minute.
fn usual() -> RotationSettings {
    RotationSettings { settle_after_restart: Duration::from_secs(60), ..settings() }
}

/// One that a test can wait out.
const SHORT: Duration = Duration::from_secs(4);

fn short() -> RotationSettings {
    RotationSettings { settle_after_restart: SHORT, ..settings() }
}

/// Lets each process hear of the others.
async fn acquainted(tokens: &[&Tokens]) {
    let begun = Instant::now();
    while tokens.iter().any(|each| each.acquaintances() < tokens.len()) {
        assert!(begun.elapsed() < PATIENCE, "they do not hear of each other");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Asks for rotations until the short hold that began at `begun` is nearly over, and
/// finds that no token call leaves.
async fn nobody_rotates(house: &House, tokens: &Tokens, begun: Instant) {
    let asked = house.sim.counters().arrived.token;
    while begun.elapsed() < SHORT - Duration::from_millis(500) {
        let _ = tokens.rotate_now("ada", Duration::from_millis(100)).await;
        assert_eq!(house.sim.counters().arrived.token, asked, "{:?}", begun.elapsed());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn with_all_daemons_alive_rotations_go_on_within_5_s() {
    let mut house = House::unlimited().await;
    let account = house.import("ada").await;
    let (one, two) =
        (house.tokens_with("one", usual()).await, house.tokens_with("two", usual()).await);
    token(&one, &account).await;
    acquainted(&[&one, &two]).await;
    house.redis.kill();
    house.redis.restart().expect("starts again");
    let begun = Instant::now();
    one.rotate_now("ada", PATIENCE).await.expect("a token");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert!(house.sim.counters().broken.none());
}

#[tokio::test]
async fn jobs_with_a_live_token_do_not_wait_for_the_hold() {
    let mut house = House::unlimited().await;
    let account = house.import("ada").await;
    let (one, two) =
        (house.tokens_with("one", usual()).await, house.tokens_with("two", usual()).await);
    token(&one, &account).await;
    acquainted(&[&one, &two]).await;
    // One that is silent: its journal is locked, and nobody speaks for it.
    let journal = two.journal().clone();
    drop(two);
    house.redis.kill();
    house.redis.restart().expect("starts again");
    let begun = Instant::now();
    while usable(&one, &account).await.is_none() {
        assert!(begun.elapsed() < Duration::from_secs(5), "it waits for the hold");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    for _ in 0..20 {
        assert!(usable(&one, &account).await.is_some(), "the token lives");
        assert!(!house.look(&account).await.gate_closed());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    drop(journal);
}

#[tokio::test]
async fn while_one_that_the_living_remember_is_silent_nobody_rotates_before_the_time_is_over() {
    let mut house = House::unlimited().await;
    let account = house.import("ada").await;
    let one = house.tokens_with("one", short()).await;
    token(&one, &account).await;
    let old = saved(&mut house);
    // The store will not know this one any more, and it has the last token.
    let two = house.tokens_with("two", short()).await;
    acquainted(&[&one, &two]).await;
    let last = two.rotate_now("ada", PATIENCE).await.expect("a token").version;
    let journal = two.journal().clone();
    drop(two);
    go_back(&mut house, &old);
    let begun = Instant::now();
    nobody_rotates(&house, &one, begun).await;
    // It wakes, and what it has is taken over and committed by the other.
    drop(journal);
    repaired(&house, &account, Some(last)).await;
    one.rotate_now("ada", PATIENCE).await.expect("the chain goes on");
    let got = token(&one, &account).await;
    assert_eq!(house.client().users_me(&got.access).await.expect("an answer").status, 200);
}

#[tokio::test]
async fn a_store_much_older_than_what_the_living_remember_is_held_for_the_whole_time() {
    let mut house = House::unlimited().await;
    let account = house.import("ada").await;
    let one = house.tokens_with("one", short()).await;
    token(&one, &account).await;
    let old = saved(&mut house);
    let last = one.rotate_now("ada", PATIENCE).await.expect("a token").version;
    // Older than a quarter of the hold.
    tokio::time::sleep(SHORT / 2).await;
    go_back(&mut house, &old);
    let begun = Instant::now();
    // What the journal holds is committed at once: that is no rotation.
    repaired(&house, &account, Some(last)).await;
    nobody_rotates(&house, &one, begun).await;
    one.rotate_now("ada", PATIENCE).await.expect("the chain goes on");
}

#[tokio::test]
async fn with_nobody_left_who_remembers_the_whole_time_is_kept() {
    let mut house = House::unlimited().await;
    let account = house.import("ada").await;
    let one = house.tokens_with("one", short()).await;
    token(&one, &account).await;
    one.shutdown().await;
    drop(one);
    house.redis.kill();
    house.redis.restart().expect("starts again");
    let next = house.tokens_with("next", short()).await;
    let begun = Instant::now();
    next.rotate_now("ada", PATIENCE).await.expect("a token");
    assert!(begun.elapsed() > SHORT - Duration::from_millis(500), "{:?}", begun.elapsed());
}
