//! Daemons that cannot rotate keep nobody else from it.

use std::time::{Duration, Instant};

use zoomd_store::rotation::{Acquired, Ask, End};
use zoomd_wire::AccountName;
use zoomd_workers::tokens::{RotationSettings, Tokens};

use crate::house::{House, PATIENCE, settings, token, usable};

const LONG: Duration = Duration::from_secs(600);

/// A daemon whose journal is at its bound, and says so.
async fn sick(house: &House) -> Tokens {
    let ada = house.import("ada").await;
    let full = RotationSettings { journal_limit: 500, ..settings() };
    let tokens = house.tokens_with("sick", full).await;
    token(&tokens, &ada).await;
    tokens.journal().check().await;
    assert!(tokens.journal().trouble().is_some());
    tokens
}

/// For how long the account still rests.
async fn rest(house: &House, account: &AccountName) -> Duration {
    let look = house.look(account).await;
    let (owner, until) = look.account.lease.expect("a rest");
    assert_eq!(owner, "-", "somebody has the lease");
    Duration::from_millis(until.saturating_sub(look.now_ms.unsigned_abs()))
}

#[tokio::test]
async fn a_daemon_whose_journal_cannot_be_written_takes_no_lease() {
    let house = House::unlimited().await;
    let tokens = sick(&house).await;
    // Jobs of the account come again and again: the gate is closed for a moment, and others
    // are asked.
    let cyd = house.import("cyd").await;
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(1_700) {
        assert!(usable(&tokens, &cyd).await.is_none());
        let owner = house.look(&cyd).await.account.lease.map(|(owner, _)| owner);
        assert!(owner.as_deref().is_none_or(|owner| owner == "-"), "{owner:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(house.look(&cyd).await.grant.and_then(|grant| grant.last_error), None);
    let healthy = house.tokens("healthy").await;
    let begun = Instant::now();
    while usable(&tokens, &cyd).await.is_none() {
        assert!(begun.elapsed() < PATIENCE, "the healthy one was not asked");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // Zoom said to wait: nobody is asked.
    let bob = house.import("bob").await;
    house.rotations().rest(&bob, LONG).await.expect("redis");
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(1_700) {
        assert!(usable(&tokens, &bob).await.is_none());
        assert!(rest(&house, &bob).await > LONG / 2, "the rest was made shorter");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    drop(healthy);
}

fn ask<'a>(account: &'a AccountName, owner: &'a str) -> Ask<'a> {
    let (lease, settle) = (Duration::from_secs(30), Duration::ZERO);
    Ask { account, owner, lease, hurry: true, settle, mark: "-", run_id: "" }
}

#[tokio::test]
async fn a_rotation_that_came_to_nothing_shortens_no_rest() {
    let house = House::unlimited().await;
    let account = house.import("ada").await;
    let rotations = house.rotations();
    rotations.rest(&account, LONG).await.expect("redis");
    for (n, rest_of) in [Duration::ZERO, Duration::from_secs(5)].into_iter().enumerate() {
        let owner = format!("owner-{n}");
        let got = rotations.acquire(&ask(&account, &owner)).await.expect("redis");
        assert!(matches!(got, Acquired::Got(_)), "{got:?}");
        let end = End { rest: rest_of, ..End::default() };
        rotations.abort(&account, &owner, &end).await.expect("redis");
        let left = rest(&house, &account).await;
        assert!(left > LONG - Duration::from_secs(60) && left <= LONG, "{left:?}");
    }
    let got = rotations.acquire(&ask(&account, "longer")).await.expect("redis");
    assert!(matches!(got, Acquired::Got(_)), "{got:?}");
    let end = End { rest: LONG * 2, ..End::default() };
    rotations.abort(&account, "longer", &end).await.expect("redis");
    assert!(rest(&house, &account).await > LONG);
}

#[tokio::test]
async fn an_error_of_redis_while_requests_fly_gives_the_lease_back() {
    let house = House::unlimited().await;
    let account = house.import("ada").await;
    let long = RotationSettings { lease: LONG, ..settings() };
    let tokens = house.tokens_with("one", long).await;
    let flying = ["ZADD", "zoomd:v1:in_flight:ada", "99999999999999", "a-request"];
    house.redis.ask(&flying).expect("redis answers");
    assert!(usable(&tokens, &account).await.is_none());
    assert!(house.look(&account).await.gate_closed());
    // The wait needs the refused command; releasing the lease does not.
    house.redis.ask(&["ACL", "SETUSER", "default", "-zcount"]).expect("redis answers");
    let begun = Instant::now();
    while house.look(&account).await.gate_closed() {
        assert!(begun.elapsed() < Duration::from_secs(5), "the lease is kept");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
