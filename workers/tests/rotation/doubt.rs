//! Replies that do not come.

use std::time::Duration;

use zoom_sim::{Config, Endpoint, Fault, Reuse, What};
use zoomd_store::grants::AccountState;
use zoomd_workers::tokens::NoToken;

use crate::house::{House, PATIENCE, settings, token, usable};

async fn house(reuse: Reuse) -> House {
    let mut config = Config::unlimited();
    config.rules.tokens.reuse = reuse;
    House::new(config).await
}

#[tokio::test]
async fn a_reply_lost_on_the_network_is_found_out_by_one_probe() {
    for reuse in [Reuse::Strict, Reuse::RevokeFamily] {
        let house = house(reuse).await;
        let account = house.import("ada").await;
        house.sim.fault(Fault::token_reply_lost());
        let tokens = house.tokens("one").await;
        assert!(usable(&tokens, &account).await.is_none());
        let look = house.until_state(&account, AccountState::NeedsReauth).await;
        assert_eq!(look.account.why.as_deref(), Some("reply_lost"));
        assert!(!look.gate_closed());
        assert_eq!(house.spent(), 1, "the probe alone presents a spent token");
        assert_eq!(house.sim.counters().arrived.token, 2);
        let story = house.grants().await.timeline(&account, 10).await.expect("redis");
        let words: Vec<_> = story.iter().map(|line| line.what.as_str()).collect();
        assert_eq!(words[..4], ["verdict", "probing", "in doubt", "rotating"]);
    }
}

#[tokio::test]
async fn a_tolerant_zoom_takes_the_probe() {
    let house = house(Reuse::Tolerant(1)).await;
    let account = house.import("ada").await;
    house.sim.fault(Fault::token_reply_lost());
    let tokens = house.tokens("one").await;
    let got = token(&tokens, &account).await;
    assert_eq!(house.client().users_me(&got.access).await.expect("an answer").status, 200);
    assert_eq!(house.spent(), 1);
}

#[tokio::test]
async fn a_failure_of_zooms_that_spent_nothing_costs_nothing() {
    for what in [What::Status(503), What::Html(502), What::Drop, What::Hang, What::Reset] {
        let house = house(Reuse::Strict).await;
        let account = house.import("ada").await;
        house.sim.fault(Fault::new(Endpoint::Token, what.clone()));
        let tokens = house.tokens("one").await;
        assert!(usable(&tokens, &account).await.is_none());
        token(&tokens, &account).await;
        assert_eq!(house.sim.counters().arrived.token, 2, "{what:?}: one probe");
        assert!(house.sim.counters().broken.none(), "{what:?}");
    }
}

#[tokio::test]
async fn while_in_doubt_nobody_presents_the_token_and_the_gate_is_closed() {
    let house = house(Reuse::Strict).await;
    let account = house.import("ada").await;
    house.sim.fault(Fault::new(Endpoint::Token, What::Status(500)).times(1));
    let patient = zoomd_workers::tokens::RotationSettings {
        doubt_margin: Duration::from_secs(600),
        ..settings()
    };
    let (one, two) =
        (house.tokens_with("one", patient.clone()).await, house.tokens_with("two", patient).await);
    assert!(usable(&one, &account).await.is_none());
    house.sim.wait_for(Endpoint::Token, 1).await.expect("it was asked");
    let begun = std::time::Instant::now();
    while begun.elapsed() < Duration::from_millis(600) {
        assert!(usable(&one, &account).await.is_none());
        assert!(usable(&two, &account).await.is_none());
        assert!(house.look(&account).await.gate_closed());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(house.sim.counters().arrived.token, 1);
}

#[tokio::test]
async fn an_answer_that_proves_the_token_unspent_is_no_doubt() {
    let house = house(Reuse::Strict).await;
    let account = house.import("ada").await;
    let limited = What::Body {
        status: 429,
        content_type: "application/json".into(),
        body: r#"{"reason":"slow down"}"#.into(),
    };
    house.sim.fault(Fault::new(Endpoint::Token, limited));
    let tokens = house.tokens("one").await;
    assert!(usable(&tokens, &account).await.is_none());
    let begun = std::time::Instant::now();
    token(&tokens, &account).await;
    assert!(begun.elapsed() < Duration::from_secs(1), "it rested, no more");
    assert!(house.sim.counters().broken.none());
}

#[tokio::test]
async fn a_silent_host_is_given_up_only_after_long() {
    let house = house(Reuse::Strict).await;
    let account = house.import("ada").await;
    // A host that wrote its intent and was never heard of again.
    let rotations = house.rotations();
    let ask = zoomd_store::rotation::Ask {
        account: &account,
        owner: "dead",
        lease: Duration::from_secs(1),
        hurry: false,
        settle: Duration::ZERO,
        mark: "-",
    };
    let held = rotations.acquire(&ask).await.expect("redis");
    let zoomd_store::rotation::Acquired::Got(held) = held else { panic!("{held:?}") };
    let stored = zoomd_store::rotation::Stored { version: held.grant.version, fp: held.grant.fp };
    let intending = zoomd_store::rotation::Intending {
        account: &account,
        owner: "dead",
        lease: Duration::from_secs(1),
        id: "dead-1",
        host: "dead",
        stored,
        presented: held.grant.fp,
        instead_of: None,
        line: zoomd_store::grants::Line::new("rotating"),
    };
    rotations.intend(&intending).await.expect("redis");
    let tokens = house.tokens("one").await;
    let begun = std::time::Instant::now();
    token(&tokens, &account).await;
    assert!(begun.elapsed() > Duration::from_secs(3), "{:?}", begun.elapsed());
    assert!(house.sim.counters().broken.none());
}

#[tokio::test]
async fn a_token_zoom_refuses_parks_the_account_and_a_new_consent_frees_it() {
    let house = house(Reuse::Strict).await;
    let account = house.import("ada").await;
    let tokens = house.tokens("one").await;
    token(&tokens, &account).await;
    house.sim.revoke("ada");
    let refused = tokens.rotate_now("ada", PATIENCE).await;
    assert!(matches!(refused, Err(NoToken::State { .. })), "{refused:?}");
    let story = house.grants().await.timeline(&account, 1).await.expect("redis");
    let detail = story[0].detail.as_deref().unwrap_or_default();
    assert!(detail.starts_with("refused, ") && detail.contains(" s old: "), "{detail}");
    let look = house.until_state(&account, AccountState::NeedsReauth).await;
    assert_eq!(look.account.why.as_deref(), Some("refused"));
    let asked = house.sim.counters().arrived.token;
    assert!(usable(&tokens, &account).await.is_none());
    assert_eq!(house.sim.counters().arrived.token, asked, "a dead grant is not presented again");
    house.import("ada").await;
    token(&tokens, &account).await;
}
