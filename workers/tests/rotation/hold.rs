//! After Redis came back as another server: who may rotate, and when.

use std::time::{Duration, Instant};

use zoomd_workers::journal::Journal;
use zoomd_workers::tokens::{RotationSettings, Tokens};

use crate::house::{House, PATIENCE, settings, token, usable};
use crate::news::listening;
use crate::trouble::{forget, go_back, repaired, saved};

/// The usual minute.
fn usual() -> RotationSettings {
    RotationSettings { settle_after_restart: Duration::from_secs(60), ..settings() }
}

/// A hold that a test can wait out.
const SHORT: Duration = Duration::from_secs(4);

fn short() -> RotationSettings {
    RotationSettings { settle_after_restart: SHORT, ..settings() }
}

/// Ends a process as a crash would, but that its journal stays locked: nobody speaks
/// for it. Its loops have ended when it listens no more.
async fn died(house: &House, tokens: Tokens) -> Journal {
    let (journal, before, begun) = (tokens.journal().clone(), listening(house), Instant::now());
    drop(tokens);
    while listening(house).len() == before.len() {
        assert!(begun.elapsed() < PATIENCE, "it lives on");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    journal
}

/// Lets each process hear of the others.
async fn acquainted(tokens: &[&Tokens]) {
    let begun = Instant::now();
    while tokens.iter().any(|each| each.acquaintances() < tokens.len()) {
        assert!(begun.elapsed() < PATIENCE, "they do not hear of each other");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// True if Redis knows of a hold that is not over. It does as soon as a daemon has heard of
/// the new run id.
fn is_held(house: &House) -> bool {
    let says = |words: &[&str]| house.redis.ask(words).expect("redis answers");
    let begun = says(&["HGET", "zoomd:v1:meta", "run_at"]);
    begun.lines().nth(1).is_some_and(|ms| ms != "0")
        && says(&["HEXISTS", "zoomd:v1:hold", "over"]) == ":0\r\n"
}

/// Waits until a hold has begun, or is over.
async fn until_held(house: &House, held: bool) {
    let begun = Instant::now();
    while is_held(house) != held {
        assert!(begun.elapsed() < PATIENCE, "the hold is too long: {held}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Asks for rotations until the short hold that began at `begun` is nearly over, and
/// finds that no token call leaves.
async fn nobody_rotates(house: &House, tokens: &Tokens, begun: Instant) {
    let asked = house.sim.counters().arrived.token;
    let mut tries = 0;
    while begun.elapsed() < SHORT - Duration::from_millis(500) {
        let _ = tokens.rotate_now("ada", Duration::from_millis(100)).await;
        assert_eq!(house.sim.counters().arrived.token, asked, "{:?}", begun.elapsed());
        tries += 1;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(tries > 0, "the hold was over before anybody could ask for a rotation");
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
    let asked = house.sim.counters().arrived.token;
    until_held(&house, true).await;
    one.rotate_now("ada", PATIENCE).await.expect("a token");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(house.sim.counters().arrived.token, asked + 1, "it was rotated");
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
    // A silent daemon: its journal is locked, and nobody speaks for it.
    let journal = died(&house, two).await;
    house.redis.kill();
    house.redis.restart().expect("starts again");
    let begun = Instant::now();
    while usable(&one, &account).await.is_none() {
        assert!(begun.elapsed() < Duration::from_secs(5), "it waits for the hold");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let asked = house.sim.counters().arrived.token;
    until_held(&house, true).await;
    for _ in 0..20 {
        assert!(is_held(&house), "nobody speaks for the silent one");
        assert!(usable(&one, &account).await.is_some(), "the token lives");
        assert!(!house.look(&account).await.gate_closed());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let _ = one.rotate_now("ada", Duration::from_millis(300)).await;
    assert_eq!(house.sim.counters().arrived.token, asked, "and nobody rotates");
    drop(journal);
}

#[tokio::test]
async fn who_takes_a_journal_over_reports_for_it_when_redis_has_what_it_held() {
    let mut house = House::unlimited().await;
    let (ada, bob) = (house.import("ada").await, house.import("bob").await);
    let one = house.tokens_with("one", usual()).await;
    token(&one, &ada).await;
    token(&one, &bob).await;
    let old = saved(&mut house);
    let two = house.tokens_with("two", usual()).await;
    acquainted(&[&one, &two]).await;
    let last = two.rotate_now("bob", PATIENCE).await.expect("a token").version;
    let journal = died(&house, two).await;
    go_back(&mut house, &old);
    until_held(&house, true).await;
    // Redis takes no token of bob's.
    for words in
        [&["DEL", "zoomd:v1:timeline:bob"][..], &["SET", "zoomd:v1:timeline:bob", "broken"]]
    {
        house.redis.ask(words).expect("redis answers");
    }
    let file = house.disk.path().join("journal/zoomd.two.journal");
    assert!(file.exists());
    drop(journal);
    let begun = Instant::now();
    while file.exists() {
        assert!(begun.elapsed() < PATIENCE, "nobody takes it over");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let taken = Instant::now();
    while taken.elapsed() < Duration::from_millis(2_500) {
        assert!(is_held(&house), "it reported before redis had the dead one's token");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    house.redis.ask(&["DEL", "zoomd:v1:timeline:bob"]).expect("redis answers");
    repaired(&house, &bob, Some(last)).await;
    until_held(&house, false).await;
    assert!(house.sim.counters().broken.none(), "{:?}", house.sim.violations());
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
    let journal = died(&house, two).await;
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
async fn a_redis_that_forgot_everything_is_held_for_the_whole_time() {
    let mut house = House::unlimited().await;
    let account = house.import("ada").await;
    let one = house.tokens_with("one", short()).await;
    let first = token(&one, &account).await.version;
    let two = house.tokens_with("two", short()).await;
    acquainted(&[&one, &two]).await;
    let last = two.rotate_now("ada", PATIENCE).await.expect("a token").version;
    let journal = died(&house, two).await;
    forget(&mut house);
    let begun = Instant::now();
    // The journal at hand brings the account back, with the token that is spent.
    while house.rotations().look(&account).await.expect("redis").is_none() {
        assert!(begun.elapsed() < PATIENCE, "nobody brings it back");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(house.look(&account).await.grant.map(|grant| grant.version), Some(first));
    nobody_rotates(&house, &one, begun).await;
    assert_eq!(house.spent(), 0);
    drop(journal);
    repaired(&house, &account, Some(last)).await;
    one.rotate_now("ada", PATIENCE).await.expect("the chain goes on");
    assert!(house.sim.counters().broken.none(), "{:?}", house.sim.violations());
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
    // Journal entries are committed immediately: that is no rotation.
    repaired(&house, &account, Some(last)).await;
    until_held(&house, true).await;
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
