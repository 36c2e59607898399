//! Replies that do not come.

use std::time::{Duration, Instant};

use zoom_sim::{Config, Endpoint, Fault, Reuse, What};
use zoomd_store::grants::AccountState;
use zoomd_wire::AccountName;
use zoomd_workers::tokens::{CommandTokens, NoToken, RotationSettings};

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

/// Waits until Zoom was asked for a token so often.
async fn asked(house: &House, times: u64) {
    house.sim.wait_for(Endpoint::Token, times).await.expect("it was asked");
}

#[tokio::test]
async fn with_the_usual_times_a_500_costs_the_account_less_than_5_s() {
    let house = house(Reuse::Strict).await;
    let account = house.import("ada").await;
    house.sim.fault(Fault::new(Endpoint::Token, What::Status(500)));
    let tokens = house.tokens_with("one", RotationSettings::default()).await;
    let begun = Instant::now();
    token(&tokens, &account).await;
    let took = begun.elapsed();
    assert!(took > Duration::from_secs(2) && took < Duration::from_secs(5), "{took:?}");
    assert!(house.sim.counters().broken.none());
}

#[tokio::test]
async fn after_an_answer_of_the_token_server_probes_follow_at_doubling_pauses() {
    let house = house(Reuse::Strict).await;
    let account = house.import("ada").await;
    house.sim.fault(Fault::new(Endpoint::Token, What::Status(503)).times(3));
    // Nobody waits for the time an exchange takes, and a successor goes on.
    let quick = RotationSettings { doubt_margin: Duration::from_secs(600), ..settings() };
    let one = house.tokens_with("one", quick.clone()).await;
    assert!(usable(&one, &account).await.is_none());
    let begun = Instant::now();
    asked(&house, 2).await;
    one.shutdown().await;
    drop(one);
    let two = house.tokens_with("two", quick).await;
    token(&two, &account).await;
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(1_400), "after 200, 400 and 800 ms, not {took:?}");
    assert_eq!(house.sim.counters().arrived.token, 4);
    assert!(house.sim.counters().broken.none());
}

#[tokio::test]
async fn after_a_gateways_answer_the_daemon_waits_by_itself_until_an_exchange_is_over() {
    for what in [What::Html(502), What::Html(503), What::Status(504)] {
        let house = house(Reuse::Strict).await;
        let account = house.import("ada").await;
        house.sim.fault(Fault::new(Endpoint::Token, what.clone()));
        let patient = RotationSettings { probe_after: Duration::from_secs(600), ..settings() };
        let tokens = house.tokens_with("one", patient).await;
        assert!(usable(&tokens, &account).await.is_none());
        let begun = Instant::now();
        token(&tokens, &account).await;
        assert!(begun.elapsed() > Duration::from_millis(900), "{what:?}: {:?}", begun.elapsed());
        assert_eq!(house.sim.counters().arrived.token, 2, "{what:?}");
    }
}

#[tokio::test]
async fn a_rotation_that_zoom_rolls_back_after_a_500_costs_no_account() {
    let house = house(Reuse::Strict).await;
    let account = house.import("ada").await;
    // The probe after 200 ms finds the token spent, which it is not for long.
    house.sim.fault(Fault::rolled_back(500, 900));
    let tokens = house.tokens("one").await;
    assert!(usable(&tokens, &account).await.is_none());
    asked(&house, 2).await;
    let begun = Instant::now();
    let got = loop {
        if let Some(token) = usable(&tokens, &account).await {
            break token;
        }
        let look = house.look(&account).await;
        assert_eq!(look.account.state, AccountState::Active, "no verdict");
        assert!(begun.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert_eq!(house.client().users_me(&got.access).await.expect("an answer").status, 200);
    assert_eq!((house.sim.counters().arrived.token, house.spent()), (3, 1));
    let story = house.grants().await.timeline(&account, 10).await.expect("redis");
    let words: Vec<_> = story.iter().map(|line| line.what.as_str()).collect();
    let wanted = [
        "token refresh: a retry resolved an unresolved exchange",
        "probing",
        "refused early",
        "probing",
        "in doubt",
        "rotating",
    ];
    assert_eq!(words[..6], wanted);
}

#[tokio::test]
async fn a_failed_refresh_that_ends_after_the_probe_costs_no_account() {
    let house = house(Reuse::Strict).await;
    let account = house.import("ada").await;
    house.sim.fault(Fault::ends_late(500, 900));
    let tokens = house.tokens("one").await;
    let first = token(&tokens, &account).await;
    assert_eq!(house.sim.counters().arrived.token, 2, "the probe brought it");
    let begun = Instant::now();
    while house.client().users_me(&first.access).await.expect("an answer").status == 200 {
        assert!(begun.elapsed() < PATIENCE, "zoom's first exchange does not end");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokens.refused("ada", first.version).await;
    let got = token(&tokens, &account).await;
    assert_eq!(house.client().users_me(&got.access).await.expect("an answer").status, 200);
    assert_eq!(house.sim.counters().arrived.token, 4, "the stored one, then the spare");
    tokens.rotate_now("ada", PATIENCE).await.expect("the chain goes on");
    assert!(house.look(&account).await.grant.expect("a grant").candidates.is_empty());
}

#[tokio::test]
async fn a_probe_that_is_told_to_wait_leaves_the_doubt_as_it_is() {
    let house = house(Reuse::Strict).await;
    let account = house.import("ada").await;
    house.sim.fault(Fault::rolled_back(500, 900));
    let limited = What::TokenError { status: 429, error: "slow".into(), reason: None };
    house.sim.fault(Fault::new(Endpoint::Token, limited));
    let tokens = house.tokens("one").await;
    assert!(usable(&tokens, &account).await.is_none());
    asked(&house, 1).await;
    let begun = Instant::now();
    while house.sim.counters().arrived.token < 3 {
        let look = house.look(&account).await;
        assert!(look.account.intent.is_some(), "the gate is closed: {look:?}");
        assert!(begun.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    token(&tokens, &account).await;
}

#[tokio::test]
async fn while_in_doubt_nobody_presents_the_token_and_the_gate_is_closed() {
    let house = house(Reuse::Strict).await;
    let account = house.import("ada").await;
    house.sim.fault(Fault::new(Endpoint::Token, What::Html(502)));
    let patient = RotationSettings { doubt_margin: Duration::from_secs(600), ..settings() };
    let (one, two) =
        (house.tokens_with("one", patient.clone()).await, house.tokens_with("two", patient).await);
    assert!(usable(&one, &account).await.is_none());
    house.sim.wait_for(Endpoint::Token, 1).await.expect("it was asked");
    let begun = Instant::now();
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
    let begun = Instant::now();
    token(&tokens, &account).await;
    assert!(begun.elapsed() < Duration::from_secs(1), "it rested, no more");
    assert!(house.sim.counters().broken.none());
}

/// A host that writes its intent and is never heard of again.
async fn silent_host(house: &House, account: &AccountName, silence: Duration) {
    let rotations = house.rotations();
    let ask = zoomd_store::rotation::Ask {
        account,
        owner: "dead",
        lease: Duration::from_millis(300),
        hurry: false,
        settle: Duration::ZERO,
        mark: "-",
        run_id: "",
    };
    let held = rotations.acquire(&ask).await.expect("redis");
    let zoomd_store::rotation::Acquired::Got(held) = held else { panic!("{held:?}") };
    let stored = zoomd_store::rotation::Stored { version: held.grant.version, fp: held.grant.fp };
    let intending = zoomd_store::rotation::Intending {
        account,
        owner: "dead",
        lease: Duration::from_millis(300),
        id: "dead-1",
        host: "dead",
        stored,
        presented: held.grant.fp,
        instead_of: None,
        silence,
        line: zoomd_store::grants::Line::new("rotating"),
    };
    rotations.intend(&intending).await.expect("redis");
}

#[tokio::test]
async fn a_silent_host_is_given_up_only_after_long() {
    let house = house(Reuse::Strict).await;
    let account = house.import("ada").await;
    silent_host(&house, &account, Duration::from_secs(4)).await;
    let tokens = house.tokens("one").await;
    let begun = Instant::now();
    token(&tokens, &account).await;
    assert!(begun.elapsed() > Duration::from_secs(3), "{:?}", begun.elapsed());
    assert!(house.sim.counters().broken.none());
}

#[tokio::test]
async fn a_command_says_how_long_a_doubt_lasts_and_probes_at_once_when_told_to() {
    let house = house(Reuse::Strict).await;
    let account = house.import("ada").await;
    silent_host(&house, &account, Duration::from_secs(600)).await;
    let tokens = house.tokens("one").await;
    let begun = Instant::now();
    while house.look(&account).await.is_leased() {
        assert!(begun.elapsed() < PATIENCE, "the dead one's lease does not end");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let command = CommandTokens::new(house.config("cli").await);
    let begun = Instant::now();
    let refused = command.rotate(&account, false, Duration::from_secs(120)).await;
    assert!(begun.elapsed() < Duration::from_secs(5), "it waits in vain");
    let Err(NoToken::InDoubt { told, wait }) = refused else { panic!("{refused:?}") };
    assert!(told.contains("dead") && wait > Duration::from_secs(500), "{told} {wait:?}");
    assert!(usable(&tokens, &account).await.is_none());
    command.rotate(&account, true, PATIENCE).await.expect("zoom was asked");
    assert!(house.sim.counters().broken.none());
    token(&tokens, &account).await;
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

#[tokio::test]
async fn hundreds_that_wait_for_a_silent_host_keep_nobody_from_being_probed() {
    let house = house(Reuse::Strict).await;
    let account = house.import("ada").await;
    let far = "99999999999999";
    for n in 0..300 {
        let (name, key) = (format!("a{n}"), format!("zoomd:v1:intent:a{n}"));
        let intent = ["HSET", &key, "id", "x", "host", "dead", "at", "1", "due", far];
        house.redis.ask(&intent).expect("redis answers");
        house.redis.ask(&["ZADD", "zoomd:v1:intents", "1", &name]).expect("redis answers");
        house.redis.ask(&["ZADD", "zoomd:v1:probes", far, &name]).expect("redis answers");
    }
    house.sim.fault(Fault::new(Endpoint::Token, What::Status(500)));
    let tokens = house.tokens("one").await;
    // The intent closes the gate, so that no job asks for a token.
    assert!(usable(&tokens, &account).await.is_none());
    let begun = Instant::now();
    asked(&house, 2).await;
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_host_answers_for_an_intent_of_its_own_that_came_back() {
    let house = house(Reuse::Strict).await;
    let account = house.import("ada").await;
    let long = Duration::from_secs(600);
    let patient = RotationSettings { probe_after: long, doubt_margin: long, ..settings() };
    let tokens = house.tokens_with("one", patient).await;
    token(&tokens, &account).await;
    // Redis went back to a moment in which a rotation was under way that is over.
    let now = house.look(&account).await.now_ms.to_string();
    let intent = ["HSET", "zoomd:v1:intent:ada", "id", "ghost", "host", "one", "at", &now];
    house.redis.ask(&intent).expect("redis answers");
    house.redis.ask(&["HSET", "zoomd:v1:account:ada", "int", "ghost"]).expect("redis answers");
    house.redis.ask(&["ZADD", "zoomd:v1:intents", &now, "ada"]).expect("redis answers");
    let begun = Instant::now();
    loop {
        let open = house.rotations().intent(&account).await.expect("redis").expect("it stands");
        if open.doubt.is_some() {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "the host says nothing");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
