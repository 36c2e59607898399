//! Redis, the disk or the configuration in trouble.

use std::path::Path;
use std::time::Duration;

use zoom_sim::{Endpoint, Fault, What};
use zoomd_store::encryption::KeyRing;
use zoomd_store::grants::{AccountState, Epoch, GrantVersion};
use zoomd_store::inspect::Ops;
use zoomd_store::listener::Heard;
use zoomd_store::meta;
use zoomd_store::rotation::Asking;
use zoomd_wire::AccountName;
use zoomd_workers::tokens::{CommandTokens, NoToken, RotationSettings, TokensConfig};

use crate::house::{House, PATIENCE, settings, token, usable};

#[tokio::test]
async fn redis_gone_at_the_commit_loses_nothing() {
    let mut house = House::unlimited().await;
    let account = house.import("ada").await;
    let tokens = house.tokens("one").await;
    let held = house.sim.fault(Fault::new(Endpoint::Token, What::DelayMs(300)).after());
    assert!(usable(&tokens, &account).await.is_none());
    house.sim.wait_for(Endpoint::Token, 1).await.expect("it was asked");
    house.redis.kill();
    let _ = held;
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert!(usable(&tokens, &account).await.is_none());
    house.redis.restart().expect("starts again");
    token(&tokens, &account).await;
    assert_eq!(house.sim.counters().arrived.token, 1, "committed, not rotated again");
    assert!(house.sim.counters().broken.none());
}

#[tokio::test]
async fn a_stopping_daemon_leaves_a_staged_token_to_its_successor() {
    let mut house = House::unlimited().await;
    let account = house.import("ada").await;
    let tokens = house.tokens("one").await;
    house.sim.fault(Fault::new(Endpoint::Token, What::DelayMs(300)).after());
    assert!(usable(&tokens, &account).await.is_none());
    house.sim.wait_for(Endpoint::Token, 1).await.expect("it was asked");
    house.redis.kill();
    tokio::time::timeout(PATIENCE, tokens.shutdown()).await.expect("staged, so it may end");
    drop(tokens);
    house.redis.restart().expect("starts again");
    let next = house.tokens("two").await;
    token(&next, &account).await;
    assert_eq!(house.sim.counters().arrived.token, 1);
    assert!(house.sim.counters().broken.none());
}

/// The log of Redis as it is now.
pub fn saved(house: &mut House) -> tempfile::TempDir {
    house.redis.stop();
    let old = tempfile::tempdir().expect("a folder");
    copy(&house.redis.dir().join("appendonlydir"), old.path());
    house.redis.restart().expect("starts again");
    old
}

/// Redis dies and comes back with an old log.
pub fn go_back(house: &mut House, old: &tempfile::TempDir) {
    house.redis.kill();
    copy(old.path(), &house.redis.dir().join("appendonlydir"));
    house.redis.restart().expect("starts again");
}

/// Waits until Redis has the grant of `version` again.
pub async fn repaired(house: &House, account: &AccountName, version: Option<GrantVersion>) {
    let begun = std::time::Instant::now();
    while house.look(account).await.grant.map(|grant| grant.version) != version {
        assert!(begun.elapsed() < PATIENCE, "not repaired");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_store_that_went_back_is_repaired_without_consent() {
    let mut house = House::unlimited().await;
    let account = house.import("ada").await;
    let tokens = house.tokens("one").await;
    token(&tokens, &account).await;
    let old = saved(&mut house);
    let mut version = None;
    for _ in 0..3 {
        let fresh = tokens.rotate_now("ada", PATIENCE).await.expect("a token");
        version = Some(fresh.version);
    }
    go_back(&mut house, &old);
    repaired(&house, &account, version).await;
    let got = token(&tokens, &account).await;
    assert_eq!(house.client().users_me(&got.access).await.expect("an answer").status, 200);
    tokens.rotate_now("ada", PATIENCE).await.expect("the chain goes on");
    assert!(house.sim.counters().broken.none(), "{:?}", house.sim.violations());
}

#[tokio::test]
async fn a_reply_without_a_token_leaves_the_journal_what_it_has() {
    let mut house = House::unlimited().await;
    let account = house.import("ada").await;
    let old = saved(&mut house);
    let tokens = house.tokens("one").await;
    let version = token(&tokens, &account).await.version;
    let limited = What::Body {
        status: 429,
        content_type: "application/json".into(),
        body: r#"{"reason":"slow down"}"#.into(),
    };
    house.sim.fault(Fault::new(Endpoint::Token, limited).times(1));
    let refused = tokens.rotate_now("ada", Duration::from_millis(50)).await;
    assert!(matches!(refused, Err(NoToken::TimedOut(_))), "{refused:?}");
    tokens.shutdown().await;
    drop(tokens);
    go_back(&mut house, &old);
    let next = house.tokens("two").await;
    repaired(&house, &account, Some(version)).await;
    next.rotate_now("ada", PATIENCE).await.expect("the chain goes on");
    assert!(house.sim.counters().broken.none(), "{:?}", house.sim.violations());
}

/// Redis dies and comes back with nothing.
pub fn forget(house: &mut House) {
    house.redis.kill();
    std::fs::remove_dir_all(house.redis.dir().join("appendonlydir")).expect("removed");
    house.redis.restart().expect("starts again");
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for old in std::fs::read_dir(to).expect("a folder") {
        std::fs::remove_file(old.expect("a file").path()).expect("removed");
    }
    for file in std::fs::read_dir(from).expect("a folder") {
        let file = file.expect("a file");
        std::fs::copy(file.path(), to.join(file.file_name())).expect("copied");
    }
}

#[tokio::test]
async fn wrong_credentials_stop_the_app_and_give_up_no_account() {
    let mut house = House::unlimited().await;
    let (ada, bob) = (house.import("ada").await, house.import("bob").await);
    house.secret = "wrong".to_owned();
    let tokens = house.tokens("one").await;
    let why = tokens.rotate_now("ada", Duration::from_millis(300)).await;
    assert!(matches!(why, Err(NoToken::TimedOut(_))), "{why:?}");
    assert!(usable(&tokens, &bob).await.is_none());
    assert_eq!(house.sim.counters().arrived.token, 1, "bob is not even tried");
    for account in [&ada, &bob] {
        assert_eq!(house.look(account).await.account.state, AccountState::Active);
    }
    let ops = Ops::new(house.store());
    assert_eq!(ops.vitals().await.expect("redis").stops.len(), 1);
    house.secret = "sim-secret".to_owned();
    let mended = house.tokens("two").await;
    token(&mended, &bob).await;
    assert!(ops.vitals().await.expect("redis").stops.is_empty());
}

#[tokio::test]
async fn deaths_of_many_are_the_apps_trouble() {
    let house = House::unlimited().await;
    let mut accounts = Vec::new();
    for user in ["a1", "a2", "a3", "a4", "a5", "a6"] {
        accounts.push(house.import(user).await);
        house.sim.revoke(user);
    }
    let tokens = house.tokens("one").await;
    for account in &accounts {
        let _ = tokens.rotate_now(account.as_str(), Duration::from_millis(200)).await;
    }
    let mut parked = 0;
    for account in &accounts {
        parked += u32::from(house.look(account).await.account.state != AccountState::Active);
    }
    assert_eq!(parked, 3, "the fourth says that it is not the accounts");
    assert_eq!(house.sim.counters().arrived.token, 4);
}

#[tokio::test]
async fn a_grant_of_another_app_is_not_presented() {
    let mut house = House::unlimited().await;
    let account = house.import("ada").await;
    let tokens = house.tokens("one").await;
    token(&tokens, &account).await;
    let other = zoom_api::App::new("other-client", "x".to_owned().into());
    let config = TokensConfig { app: Some(other), ..house.config("two").await };
    let stranger = zoomd_workers::tokens::Tokens::start(config).await.expect("tokens");
    let refused = stranger.rotate_now("ada", PATIENCE).await;
    assert!(
        matches!(&refused, Err(NoToken::State { state, .. }) if state == "wrong_app"),
        "{refused:?}"
    );
    house.until_state(&account, AccountState::WrongApp).await;
    tokens.rotate_now("ada", PATIENCE).await.expect("the right app is at work again");
    house.until_state(&account, AccountState::Active).await;
    assert_eq!(house.sim.counters().arrived.token, 2);
    house.namespace.clear();
}

#[tokio::test]
async fn a_command_that_cannot_open_a_token_asks_for_no_rotation() {
    let house = House::unlimited().await;
    let account = house.import("ada").await;
    let daemon = house.tokens("one").await;
    let stored = token(&daemon, &account).await.version;

    let no_app = CommandTokens::new(TokensConfig { app: None, ..house.config("cli-1").await });
    let error = no_app.token(&account, Duration::ZERO, PATIENCE).await.expect_err("no app");
    assert!(matches!(error, NoToken::NoApp), "{error}");
    let vault = meta::open(&house.store(), &KeyRing::default()).await.expect("a namespace");
    let no_key = CommandTokens::new(TokensConfig { vault, ..house.config("cli-2").await });
    let error = no_key.rotate(&account, false, PATIENCE).await.expect_err("no key");
    assert!(matches!(error, NoToken::Sealed(_)), "{error}");

    assert_eq!(token(&daemon, &account).await.version, stored, "nothing was rotated for them");
    let command = CommandTokens::new(house.config("cli-3").await);
    let same = command.token(&account, Duration::ZERO, PATIENCE).await.expect("a token");
    assert_eq!(same.version, stored);
}

#[tokio::test]
async fn a_listener_that_is_no_daemon_keeps_no_command_waiting() {
    let house = House::unlimited().await;
    let account = house.import("ada").await;
    let mut other = house.store().listen(vec![house.store().keys().ask()]);
    assert_eq!(other.next().await, Heard::Missed);
    let command = CommandTokens::new(house.config("cli").await);
    let begun = std::time::Instant::now();
    command.rotate(&account, false, PATIENCE).await.expect("rotated here");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    command.shutdown().await;

    // With a daemon it is the daemon that rotates.
    let daemon = house.tokens("one").await;
    let command = CommandTokens::new(house.config("cli-2").await);
    until_heard(&house, &account).await;
    command.rotate(&account, false, PATIENCE).await.expect("rotated by the daemon");
    let story = house.grants().await.timeline(&account, 1).await.expect("redis");
    assert_eq!(story[0].by.as_deref(), Some("one"), "{story:?}");
    drop(daemon);
}

/// Waits until a daemon acknowledges a wish (for a version that is not stored).
async fn until_heard(house: &House, account: &AccountName) {
    let version = GrantVersion::first(Epoch::choose(1, [], 0));
    let (rotations, begun) = (house.rotations(), std::time::Instant::now());
    for n in 0.. {
        let nonce = format!("nonce-{n}");
        rotations.ask(account, version, &nonce, Asking::Command).await.expect("redis");
        for _ in 0..20 {
            if rotations.is_acknowledged(&nonce).await.expect("redis") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(begun.elapsed() < PATIENCE, "no daemon says that it heard");
    }
}

#[tokio::test]
async fn no_rotation_starts_with_a_full_journal_and_tokens_serve_on() {
    let house = House::unlimited().await;
    let (ada, bob) = (house.import("ada").await, house.import("bob").await);
    let full = RotationSettings { journal_limit: 500, ..settings() };
    let tokens = house.tokens_with("one", full).await;
    let first = token(&tokens, &ada).await;
    let refused = tokens.rotate_now("bob", Duration::from_millis(300)).await;
    assert!(
        matches!(&refused, Err(NoToken::TimedOut(why)) if why.contains("bound")),
        "{refused:?}"
    );
    assert_eq!(token(&tokens, &ada).await.version, first.version);
    assert_eq!(house.sim.counters().arrived.token, 1);
    let look = house.look(&bob).await;
    assert!(look.account.intent.is_none(), "nothing was intended: {look:?}");
}

#[tokio::test]
async fn what_comes_of_a_removed_account_is_erased_and_revoked() {
    let house = House::unlimited().await;
    let account = house.import("ada").await;
    let tokens = house.tokens("one").await;
    house.sim.fault(Fault::new(Endpoint::Token, What::DelayMs(200)).after());
    assert!(usable(&tokens, &account).await.is_none());
    house.sim.wait_for(Endpoint::Token, 1).await.expect("it was asked");
    house.grants().await.remove(&account, "test", None).await.expect("removed");
    let begun = std::time::Instant::now();
    while !tokens.journal().entries().is_empty() || usable(&tokens, &account).await.is_some() {
        assert!(begun.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    house.until_state(&account, AccountState::Removed).await;
    assert!(house.look(&account).await.grant.is_none());
    tokens.shutdown().await;
    let left = std::fs::read_dir(house.disk.path().join("journal")).expect("a folder").count();
    assert_eq!(left, 0, "the journal of a process that ended well is gone");
}

#[tokio::test]
async fn a_removal_erases_what_the_journals_of_all_daemons_hold() {
    let house = House::unlimited().await;
    let account = house.import("ada").await;
    let daemons = [house.tokens("one").await, house.tokens("two").await];
    for tokens in &daemons {
        tokens.rotate_now("ada", PATIENCE).await.expect("a token");
        assert_eq!(tokens.journal().entries().len(), 1);
    }
    house.grants().await.remove(&account, "test", None).await.expect("removed");
    let begun = std::time::Instant::now();
    while daemons.iter().any(|tokens| !tokens.journal().entries().is_empty()) {
        assert!(begun.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn an_account_of_another_app_comes_back_when_its_app_is_configured() {
    let house = House::unlimited().await;
    let account = house.import("ada").await;
    let config = TokensConfig { app: None, ..house.config("stranger").await };
    let stranger = zoomd_workers::tokens::Tokens::start(config).await.expect("tokens");
    assert!(usable(&stranger, &account).await.is_none());
    house.until_state(&account, AccountState::WrongApp).await;
    assert_eq!(house.sim.counters().arrived.token, 0, "nothing is sent");
    let tokens = house.tokens("one").await;
    house.until_state(&account, AccountState::Active).await;
    token(&tokens, &account).await;
}

#[tokio::test]
async fn a_token_endpoint_in_trouble_is_told_until_it_answers() {
    for limited in [true, false] {
        let house = House::unlimited().await;
        let account = house.import("ada").await;
        let fault = if limited {
            let what = What::TokenError { status: 429, error: "slow".into(), reason: None };
            Some(house.sim.fault(Fault::new(Endpoint::Token, what).always()))
        } else {
            house.sim.down().await;
            None
        };
        let tokens = house.tokens("one").await;
        let begun = std::time::Instant::now();
        while tokens.endpoint_in_trouble().is_none() {
            assert!(usable(&tokens, &account).await.is_none());
            assert!(begun.elapsed() < PATIENCE, "nobody says so");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        match fault {
            Some(fault) => assert!(house.sim.clear_fault(fault)),
            None => house.sim.up().await,
        }
        token(&tokens, &account).await;
        assert_eq!(tokens.endpoint_in_trouble(), None);
    }
}
