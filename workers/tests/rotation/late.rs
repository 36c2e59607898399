//! A refusal that a dead process staged, found while nothing may be judged.

use std::time::{Duration, Instant};

use zoom_api::RawTokenReply;
use zoomd_store::grants::{AccountState, Line};
use zoomd_store::rotation::{Acquired, Ask, Beat, Intended, Intending, Stored};
use zoomd_wire::AccountName;
use zoomd_workers::journal::{Journal, Reply, Staged};
use zoomd_workers::tokens::RotationSettings;

use crate::house::{House, PATIENCE, settings, token};

/// The hold, while one who is known is silent.
const HOLD: Duration = Duration::from_secs(3);
const DAY: Duration = Duration::from_secs(86_400);

/// Presents the account's token as process `dead`, which stages a refusal and no more.
async fn refused(house: &House, account: &AccountName) -> Journal {
    let (rotations, vault) = (house.rotations(), house.vault().await);
    let (lease, settle) = (Duration::from_secs(1), Duration::ZERO);
    let ask = Ask { account, owner: "dead", lease, hurry: false, settle, mark: "-", run_id: "" };
    let got = rotations.acquire(&ask).await.expect("redis");
    let Acquired::Got(held) = got else { panic!("{got:?}") };
    let grant = &held.grant;
    let intending = Intending {
        account,
        owner: "dead",
        lease,
        id: "dead-1",
        host: "dead",
        stored: Stored { version: grant.version, fp: grant.fp },
        presented: grant.fp,
        instead_of: None,
        silence: DAY,
        line: Line::new("rotating"),
    };
    let intended = rotations.intend(&intending).await.expect("redis");
    assert!(matches!(intended, Intended::Written { .. }), "{intended:?}");
    let journal = Journal::open(house.disk.path(), "dead", &vault, 1 << 20, DAY).expect("a folder");
    journal.intend(account, "dead-1").await.expect("written");
    let body = br#"{"reason":"Invalid Token!","error":"invalid_grant"}"#;
    let staged = Staged {
        id: "dead-1".to_owned(),
        account: account.clone(),
        kind: "oauth".to_owned(),
        version: grant.version.next(),
        lineage: vec![grant.fp],
        issuer: grant.issuer.clone(),
        client_id: grant.client_id.clone(),
        sent_ms: held.now_ms,
        probe: false,
        settles_ms: 0,
        plan: None,
        zoom_account: None,
        zoom_user: None,
        aliases: Vec::new(),
    };
    let reply = Reply::of(&RawTokenReply::new(400, body.to_vec()), None);
    journal.stage(&staged, &reply).expect("staged");
    journal
}

#[tokio::test]
async fn evidence_that_is_found_during_a_hold_is_judged_after_it() {
    let mut house = House::unlimited().await;
    let (ada, bob) = (house.import("ada").await, house.import("bob").await);
    let held = RotationSettings { settle_after_restart: HOLD, ..settings() };
    let tokens = house.tokens_with("one", held).await;
    token(&tokens, &bob).await;
    let asked = house.sim.counters().arrived.token;
    let journal = refused(&house, &ada).await;
    // A daemon that will not report.
    let none: &[String] = &[];
    let silent = Beat {
        process: "silent",
        committed_to: None,
        journals: none,
        seen: none,
        last_ms: None,
        hold: HOLD,
        run_id: "",
    };
    house.rotations().beat(&silent).await.expect("redis");
    house.redis.kill();
    house.redis.restart().expect("starts again");
    let begun = Instant::now();
    drop(journal);
    let file = house.disk.path().join("journal/zoomd.dead.journal");
    while file.exists() {
        assert!(begun.elapsed() < HOLD, "it is taken over during the hold");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    while begun.elapsed() < HOLD - Duration::from_millis(500) {
        assert_eq!(house.look(&ada).await.account.state, AccountState::Active, "no verdict yet");
        let intent = house.rotations().intent(&ada).await.expect("redis").expect("it stands");
        assert_eq!(intent.doubt, None, "there is an answer: it is not unknown");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let look = house.until_state(&ada, AccountState::NeedsReauth).await;
    assert_eq!(look.account.why.as_deref(), Some("refused"));
    assert!(begun.elapsed() < PATIENCE && !look.gate_closed());
    assert_eq!(house.sim.counters().arrived.token, asked, "zoom is not asked again");
}
