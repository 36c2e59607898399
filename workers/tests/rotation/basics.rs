//! Nothing goes wrong here.

use std::time::{Duration, Instant};

use zoom_sim::Endpoint;
use zoom_sim::{App, Config, Fault, What};
use zoomd_store::grants::{AccountState, NewGrant};
use zoomd_workers::consent::issuer;
use zoomd_workers::tasks::Cron;
use zoomd_workers::tasks::keepalive::{self, KeepAlive};
use zoomd_workers::tokens::{Refused, RotationSettings, Tokens};

use crate::house::{House, PATIENCE, name, settings, token, usable};

#[tokio::test]
async fn an_imported_token_is_rotated_once_and_its_access_token_works() {
    let house = House::unlimited().await;
    let account = house.import("ada").await;
    let tokens = house.tokens("one").await;
    assert!(usable(&tokens, &account).await.is_none(), "nobody waits in his slot");
    let got = token(&tokens, &account).await;
    let answer = house.client().users_me(&got.access).await.expect("an answer");
    assert_eq!(answer.status, 200);
    assert_eq!(house.sim.rotations("ada"), 1);
    let look = house.look(&account).await;
    assert!(!look.gate_closed(), "{look:?}");
    let grant = look.grant.expect("a grant");
    assert_eq!((grant.version.generation, grant.version), (1, got.version));
    assert!(grant.parent_fp.is_some_and(|parent| parent != grant.fp));
    assert!(house.sim.counters().broken.none(), "{:?}", house.sim.violations());
    tokens.shutdown().await;
}

#[tokio::test]
async fn a_thousand_jobs_of_one_account_cost_one_token_call() {
    let house = House::unlimited().await;
    let account = house.import("ada").await;
    let (one, two) = (house.tokens("one").await, house.tokens("two").await);
    let jobs = (0..1_000).map(|job| {
        let tokens = if job % 2 == 0 { one.clone() } else { two.clone() };
        let account = account.clone();
        tokio::spawn(async move { token(&tokens, &account).await.version })
    });
    let mut versions = Vec::new();
    for job in jobs.collect::<Vec<_>>() {
        versions.push(job.await.expect("a token"));
    }
    versions.dedup();
    assert_eq!(versions.len(), 1);
    assert_eq!(house.sim.counters().arrived.token, 1);
    assert!(house.sim.counters().broken.none());
}

#[tokio::test]
async fn a_refused_token_is_rotated_unless_it_is_young() {
    let mut config = Config::unlimited();
    config.rules.tokens.access_ttl_ms = 3_000;
    let house = House::new(config).await;
    let account = house.import("ada").await;
    let tokens = house.tokens("one").await;
    let first = token(&tokens, &account).await;
    assert_eq!(tokens.refused(account.as_str(), first.version).await, Refused::TooYoung);
    assert_eq!(house.sim.rotations("ada"), 1);
    tokio::time::sleep(Duration::from_millis(400)).await;
    house.sim.kill_access_token("ada");
    assert_eq!(tokens.refused(account.as_str(), first.version).await, Refused::Replaced);
    let second = token(&tokens, &account).await;
    assert!(second.version > first.version);
    // The first one's refusal is told again, late: nothing is rotated for it.
    assert_eq!(tokens.refused(account.as_str(), first.version).await, Refused::Replaced);
    assert_eq!(token(&tokens, &account).await.version, second.version);
    assert_eq!(house.sim.rotations("ada"), 2);
}

/// Number of token requests to Zoom while jobs come all the time.
async fn asked_within(ttl_ms: i64, stays: Duration, time: Duration) -> u64 {
    let mut config = Config::unlimited();
    config.rules.tokens.access_ttl_ms = ttl_ms;
    let house = House::new(config).await;
    let account = house.import("ada").await;
    let settings = RotationSettings { least_between: stays, ..settings() };
    let tokens = house.tokens_with("one", settings).await;
    token(&tokens, &account).await;
    let begun = Instant::now();
    while begun.elapsed() < time {
        let _ = usable(&tokens, &account).await;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    house.sim.counters().arrived.token
}

#[tokio::test]
async fn a_life_of_nothing_is_taken_for_an_hour() {
    // The simulator writes 0.9 s as 0.
    let asked = asked_within(900, Duration::ZERO, Duration::from_millis(600)).await;
    assert_eq!(asked, 1);
}

#[tokio::test]
async fn a_life_of_a_second_brings_no_more_rotations_than_the_floor_allows() {
    let floor = Duration::from_millis(1_500);
    let asked = asked_within(1_000, floor, Duration::from_millis(2_500)).await;
    assert_eq!(asked, 2, "one at once, and one after the floor");
}

#[tokio::test]
async fn a_reply_without_a_refresh_token_keeps_the_old_one() {
    let house = House::unlimited().await;
    let account = house.import("ada").await;
    let without = ["refresh_token", "scope", "expires_in"].map(String::from).to_vec();
    house.sim.fault(Fault::new(Endpoint::Token, What::TokenWithout(without)));
    let tokens = house.tokens("one").await;
    let first = token(&tokens, &account).await;
    let kept = house.look(&account).await.grant.expect("a grant");
    let again = tokens.rotate_now(account.as_str(), PATIENCE).await.expect("a token");
    assert!(again.version > first.version);
    let grant = house.look(&account).await.grant.expect("a grant");
    assert_ne!(grant.fp, kept.fp);
    assert_eq!(grant.parent_fp, Some(kept.fp));
    assert!(house.sim.counters().broken.none(), "{:?}", house.sim.violations());
}

#[tokio::test]
async fn a_server_to_server_app_shares_one_token() {
    let mut config = Config::unlimited();
    config.apps.push(App::server_to_server("s2s", "s2s-secret", "zoom-acc"));
    let house = House::new(config).await;
    let account = name("corp");
    let (client, secret) = (house.client(), "s2s-secret".to_owned().into());
    let new =
        NewGrant::server_to_server(account.clone(), "zoom-acc", "s2s", secret, &issuer(&client));
    house.grants().await.add(&new, true).await.expect("stored");
    let tokens = house.tokens("one").await;
    let jobs: Vec<_> = (0..200)
        .map(|_| {
            let (tokens, account) = (tokens.clone(), account.clone());
            tokio::spawn(async move { token(&tokens, &account).await.version })
        })
        .collect();
    for job in jobs {
        job.await.expect("a token");
    }
    assert_eq!(house.sim.counters().s2s_tokens, 1);
    let again = tokens.rotate_now("corp", PATIENCE).await.expect("a token");
    assert_eq!(again.version.generation, 2);
    assert_eq!(house.sim.counters().s2s_tokens, 2);
}

#[tokio::test]
async fn another_program_gets_a_token_that_lives_long_enough() {
    let house = House::unlimited().await;
    let account = house.import("ada").await;
    let tokens = house.tokens("cli").await;
    let minutes = Duration::from_secs(300);
    let got = tokens.token_for_cli("ada", minutes, PATIENCE).await.expect("a token");
    let same = tokens.token_for_cli("ada", minutes, PATIENCE).await.expect("a token");
    assert_eq!(got.version, same.version);
    let hours = Duration::from_secs(86_400);
    let most = tokens.token_for_cli("ada", hours, PATIENCE).await.expect("all a token has");
    assert_eq!(most.version, same.version);
    let none = tokens.token_for_cli("nobody", minutes, PATIENCE).await;
    assert!(matches!(none, Err(zoomd_workers::tokens::NoToken::NoAccount)), "{none:?}");
    house.until_state(&account, AccountState::Active).await;
}

#[tokio::test]
async fn idle_grants_are_rotated_once_a_period_and_fresh_ones_left_alone() {
    let house = House::unlimited().await;
    for user in ["ada", "bob", "cyd"] {
        house.import(user).await;
    }
    let config = house.config("one").await;
    let clock = config.store.clock().clone();
    let tokens = Tokens::start(config).await.expect("tokens");
    let how = KeepAlive { periods: Cron::weekly(), spread: Duration::ZERO };
    let kept = keepalive::run(&tokens, how.clone()).await.expect("redis");
    assert_eq!((kept.seen, kept.rotated, kept.failed), (3, 0, 0), "they were just connected");
    let half_a_day = 12 * 3_600_000;
    for halves in 1..=28 {
        clock.set_ms(halves * half_a_day);
        if halves % 4 == 0 {
            // Bob's is in use.
            let wish = tokens.rotate_now("bob", PATIENCE).await;
            assert!(wish.is_ok(), "{wish:?}");
        }
        let kept = keepalive::run(&tokens, how.clone()).await.expect("redis");
        assert_eq!(kept.failed, 0, "{kept:?}");
    }
    // Two weeks touch two periods or three.
    for idle in ["ada", "cyd"] {
        let rotations = house.sim.rotations(idle);
        assert!((1..=3).contains(&rotations), "{idle}: {rotations}");
    }
    assert_eq!(house.sim.rotations("bob"), 7);
    assert!(house.sim.counters().broken.none());
}
