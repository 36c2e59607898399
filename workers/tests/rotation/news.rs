//! Messages between daemons.

use std::time::{Duration, Instant};

use zoomd_store::grants::{Epoch, GrantVersion};
use zoomd_store::rotation::Asking;

use crate::house::{House, PATIENCE, token};

/// The numbers of the connections that listen.
pub fn listening(house: &House) -> Vec<String> {
    let list = house.redis.ask(&["CLIENT", "LIST", "TYPE", "pubsub"]).expect("a list");
    let id = |line: &str| Some(line.strip_prefix("id=")?.split(' ').next()?.to_owned());
    list.lines().filter_map(id).collect()
}

/// A renewal means that the server may be another: a subscription that stays with
/// the old one would be deaf.
#[tokio::test]
async fn when_connections_are_renewed_the_subscription_is_too() {
    let house = House::unlimited().await;
    let account = house.import("ada").await;
    let tokens = house.tokens("one").await;
    token(&tokens, &account).await;
    let before = listening(&house);
    assert_eq!(before.len(), 1, "{before:?}");
    // It kills those that send commands, and leaves the one that listens.
    house.redis.ask(&["CLIENT", "KILL", "TYPE", "normal"]).expect("killed");
    let begun = Instant::now();
    let after = loop {
        let now = listening(&house);
        if now.len() == 1 && now != before {
            break now;
        }
        assert!(begun.elapsed() < PATIENCE, "it still listens over {now:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert_ne!(before, after);
    let version = GrantVersion::first(Epoch::choose(1, [], 0));
    let rotations = house.rotations();
    rotations.ask(&account, version, "after", Asking::Command).await.expect("redis");
    while !rotations.is_acknowledged("after").await.expect("redis") {
        assert!(begun.elapsed() < PATIENCE, "it hears nothing");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
