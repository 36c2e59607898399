//! Probes that somebody asked for: one for each wish, about what he knew of.

use std::time::{Duration, Instant};

use zoom_sim::{Config, Endpoint, Fault, What};
use zoomd_store::rotation::{Asking, OpenIntent};
use zoomd_wire::AccountName;
use zoomd_workers::tokens::RotationSettings;

use crate::house::{House, PATIENCE, settings, usable};

/// Nobody probes by himself.
fn patient() -> RotationSettings {
    let long = Duration::from_secs(600);
    RotationSettings {
        doubt_margin: long,
        answered_pause: long,
        answered_longest: long,
        ..settings()
    }
}

/// Waits until an exchange of the account has ended in doubt, and not the one of `after`.
async fn in_doubt(house: &House, account: &AccountName, after: Option<&OpenIntent>) -> OpenIntent {
    let begun = Instant::now();
    loop {
        let intent = house.rotations().intent(account).await.expect("redis");
        let told = intent.filter(|intent| intent.doubt.is_some());
        if let Some(intent) = told.filter(|open| after.is_none_or(|old| old.id != open.id)) {
            return intent;
        }
        assert!(begun.elapsed() < PATIENCE, "no exchange ended in doubt");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn probe(house: &House, account: &AccountName, nonce: &str, intent: &str) {
    let rotations = house.rotations();
    let version = house.look(account).await.grant.expect("a grant").version;
    rotations.ask(account, version, nonce, Asking::Probe { intent }).await.expect("redis");
    let begun = Instant::now();
    while !rotations.is_acknowledged(nonce).await.expect("redis") {
        assert!(begun.elapsed() < PATIENCE, "nobody says that he heard");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn each_wish_for_a_probe_brings_one_from_one_daemon() {
    let house = House::new(Config::unlimited()).await;
    let account = house.import("ada").await;
    house.sim.fault(Fault::new(Endpoint::Token, What::Status(500)).always());
    let (one, _two) =
        (house.tokens_with("one", patient()).await, house.tokens_with("two", patient()).await);
    assert!(usable(&one, &account).await.is_none());
    let mut open = in_doubt(&house, &account, None).await;
    for n in 1..=5 {
        probe(&house, &account, &format!("nonce-{n}"), &open.id).await;
        open = in_doubt(&house, &account, Some(&open)).await;
    }
    // One about an intent that does not stand any more: somebody else found out.
    probe(&house, &account, "late", "another").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(house.sim.counters().arrived.token, 1 + 5);
    let rotations = house.rotations();
    assert!(!rotations.acknowledge("late", "me").await.expect("redis"), "one of them has it");
}

#[tokio::test]
async fn a_probe_that_is_asked_for_during_an_exchange_follows_it() {
    let house = House::new(Config::unlimited()).await;
    let account = house.import("ada").await;
    house.sim.fault(Fault::new(Endpoint::Token, What::Hang).times(1));
    let tokens = house.tokens_with("one", patient()).await;
    assert!(usable(&tokens, &account).await.is_none());
    house.sim.wait_for(Endpoint::Token, 1).await.expect("it was asked");
    let intent = house.rotations().intent(&account).await.expect("redis").expect("an intent");
    assert!(intent.doubt.is_none(), "the exchange is under way: {intent:?}");
    probe(&house, &account, "nonce", &intent.id).await;
    house.sim.wait_for(Endpoint::Token, 2).await.expect("the probe that was acknowledged");
}
